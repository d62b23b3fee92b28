// What this person has set aside. It is kept in this browser only and never sent: nobody else learns of it.

const store = 'zapis.aside';

export function readAside(): Set<string> {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(store) ?? '[]');
    return new Set(Array.isArray(list) ? list.filter((x): x is string => typeof x === 'string') : []);
  } catch { return new Set(); }
}

export function writeAside(set: Set<string>): void {
  try { if (set.size) localStorage.setItem(store, JSON.stringify([...set])); else localStorage.removeItem(store); } catch { /* kept for this page only */ }
}

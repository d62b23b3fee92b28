// Requests to the server this page came from; nothing else is ever asked.

export class Refused extends Error {
  constructor(readonly status: number) { super(`answer ${status}`); }
}

// get reads JSON. A session that has ended is 401.
export async function get<T>(path: string, params?: URLSearchParams, signal?: AbortSignal): Promise<T> {
  const q = params?.toString();
  const answer = await fetch(q ? `${path}?${q}` : path, { headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store', ...(signal ? { signal } : {}) });
  if (!answer.ok) throw new Refused(answer.status);
  return (await answer.json()) as T;
}

export async function post<T>(path: string, body?: unknown): Promise<T> {
  const answer = await fetch(path, {
    method: 'POST', credentials: 'same-origin', cache: 'no-store',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', 'X-Zapis': '1' },
    body: body === undefined ? '{}' : JSON.stringify(body),
  });
  if (!answer.ok) throw new Refused(answer.status);
  return (answer.status === 204 ? {} : await answer.json()) as T;
}

// picture fetches a picture and gives an address for it that dies with free().
export async function picture(path: string, signal?: AbortSignal): Promise<{ url: string; free(): void }> {
  const answer = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...(signal ? { signal } : {}) });
  if (!answer.ok) throw new Refused(answer.status);
  const url = URL.createObjectURL(await answer.blob());
  return { url, free: () => URL.revokeObjectURL(url) };
}

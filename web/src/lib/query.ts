// What a search box does with words; without a page, so that it can be tried.

// tail gives the part of a query that a completion takes the place of: its last word, with what stands before it left alone.
export function tail(query: string): string {
  const word = /[^\s,;(]*$/u.exec(query)?.[0] ?? '';
  return word.replace(/^-+/, '');
}

// completed gives the query with its last word completed, ready for the next one; after a field's name the value comes at once.
export function completed(query: string, insert: string): string {
  const t = tail(query);
  return query.slice(0, query.length - t.length) + insert + (insert.endsWith(':') ? '' : ' ');
}

// plainly shows a name that somebody else chose: no character of it may turn the writing around it, or hide. U+2068 and U+2069 fence it in.
export const plainly = (name: string): string => `\u2068${name.replace(/\p{C}/gu, '\ufffd') || '?'}\u2069`;

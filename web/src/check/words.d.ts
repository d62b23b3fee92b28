declare module 'virtual:words' {
  // The messages of this page in every language, taken from the catalogue at build time.
  export const languages: { code: string; name: string; dir: 'ltr' | 'rtl'; messages: Record<string, string> }[];
}

// The little of Node that tests need, so that its types need no package.
declare module 'node:fs' {
  export function readFileSync(path: URL | string): Uint8Array<ArrayBuffer>;
  export function readFileSync(path: URL | string, encoding: 'utf8'): string;
}
declare module 'node:module' {
  export function createRequire(from: string | URL): (name: string) => unknown;
}

// Building elements without markup in strings: the workspace forbids innerHTML.
import { frame } from './boot';

type Props = Record<string, string | boolean | ((e: Event) => void)>;

export function el<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, v] of Object.entries(props)) {
    if (typeof v === 'function') node.addEventListener(name, v);
    else if (v === true) node.setAttribute(name, '');
    else if (v !== false) node.setAttribute(name, v);
  }
  node.append(...children);
  return node;
}

export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'i');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `${frame.icons}#${name}`);
  svg.append(use);
  return svg;
}

// The few drawings of the page, as paths of a 20 × 20 field: nothing is fetched.
const paths = {
  check: ['m4.5 10.5 3.5 3.5 7.5-8'],
  half: ['M10 2.5a7.5 7.5 0 1 0 0 15z', 'M10 2.5a7.5 7.5 0 0 1 0 15'],
  none: ['M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 1 0 0-15', 'M7 10h6'],
  cross: ['m5 5 10 10', 'M15 5 5 15'],
  seal: ['M10 3a5 5 0 1 0 0 10 5 5 0 1 0 0-10', 'm7.8 8 1.6 1.6 3-3.1', 'm7 12.2-1 4.8 4-2 4 2-1-4.8'],
  warn: ['M10 3 2.5 16.5h15z', 'M10 8v4', 'M10 14.4v.1'],
  file: ['M5 2.5h6l4 4v11H5z', 'M11 2.5v4h4'],
  film: ['M3 4h14v12H3z', 'M6.5 4v12', 'M13.5 4v12', 'M3 8h3.5', 'M3 12h3.5', 'M13.5 8H17', 'M13.5 12H17'],
} as const;

export type IconName = keyof typeof paths;

const svgNamespace = 'http://www.w3.org/2000/svg';

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(svgNamespace, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', `i i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  paths[name].forEach((d, i) => {
    const path = document.createElementNS(svgNamespace, 'path');
    path.setAttribute('d', d);
    if (name === 'half' && i === 0) path.setAttribute('class', 'full');
    svg.append(path);
  });
  return svg;
}

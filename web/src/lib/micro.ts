// The covered picture of an item: 16 × 9 grey bytes, which come inside the list itself. No request, and nothing that
// could be recognised.

export const microWidth = 16;
export const microHeight = 9;

// draw paints base64 grey bytes on a canvas; it says whether there was anything to paint.
export function draw(canvas: HTMLCanvasElement, base64: string): boolean {
  canvas.width = microWidth;
  canvas.height = microHeight;
  const c = canvas.getContext('2d');
  if (!c || !base64) return false;
  const raw = atob(base64);
  if (raw.length !== microWidth * microHeight) return false;
  const image = c.createImageData(microWidth, microHeight);
  for (let i = 0; i < raw.length; i++) {
    const v = raw.charCodeAt(i);
    image.data.set([v, v, v, 255], i * 4);
  }
  c.putImageData(image, 0, 0);
  return true;
}

// micro is the Svelte action for it.
export function micro(canvas: HTMLCanvasElement, base64: string) {
  draw(canvas, base64);
  return { update: (next: string) => void draw(canvas, next) };
}

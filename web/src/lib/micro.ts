// The covered picture of an item: 16 × 9 grey bytes, which come inside the list itself. No request, and nothing that
// could be recognised.

export const microWidth = 16;
export const microHeight = 9;

const enlarge = 3;
let small: CanvasRenderingContext2D | null = null;

// draw paints base64 grey bytes on a canvas, dimmed and smoothed once: a filter in the style sheet would do it anew for every tile
// in every frame of scrolling. It says whether there was anything to paint.
export function draw(canvas: HTMLCanvasElement, base64: string): boolean {
  canvas.width = microWidth * enlarge;
  canvas.height = microHeight * enlarge;
  const c = canvas.getContext('2d');
  if (!small) {
    const one = document.createElement('canvas');
    one.width = microWidth;
    one.height = microHeight;
    small = one.getContext('2d');
  }
  if (!c || !small || !base64) return false;
  const raw = atob(base64);
  if (raw.length !== microWidth * microHeight) return false;
  const image = small.createImageData(microWidth, microHeight);
  for (let i = 0; i < raw.length; i++) {
    const v = 19 + raw.charCodeAt(i) * 0.68;
    image.data[4 * i] = image.data[4 * i + 1] = image.data[4 * i + 2] = v;
    image.data[4 * i + 3] = 255;
  }
  small.putImageData(image, 0, 0);
  c.imageSmoothingQuality = 'high';
  c.drawImage(small.canvas, 0, 0, canvas.width, canvas.height);
  return true;
}

// micro is the Svelte action for it.
export function micro(canvas: HTMLCanvasElement, base64: string) {
  draw(canvas, base64);
  return { update: (next: string) => void draw(canvas, next) };
}

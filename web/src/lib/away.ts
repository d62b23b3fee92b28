// The one sign that everything must be covered. Whatever shows or plays material listens to it.

export const awayEvent = 'zapis:away';
export const backEvent = 'zapis:back';

export function onAway(act: () => void): () => void {
  document.addEventListener(awayEvent, act);
  return () => document.removeEventListener(awayEvent, act);
}

// What the page hands to its scripts: a data block that no browser runs.
import { Words } from './message';

type Frame = { lang: string; icons: string; signedIn: boolean; t: Record<string, string> };

// data reads the data block with the given identifier.
export function data<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T) : null;
}

export const frame: Frame = data<Frame>('zapis') ?? { lang: 'en', icons: '', signedIn: false, t: {} };

// words joins the messages of the frame with those of a page.
export function words(more: Record<string, string> = {}): Words { return new Words(frame.lang, { ...frame.t, ...more }); }

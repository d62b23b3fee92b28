// The mask editor, and the second person's look.
import { mount } from 'svelte';
import Look from '../mask/Look.svelte';
import Mask from '../mask/Mask.svelte';
import Panel from '../mask/Panel.svelte';
import { boot } from '../mask/words';

const editor = document.querySelector('zapis-mask');
if (editor && boot) mount(Mask, { target: editor });
const panel = document.querySelector('zapis-mask-panel');
if (panel && boot) mount(Panel, { target: panel });
const look = document.querySelector('zapis-look');
if (look && boot) {
  mount(Look, { target: look });
  // With the island the frames are stepped through there; the plain list stays for those without script.
  for (const e of document.querySelectorAll<HTMLElement>('[data-plain]')) e.hidden = true;
}

// The archive browser.
import { mount } from 'svelte';
import Archive from '../archive/Archive.svelte';
import { Desk } from '../archive/desk.svelte';
import Search from '../archive/Search.svelte';

const target = document.querySelector('zapis-archive');
const slot = document.getElementById('search');
if (target) {
  const desk = new Desk();
  mount(Archive, { target, props: { desk } });
  if (slot) mount(Search, { target: slot, props: { desk } });
}

// The player and the lanes of one item.
import { mount } from 'svelte';
import Item from '../item/Item.svelte';
import { boot } from '../item/words';

const target = document.querySelector('zapis-item');
if (target && boot) mount(Item, { target });

// Marking by keyboard alone: a mark and a span, live and by in and out, a part of the picture, undo and redo, a lost connection, a Russian
// layout, and the way from a hit to its second.
import { axe, expect, tolerate, until } from './run.mjs';

// press sends a key as a keyboard with another layout would: the place of the key with another letter on it.
async function pressed(page, type, code, key, extra = {}) {
  await page.evaluate(([t, c, k, x]) => (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent(t, { code: c, key: k, bubbles: true, cancelable: true, ...x })), [type, code, key, extra]);
}

export async function noteSteps({ step, page, base, shot, item }) {
  const goto = (path) => page.goto(base + path, { waitUntil: 'load' });
  const list = page.locator('.nt-list > li');
  const source = async () => Number((await page.locator('[data-source]').getAttribute('data-source')) || NaN);
  const kept = () => page.evaluate(async (id) => (await (await fetch(`/api/items/${id}/notes`)).json()).notes, item());
  const settled = (n) => until(`${n} notes are kept`, async () => (await list.count()) === n && (await kept()).length === n && (await page.locator('.nt-list .tag.o, .nt-list .tag.c').count()) === 0);

  await step('notes: open, covered, with frames of the original', async () => {
    await goto(`/items/${item()}`);
    await page.locator('.panel-tabs [role=tab]').first().waitFor();
    await until('the frames of the original', async () => Number.isFinite(await source()));
    await until('the panel', () => page.locator('zapis-notes .nt-bar').count());
    await axe(page, 'item with notes, none yet');
    await shot(page, 'note-none');
    await page.locator('#t-notes').focus();
    await page.keyboard.press('End');
    expect(await page.locator('#p-about').isVisible() && !(await page.locator('#p-notes').isVisible()), 'arrows do not turn the panel');
    await page.keyboard.press('Home');
    await page.locator('#t-notes').blur();
  });

  await step('notes: in and out, edges by a frame, text', async () => {
    await page.keyboard.press('Shift+U');
    await until('the first frame', () => page.locator('video').evaluate((v) => v.readyState >= 2));
    for (let i = 0; i < 6; i++) await page.keyboard.press('.');
    await page.keyboard.press('i');
    const from = await source();
    for (let i = 0; i < 9; i++) await page.keyboard.press('.');
    await page.keyboard.press('o');
    const to = await source();
    expect(to > from, `frames ${from} to ${to}`);
    await page.keyboard.press(']');
    await page.keyboard.press(']');
    await page.keyboard.press('[');
    expect((await page.locator('.nt-two input').nth(1).inputValue()) === String(to + 1), `the edge is at ${await page.locator('.nt-two input').nth(1).inputValue()}, not ${to + 1}`);
    expect((await source()) === to + 1, 'the player does not follow the edge');
    await page.keyboard.press('Enter');
    await page.keyboard.type('A door opens');
    await axe(page, 'note being written');
    await shot(page, 'note-edit');
    await page.keyboard.press('Control+Enter');
    await settled(1);
    const [n] = await kept();
    expect(n.frameFrom === from && n.frameTo === to + 1 && n.body === 'A door opens', `kept as ${JSON.stringify(n)}`);
    const wide = await page.evaluate((f) => fetch(`/api/items/${f}/frames`).then((r) => r.headers.get('content-type')), item());
    expect(/zapis\.frames/.test(wide), `frames come as ${wide}`);
  });

  await step('notes: hold to mark while it plays', async () => {
    await page.evaluate(() => fetch('/api/me/marking', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"reaction":200}' }));
    await page.reload();
    await until('the frames of the original', async () => Number.isFinite(await source()));
    await page.keyboard.press('k');
    await until('it plays', async () => (await source()) > 12);
    const at = await source();
    await page.keyboard.down('e');
    await page.locator('.nt-live').waitFor();
    await page.waitForTimeout(700);
    await page.keyboard.up('e');
    await page.keyboard.press('k');
    await settled(2);
    const n = (await kept()).find((x) => x.body === '');
    expect(n.frameTo > n.frameFrom, `a held key made ${JSON.stringify(n)}`);
    expect(n.frameFrom <= at - 1 && n.frameFrom >= at - 12, `it was pressed at about frame ${at} and begins at ${n.frameFrom}`);
  });

  await step('notes: undo and redo', async () => {
    await page.keyboard.press('z');
    await settled(1);
    await page.keyboard.press('Shift+Z');
    await settled(2);
    await page.keyboard.press('Delete');
    await settled(1);
    await page.keyboard.press('z');
    await settled(2);
  });

  await step('notes: part of the picture, by keys and figures', async () => {
    await list.first().locator('button').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('.nt-form').waitFor();
    await page.evaluate(() => document.activeElement.blur());
    if (await page.locator('.stage.covered').count()) await page.keyboard.press('Shift+U');
    await page.keyboard.press('r');
    await page.locator('.nt-region.mine').waitFor();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Shift+ArrowRight');
    const figures = () => page.locator('.nt-four input').evaluateAll((all) => all.map((e) => Number(e.value)));
    expect(String(await figures()) === '38.5,36.5,26,25', `the region is ${await figures()}`);
    await page.locator('.nt-four input').nth(3).fill('40');
    await page.keyboard.press('Tab');
    expect(String(await figures()) === '38.5,36.5,26,40', `figures lead to ${await figures()}`);
    await page.keyboard.press('z'); // one step back
    expect(String(await figures()) === '38.5,36.5,26,25', `one step back leads to ${await figures()}`);
    await axe(page, 'part of the picture');
    await shot(page, 'note-region');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('r');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Control+Enter');
    await until('the region is kept', async () => (await kept()).some((n) => String(n.region) === '385000,365000,260000,250000'));
  });

  await step('notes: a lost connection loses nothing', async () => {
    const before = (await kept()).length;
    tolerate(/ERR_INTERNET_DISCONNECTED/);
    await page.context().setOffline(true);
    await page.keyboard.press('Enter');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('e'); // the film stands: this moment
    await page.locator('#p-notes [role=alert]').waitFor();
    await axe(page, 'not sent yet');
    await shot(page, 'note-offline');
    expect((await list.count()) === before + 1, 'what was not sent is not shown');
    let asked = false;
    page.once('dialog', (d) => { asked = d.type() === 'beforeunload'; void d.dismiss(); });
    await page.evaluate(() => location.assign('/archive')).catch(() => {});
    await page.waitForTimeout(300);
    expect(asked && /\/items\//.test(page.url()), 'leaving is not asked about');
    await page.context().setOffline(false);
    await page.locator('#p-notes [role=alert] button').click().catch(() => {}); // it may have gone by itself
    await settled(before + 1);
    expect((await page.locator('#p-notes [role=alert]').count()) === 0, 'it still says that something waits');
    tolerate(null);
  });

  await step('notes: keys follow the place on a Russian layout', async () => {
    const before = (await kept()).length;
    await page.evaluate(() => document.activeElement.blur());
    await pressed(page, 'keydown', 'KeyI', 'ш');
    await pressed(page, 'keydown', 'KeyO', 'щ');
    await pressed(page, 'keydown', 'BracketRight', 'ъ');
    await pressed(page, 'keydown', 'KeyE', 'у');
    await pressed(page, 'keyup', 'KeyE', 'у');
    await until('marked by the letter у', async () => (await kept()).length > before);
  });

  await step('notes: every address of a second', async () => {
    await goto('/archive');
    await goto(`/items/${item()}#t=1.5`);
    await until('the second of the address', async () => Number(await page.locator('[data-frame]').getAttribute('data-frame')) > 10);
    const v = await page.locator('video').evaluate((e) => ({ src: e.getAttribute('src'), paused: e.paused }));
    expect(!v.src && v.paused && (await page.locator('.stage.covered').count()) === 1, 'a hit opens uncovered or plays by itself');
    const href = await (async () => { await list.first().locator('button').first().click(); return page.locator('.nt-list a[href^="/catalogue/new"]').getAttribute('href'); })();
    expect(/item=it_.*from=[\d.]+.*to=[\d.]+/.test(href), `evidence begins at ${href}`);
    const vtt = await page.evaluate((id) => fetch(`/items/${id}/notes/vtt`).then((r) => r.text()), item());
    expect(vtt.startsWith('WEBVTT'), 'notes do not leave as WebVTT');
    await axe(page, 'item with notes');
    await shot(page, 'note-list');
  });

  await step('notes: with keys switched off', async () => {
    const before = (await kept()).length;
    await page.evaluate(() => localStorage.setItem('zapis.keys', 'off'));
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('e');
    await page.waitForTimeout(300);
    expect((await kept()).length === before, 'single keys mark although they are off');
    await page.evaluate(() => localStorage.removeItem('zapis.keys'));
  });
}

// Masks by keyboard and by pointer, versions, the check for gaps, and the second person's look; in another layout, with keys switched off, without
// script, at 390 px and in both schemes.
import { axe, expect, open, tolerate, until } from './run.mjs';

export async function maskSteps({ step, page, base, shot, item, browser }) {
  const goto = (p, path) => p.goto(base + path, { waitUntil: 'load' });
  let plan = '';
  const boxes = () => page.locator('zapis-mask-panel .nt-four input').evaluateAll((all) => all.map((e) => Number(e.value)));
  const masks = () => page.locator('#pm-masks ~ .pm-list > li').count();
  const us = async () => Number(await page.locator('[data-us]').getAttribute('data-us'));
  const blur = () => page.evaluate(() => document.activeElement?.blur());
  const saved = async () => Number((await page.locator('.pm-vers li b').first().textContent()) ?? 0);
  const state = () => page.evaluate(async (id) => (await (await fetch(`/api/plans/${id}/state`)).json()), plan);

  await step('masks: begin a plan from a recording', async () => {
    await goto(page, `/items/${item()}`);
    await page.locator('.trans a[href^="/plans?item="]').click();
    await page.waitForURL(/\/plans\?item=/);
    await axe(page, 'plans, new');
    await page.locator('input[name=title]').fill('Двор');
    await page.locator('input[name=to]').fill('3');
    await page.locator('form[action="/plans"] button').click();
    await page.waitForURL(/\/plans\/pl_/);
    plan = new URL(page.url()).pathname.split('/').pop();
    await page.locator('.pm-stage').waitFor();
    const v = await page.locator('.pm-stage video').evaluate((e) => ({ src: e.getAttribute('src'), paused: e.paused, muted: e.muted }));
    expect(!v.src && v.paused && (await page.locator('.stage.covered').count()) === 1, 'the editor opens uncovered or plays by itself');
    await axe(page, 'plan, covered');
    await shot(page, 'plan-covered');
    await until('the frames of the original', async () => page.evaluate(async (id) => (await fetch(`/api/items/${id}/frames`)).ok, item()));
    await page.reload();
    await page.locator('.pm-stage').waitFor();
  });

  await step('masks: by keyboard alone', async () => {
    await page.keyboard.press('Shift+U');
    await until('the first frame', () => page.locator('video').evaluate((v) => v.readyState >= 2));
    expect(await page.locator('video').evaluate((v) => v.muted), 'it is not silent');
    await page.keyboard.press('r');
    await until('a mask', async () => (await masks()) === 1);
    const from = await boxes();
    expect(String(from) === '45,42,10,16', `a new mask is at ${from}`);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Alt+ArrowLeft');
    expect(String(await boxes()) === '45.9,41,10,17', `keys lead to ${await boxes()}`);
    await axe(page, 'plan, drawing');
    await shot(page, 'plan-drawing');
    // Ten pictures on, or more where the original has fewer than the working copy.
    const times = new Set();
    for (let i = 0; i < 10 || (i < 400 && times.size < 6); i++) { await page.keyboard.press('.'); times.add(await us()); }
    const there = await us();
    expect(there > 100_000, `some frames on is ${there} µs, frame ${await page.locator('[data-us]').getAttribute('data-frame')}`);
    for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowRight');
    expect((await page.locator('.tl .pm-k').count()) === 2, 'changing it elsewhere sets no key frame');
    await page.keyboard.press('Enter');
    await page.keyboard.press('d');
    const mid = await us();
    expect(mid > 0 && mid < there, `the middle is ${mid}`);
    const [x] = await boxes();
    expect(x > 49 && x < 52, `in the middle it is at ${x} %`);
    const drawn = await page.locator('.pm-over rect.m').first().evaluate((r) => (100 * Number(r.getAttribute('x'))) / r.ownerSVGElement.viewBox.baseVal.width);
    expect(Math.abs(drawn - x) < 0.2, `the mask is drawn at ${drawn} %, the figures say ${x}`);
    await page.keyboard.press('n');
    expect(Math.abs((await us()) - there) < 2, 'N does not lead to the next mark');
    await page.keyboard.press('p');
    expect((await us()) < 2, 'P does not lead to the mark before');
    await page.keyboard.press('h');
    expect(await page.locator('#pm-masks ~ .pm-list').textContent().then((t) => !/end/.test(t)), 'H does not take the hold away');
    await page.keyboard.press('h');
  });

  await step('masks: undo, redo, and a lost hold of the pointer', async () => {
    const before = await boxes();
    await page.keyboard.press('Delete');
    expect((await masks()) === 0, 'it is not removed');
    await page.keyboard.press('z');
    expect((await masks()) === 1, 'it does not come back');
    await page.locator('.pm-go').first().click();
    await blur();
    expect(String(await boxes()) === String(before), 'it comes back elsewhere');
    await page.keyboard.press('Shift+Z');
    expect((await masks()) === 0, 'redo does nothing');
    await page.keyboard.press('z');
  });

  await step('masks: by pointer', async () => {
    if (await page.locator('.stage.covered').count()) await page.keyboard.press('Shift+U');
    await page.keyboard.press('r');
    await page.locator('.pm-over.drawing').waitFor();
    await page.evaluate(() => document.querySelector('.pm-stage').scrollIntoView({ block: 'center' }));
    const b = await page.locator('.pm-over').boundingBox();
    const stage = await page.locator('.pm-stage').boundingBox();
    expect(b.x >= stage.x - 1 && b.y >= stage.y - 1 && b.x + b.width <= stage.x + stage.width + 1 && b.y + b.height <= stage.y + stage.height + 1, 'a part of the picture is out of sight');
    const at = (x, y) => [b.x + b.width * x, b.y + b.height * y];
    await page.mouse.move(...at(0.05, 0.7));
    await page.mouse.down();
    await page.mouse.move(...at(0.15, 0.8));
    await page.mouse.move(...at(0.25, 0.9));
    await page.mouse.up();
    await until('a second mask', async () => (await masks()) === 2);
    const drawn = await boxes();
    expect(Math.abs(drawn[0] - 5) < 0.6 && Math.abs(drawn[3] - 20) < 0.9, `drawn at ${drawn}`);
    await page.mouse.move(...at(0.15, 0.8));
    await page.mouse.down();
    await page.mouse.move(...at(0.2, 0.75));
    await page.mouse.move(...at(0.25, 0.7));
    await page.mouse.up();
    const moved = await boxes();
    expect(Math.abs(moved[0] - drawn[0] - 10) < 0.6 && Math.abs(moved[2] - drawn[2]) < 0.01, `moved to ${moved}`);
    const corner = [(moved[0] + moved[2]) / 100, (moved[1] + moved[3]) / 100];
    await page.mouse.move(...at(...corner));
    await page.mouse.down();
    await page.mouse.move(...at(corner[0] + 0.05, corner[1] - 0.05));
    await page.mouse.move(...at(corner[0] + 0.1, corner[1] - 0.1));
    await page.mouse.up();
    const sized = await boxes();
    expect(Math.abs(sized[2] - moved[2] - 10) < 0.6 && Math.abs(sized[3] - moved[3] + 10) < 0.9, `sized to ${sized}`);
    await page.keyboard.press('z');
    expect(String(await boxes()) === String(moved), 'one movement is not one step back');
    await page.locator('#pm-track ~ fieldset select').first().selectOption('pixelate');
    expect(await page.locator('#pm-track ~ fieldset option[value=blur]').first().isDisabled(), 'blur is offered');
    await shot(page, 'plan-masks');
  });

  await step('masks: cuts, sound, hidden picture', async () => {
    await page.locator('#pm-cuts ~ .pm-list .pm-go').first().click();
    await blur();
    await page.keyboard.press('o');
    const to = await page.locator('.nt-two input').nth(1).inputValue();
    await page.keyboard.press(']');
    expect((await page.locator('.nt-two input').nth(1).inputValue()) !== to, 'an edge does not move by a frame');
    await page.keyboard.press('z');
    await page.keyboard.press('z');
    await page.locator('zapis-mask-panel input[type=checkbox]').check();
    await page.keyboard.press('z');
    await blur();
    await page.locator('#pm-sound ~ label select').selectOption('keep');
    await page.locator('#pm-sound ~ .nt-bar .btn').first().click();
    await page.locator('#pm-stretch').waitFor();
    await page.locator('#pm-stretch ~ fieldset select').first().selectOption('tone');
    await axe(page, 'plan, span of sound');
    await blur();
  });

  await step('masks: save, and somebody else is faster', async () => {
    let asked = false;
    page.once('dialog', (d) => { asked = d.type() === 'beforeunload'; void d.dismiss(); });
    await page.evaluate(() => location.assign('/archive')).catch(() => {});
    await page.waitForTimeout(300);
    expect(asked && /\/plans\//.test(page.url()), 'leaving with changes is not asked about');
    await page.locator('#pm-note').fill('две маски');
    await page.locator('.pm-save button').click();
    await until('it is saved', async () => (await saved()) === 2);
    await until('nothing is open', async () => (await page.locator('.pm-save button').isDisabled()));
    // The same plan, as another window would save it.
    const other = await page.evaluate(async (id) => {
      const p = JSON.parse(document.getElementById('boot').textContent).b.plan;
      p.picture.hide = true;
      const r = await fetch(`/api/plans/${id}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ base: 2, note: 'all hidden', plan: p }) });
      return r.status;
    }, plan);
    expect(other === 200, `the other window: ${other}`);
    await page.locator('#pm-masks ~ .pm-list .pm-go').first().click();
    await blur();
    await page.keyboard.press('Delete');
    await page.locator('.pm-save button').click();
    await page.locator('zapis-mask-panel [role=alert]').waitFor();
    expect(/version 3/.test(await page.locator('zapis-mask-panel [role=alert]').textContent()), 'it does not say what was saved meanwhile');
    await axe(page, 'plan, conflict');
    await shot(page, 'plan-conflict');
    await page.locator('zapis-mask-panel [role=alert] button').click();
    await page.waitForLoadState('load');
    await until('theirs', async () => (await saved()) === 3);
    await page.locator('#pm-ver ~ form button').click();
    await until('the difference in words', async () => /hidden/i.test(await page.locator('#pm-ver ~ ul').textContent()));
  });

  await step('masks: keys follow their place, and can be switched off', async () => {
    const key = (code, k, extra = {}) => page.evaluate(([c, x, e]) => (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { code: c, key: x, bubbles: true, cancelable: true, ...e })), [code, k, extra]);
    await goto(page, `/plans/${plan}`);
    await page.locator('.pm-tools').waitFor();
    const before = await masks();
    await key('KeyR', 'К', { shiftKey: true });
    await until('a mask by the letter К', async () => (await masks()) === before + 1);
    expect(/показ|shows/i.test(await page.locator('#pm-masks ~ .pm-list').textContent()), 'where all is hidden a new region does not show');
    await key('KeyZ', 'я');
    expect((await masks()) === before, 'undo by the letter я');
    await key('Enter', 'Enter');
    await page.evaluate(() => localStorage.setItem('zapis.keys', 'off'));
    await page.keyboard.press('Shift+R');
    expect((await masks()) === before, 'single keys draw although they are off');
    await page.evaluate(() => localStorage.removeItem('zapis.keys'));
  });

  await step('masks: every frame is checked', async () => {
    await page.locator('#pm-check ~ p .btn').click();
    await until('the check is done', async () => (await state()).check?.state === 'done', 120_000);
    await page.locator('#pm-check ~ .pm-good, #pm-check ~ .redw').waitFor();
    await axe(page, 'plan, checked');
    await shot(page, 'plan-checked');
    const open = () => page.locator('#pm-check ~ .pm-list > li form');
    for (let i = 0; i < 100 && (await open().count()); i++) {
      const n = await open().count();
      await page.locator('#pm-check ~ .pm-list .pm-go').first().click();
      await open().first().locator('input').fill('nobody there');
      await open().first().locator('button').click();
      await until('it is dismissed', async () => (await open().count()) < n);
    }
    await page.locator('#pm-check ~ .pm-good').waitFor();
  });

  await step('masks: the author is not the second person', async () => {
    await goto(page, `/plans/${plan}/look`);
    expect((await page.locator('zapis-look').count()) === 0 && (await page.locator('button[value=approve]').count()) === 0, 'the author is offered the second look');
    await axe(page, 'look of the author');
  });

  await step('masks: another person looks and approves', async () => {
    await goto(page, '/people');
    await page.locator('form.row-form:has(input[value=invite]) input[name=name]').fill('Друга');
    await page.locator('form.row-form:has(input[value=invite]) select[name=role]').selectOption('publisher');
    await page.locator('form.row-form:has(input[value=invite]) details summary').click();
    await page.locator('form.row-form:has(input[value=invite]) input[name=which][value=all]').check();
    await page.locator('form.row-form:has(input[value=invite]) button.primary').click();
    const link = (await page.locator('.linkbox').textContent()).trim();
    const second = await open(browser, base);
    await second.goto(link);
    await second.getByRole('button').first().click();
    await second.waitForURL(/\/(setup|archive)/);
    await goto(second, `/plans/${plan}/look`);
    await second.locator('.pm-stops').waitFor();
    const approve = second.locator('button[value=approve]');
    expect(await approve.isDisabled(), 'approving is offered before anything was seen');
    await axe(second, 'second look, covered');
    let frames = 0;
    second.on('request', (r) => { if (/\/look\/\d+\//.test(r.url())) frames++; });
    await second.keyboard.press('n');
    await second.waitForTimeout(300);
    expect(frames === 0, 'a frame leaves the server although the picture is covered');
    await second.keyboard.press('Shift+U');
    await second.locator('.pm-still').waitFor();
    await axe(second, 'second look');
    await shot(second, 'plan-look');
    const stops = await second.locator('.pm-stops ol li').count();
    for (let i = 0; i < stops; i++) {
      await until('this stop was shown', async () => (await second.locator('.pm-stops li .btn.on .tag').count()) === 1);
      await second.keyboard.press('n');
    }
    await until('all were seen', async () => !(await approve.isDisabled()));
    await second.keyboard.press('Escape');
    await until('stepping away covers', async () => (await second.locator('.pm-still').count()) === 0);
    await second.keyboard.press('Escape');
    await goto(second, `/plans/${plan}/look`);
    await second.locator('.pm-stops').waitFor();
    await until('what was seen is remembered', async () => !(await approve.isDisabled()));
    await second.locator('textarea[name=why]').first().fill('every stop');
    await approve.click();
    await second.waitForURL(new RegExp(`/plans/${plan}`));
    await axe(second, 'plan, approved');
    await second.context().close();
    await goto(page, '/plans');
    expect(/approved/.test(await page.locator('table').textContent()), 'the list does not say that it is approved');
    await axe(page, 'plans');
    await shot(page, 'plans');
  });

  await step('masks: without script, at 390 px, in light colours and in Russian', async () => {
    const cookies = await page.context().storageState();
    const bare = await open(browser, base, { javaScriptEnabled: false, storageState: cookies });
    for (const path of ['/plans', `/plans?item=${item()}#new`, `/plans/${plan}`, `/plans/${plan}/look`]) {
      await goto(bare, path);
      expect(await bare.locator('main h1').count(), `no heading at ${path} without script`);
    }
    await goto(bare, `/plans/${plan}`);
    await bare.locator('details.pm-more summary').first().click();
    await bare.locator('form:has(button[value=cut-add]) input[name=from]').fill('0');
    await bare.locator('form:has(button[value=cut-add]) input[name=to]').fill('1');
    await bare.locator('button[value=cut-add]').click();
    await bare.waitForURL(/done=plan-saved/);
    await bare.context().close();
    const small = await open(browser, base, { viewport: { width: 390, height: 800 }, colorScheme: 'light', storageState: cookies, locale: 'ru-RU' });
    await goto(small, `/plans/${plan}`);
    await small.locator('.pm-stage').waitFor();
    await small.evaluate(() => { document.documentElement.dataset.scheme = 'light'; });
    await axe(small, 'plan at 390 px, light');
    await shot(small, 'plan-390');
    const over = await small.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over <= 0, `the editor is ${over} px too wide at 390 px`);
    await goto(small, '/plans');
    const wide = await small.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide <= 0, `the list is ${wide} px too wide at 390 px`);
    await small.context().close();
  });
  tolerate(null);
}

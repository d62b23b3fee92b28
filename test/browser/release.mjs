// The release desk by its pages alone: what each release waits for, a desk with its checklist, the text in a language, the texts as they go
// out, the page before a withdrawal, and a file that is checked. No script is needed for any of it; the walk looks at both schemes and at 390 px.
import { axe, expect, until } from './run.mjs';

export async function releaseSteps({ step, page, base, shot }) {
  const goto = (path) => page.goto(base + path, { waitUntil: 'load' });
  const fits = async (name) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide <= 0, `${name} is ${wide} px wider than the screen`);
  };
  // small looks at a page as on a telephone, and back.
  const small = async (name) => {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 390, height: 844 });
    await fits(name);
    await axe(page, `${name}, 390 px`);
    await shot(page, `${name}-390`);
    await page.setViewportSize(size);
  };
  let desk = '';

  await step('releases: by what they wait for', async () => {
    await goto('/releases');
    await axe(page, 'releases');
    await shot(page, 'releases');
    await small('releases');
    expect((await page.locator('.rail a.on').getAttribute('href')) === '/releases', 'the rail does not show where one is');
    const all = page.locator('.rel-list h3 a');
    expect((await all.count()) > 0, 'nothing was released');
    const out = page.locator('section[aria-labelledby=g-out] h3 a');
    desk = await ((await out.count()) ? out : all).first().getAttribute('href');
  });

  await step('releases: the desk of one', async () => {
    await goto(desk);
    expect((await page.locator('.rel-gates tbody tr').count()) >= 15, 'the checklist is short');
    expect((await page.locator('.rel-gates tbody td .tag').count()) >= 15, 'a check has no state');
    await axe(page, 'release');
    await shot(page, 'release');
    await small('release');
    for (const d of await page.locator('details.add > summary').all()) await d.click();
    await axe(page, 'release, forms open');
    await small('release-forms');
  });

  await step('releases: text, preview, withdrawal', async () => {
    await goto(desk);
    const text = await page.locator('a[href*="/text?in="]').first().getAttribute('href');
    await goto(text.replace(/#.*/, ''));
    await axe(page, 'release text');
    await shot(page, 'release-text');
    await small('release-text');
    const claims = page.locator('a[href*="/claims?sentence="]');
    if (await claims.count()) {
      await goto(await claims.first().getAttribute('href'));
      await axe(page, 'release claims');
      await page.locator('form[role=search] input[name=q]').nth((await page.locator('form[role=search] input[name=q]').count()) - 1).press('Enter');
      await page.waitForLoadState('load');
      await axe(page, 'release claims, found');
      await small('release-claims');
    }
    await goto(`${desk}/preview`);
    await axe(page, 'release preview');
    await small('release-preview');
    await goto(desk);
    const away = page.locator('a[href$="/withdraw"]');
    if (await away.count()) {
      await away.first().click();
      await page.waitForURL(/\/withdraw$/);
      await axe(page, 'release withdraw');
      await small('release-withdraw');
    }
  });

  await step('releases: check a clip', async () => {
    await goto('/match');
    await axe(page, 'match');
    await small('match');
    await page.locator('main input[type=file]').setInputFiles({ name: 'somebody-sent-this.mp4', mimeType: 'video/mp4', buffer: Buffer.from('no film at all') });
    await page.locator('main form button').click();
    await until('the answer', () => page.locator('#found').count());
    await axe(page, 'match, answered');
    await shot(page, 'match');
  });

  await step('releases: by day', async () => {
    for (const path of ['/releases', desk]) {
      await goto(path);
      await page.evaluate(() => { document.documentElement.dataset.scheme = 'light'; });
      await axe(page, `${path === desk ? 'release' : 'releases'}, light`);
    }
    await shot(page, 'release-light');
  });
}

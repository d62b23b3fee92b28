// From a span on the page of an item to the public page, in the browser alone, by two people: one draws, asks machines, has every frame walked and
// writes; another one looks and agrees. What must not pass is tried on the way: the author's own approval, a face without a mask, a testimony without
// consent, a name of a file in a text.
//
//   node test/browser/desk.mjs --program bin/zapis [--shots DIR]
//
// It makes an archive of its own in a folder of the system for temporary files, with seconds of a film that the distribution has, and serves it.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { axe, expect, launch, open, problem, problems, say, shots, tolerate, totp, until } from './run.mjs';

const { values: args } = parseArgs({ options: { program: { type: 'string', default: 'bin/zapis' }, shots: { type: 'string' }, film: { type: 'string', default: '/usr/share/doc/opencv-doc/examples/data/Megamind.avi' } } });
const program = resolve(args.program);
const shot = shots(args.shots);
if (!existsSync(args.film)) {
  say('desk: the film of opencv-doc is not there');
  process.exit(process.env.ZAPIS_TEST_REQUIRE === '1' ? 1 : 0);
}
const work = mkdtempSync(join(tmpdir(), 'zapis-desk-'));
const home = join(work, 'archive');
const trace = 'yard_kolodna_7731'; // the name of the file, which nobody outside may read
// Nothing of the archive comes from the settings of who runs this, and the log ticks every few seconds instead of once a day.
const env = { ...Object.fromEntries(Object.entries(process.env).filter(([k]) => !k.startsWith('ZAPIS_'))), ZAPIS_LOG_EVERY: '5s', ZAPIS_SITE_NAME: 'Walk', ZAPIS_SITE_LANGUAGES: 'en' };
const globals = ['--home', home, '--passphrase-file', join(work, 'passphrase')];
const zapis = (...a) => execFileSync(program, [...globals, ...a], { env, cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
const servers = [];

// serve starts a server and waits for what it says of its address.
function serve(pattern, ...a) {
  const child = spawn(program, a, { env, cwd: work, stdio: ['ignore', 'pipe', 'pipe'] });
  servers.push(child);
  return new Promise((found, failed) => {
    let said = '';
    const read = (b) => { said += b; const m = pattern.exec(said); if (m) found(m[0]); };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => failed(new Error(`the server ended with ${code}: ${said.slice(-400)}`)));
    setTimeout(() => failed(new Error(`no address: ${said.slice(-400)}`)), 60_000).unref();
  });
}

const begun = Date.now();
let steps = 0;
let broken = false;
async function step(name, act) {
  if (broken) return; // each step stands on the one before
  const before = problems.length, start = Date.now();
  try { await act(); } catch (e) { broken = true; problem(`${name}: ${String(e.message).split('\n').slice(0, 4).join(' ')}`); }
  steps++;
  say(`${problems.length === before ? 'ok  ' : 'FAIL'} desk: ${name} (${Date.now() - start} ms)`);
}

let browser, base, author, second, plan, release, item;
const goto = (p, path) => p.goto(base + path, { waitUntil: 'load' });
// acted waits for the page that a form leads to. A click alone may still be on its way when the next step looks.
async function acted(p, button) {
  const [answer] = await Promise.all([p.waitForResponse((r) => r.request().isNavigationRequest() && r.status() !== 303, { timeout: 60_000 }), button.click()]);
  await p.waitForLoadState('load');
  return answer.status();
}
// both looks at a page in the other scheme and on a telephone.
async function both(p, name) {
  const size = p.viewportSize();
  await p.setViewportSize({ width: 390, height: 844 });
  await p.evaluate(() => { document.documentElement.dataset.scheme = 'dark'; });
  const over = await p.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over <= 0, `${name} is ${over} px too wide at 390 px`);
  await rules(p, `${name}, 390 px, dark`);
  await shot(p, `desk-${name.replaceAll(' ', '-')}-390-dark`);
  await p.setViewportSize(size);
  await p.evaluate(() => { delete document.documentElement.dataset.scheme; });
}
// rules asks for the rules of accessibility with everything scrolled back: what lies half under a bar is no finding.
const rules = async (p, name) => {
  await p.evaluate(() => { for (const e of document.querySelectorAll('*')) if (e.scrollTop > 0) e.scrollTop = 0; });
  await axe(p, name);
};
// gallery keeps pictures of a page as each person sees it: in two languages, by day and by night, wide and narrow. Only with --shots.
const galleries = {};
async function gallery(p, name, path) {
  if (!args.shots) return;
  for (const lang of ['en', 'ru']) {
    const one = (galleries[`${lang} ${p === author}`] ??= await open(browser, base, { locale: lang === 'en' ? 'en-GB' : 'ru-RU', storageState: await p.context().storageState() }));
    await goto(one, path);
    await one.waitForTimeout(250);
    for (const scheme of ['light', 'dark']) for (const width of [1280, 390]) {
      await one.setViewportSize({ width, height: width === 1280 ? 900 : 844 });
      await one.evaluate((s) => { document.documentElement.dataset.scheme = s; }, scheme);
      await one.waitForTimeout(60);
      const over = await one.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(over <= 0, `${name} in ${lang} is ${over} px too wide at ${width} px`);
      await one.screenshot({ path: `${args.shots}/g-${name}-${lang}-${scheme}-${width}.png`, fullPage: true });
    }
  }
}
const state = (p) => p.evaluate(async (id) => (await (await fetch(`/api/plans/${id}/state`)).json()), plan);
const masks = (p) => p.locator('#pm-masks ~ .pm-list > li').count();
const uncover = async (p) => {
  if (await p.locator('.stage.covered').count()) await p.keyboard.press('Shift+U');
  await until('a picture', () => p.locator('.pm-stage video').evaluate((v) => v.readyState >= 2));
};
// still waits until the picture that was gone to is the one that is shown: a key frame is set at what is shown.
const still = async (p) => {
  let last = '';
  await until('the picture stands', async () => {
    const now = await p.evaluate(() => `${document.querySelector('.pm-stage video').seeking} ${document.querySelector('[data-us]').dataset.us}`);
    const same = now === last && now.startsWith('false');
    last = now;
    await p.waitForTimeout(150);
    return same;
  });
};
const save = async (p, note) => {
  const version = async () => Number(await p.locator('.pm-vers li b').first().textContent());
  const was = await version();
  await p.locator('#pm-note').fill(note);
  await p.locator('.pm-save button').click();
  await until(`version: ${note}`, async () => (await version()) === was + 1);
  await p.evaluate(() => document.activeElement?.blur());
};
const walked = async (p) => {
  await p.locator('#pm-check ~ p .btn').click();
  await until('every frame was walked', async () => (await state(p)).check?.state === 'done', 120_000);
  await p.locator('#pm-check ~ .pm-good, #pm-check ~ .redw').first().waitFor();
};

try {
  await step('an archive with one recording', async () => {
    mkdirSync(join(work, 'disk'));
    writeFileSync(join(work, 'passphrase'), 'one two three four five six seven eight\n', { mode: 0o600 });
    execFileSync('ffmpeg', ['-v', 'error', '-ss', '2', '-i', args.film, '-t', '5', '-an', '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '22', '-pix_fmt', 'yuv420p', '-movflags', '+faststart', join(work, 'disk', `${trace}.mp4`)]);
    zapis('init', '--work-factor', '10');
    zapis('log', 'init', '--origin', 'desk.zapis.example/log');
    const accession = JSON.parse(zapis('--json', 'accession', 'new', '--title', 'Walk').trim().split('\n').pop());
    zapis('ingest', '--accession', accession.id, join(work, 'disk'));
    zapis('worker', '--drain', '--passes');
    zapis('accession', 'close', accession.id);
    zapis('scope', 'publish', accession.id);
    base = new URL(await serve(/http:\/\/127\.0\.0\.1:\d+\/sign-in\/link\/[\w-]+/, ...globals, 'serve', '--listen', '127.0.0.1:0')).href;
    browser = await launch();
  });

  await step('two people', async () => {
    const link = base;
    base = new URL(base).origin;
    author = await open(browser, base);
    const settle = async (p, name) => {
      const secret = await p.locator('input[name=secret]').inputValue();
      await p.locator('input[name=name]').fill(name);
      await p.locator('input[name=password]').fill(`a long way over the hills of ${name}`);
      await p.locator('input[name=again]').fill(`a long way over the hills of ${name}`);
      await p.locator('input[name=code]').fill(totp(secret));
      await p.locator('section.choice').last().getByRole('button').click();
      await p.waitForURL(/\/archive/);
    };
    await author.goto(link);
    await author.getByRole('button').first().click();
    await author.waitForURL(/\/setup/);
    await settle(author, 'Olha');
    await goto(author, '/people');
    const invite = author.locator('form.row-form:has(input[value=invite])');
    await invite.locator('input[name=name]').fill('Druha');
    await invite.locator('select[name=role]').selectOption('publisher');
    await invite.locator('details summary').click();
    await invite.locator('input[name=which][value=all]').check();
    await acted(author, invite.locator('button.primary'));
    second = await open(browser, base);
    await second.goto((await author.locator('.linkbox').textContent()).trim());
    await second.getByRole('button').first().click();
    await second.waitForURL(/\/setup/);
    await settle(second, 'Druha');
  });

  await step('a span on the page of the recording becomes a plan', async () => {
    await goto(author, '/archive');
    await author.locator('.cells .cell').first().waitFor();
    item = await author.evaluate(async () => (await (await fetch('/api/items')).json()).items?.[0]?.id ?? '');
    if (!item) {
      await author.locator('.cells .cell').first().click();
      await until('the address keeps the item', () => /item=it_/.test(author.url()));
      item = new URL(author.url()).searchParams.get('item');
    }
    await goto(author, `/items/${item}`);
    await author.locator('.trans').first().waitFor();
    await until('the frames of the original', () => author.evaluate(async (id) => (await fetch(`/api/items/${id}/frames`)).ok, item));
    for (let i = 0; i < 6; i++) await author.keyboard.press('.');
    await author.keyboard.press('i');
    await author.locator('.scrub').focus();
    for (let i = 0; i < 2; i++) await author.keyboard.press('ArrowRight'); // a second each
    await author.keyboard.press('o');
    const redact = author.locator('.trans a[href^="/plans?item="]');
    await until('the span is handed on', async () => /from=.+to=/.test(await redact.getAttribute('href')));
    await redact.click();
    await author.waitForURL(/\/plans\?item=/);
    const [from, to] = [Number(await author.locator('input[name=from]').inputValue()), Number(await author.locator('input[name=to]').inputValue())];
    expect(from > 0.2 && to > from + 1.5, `the span arrives as ${from} to ${to}`);
    await rules(author, 'a plan is begun');
    await both(author, 'plan new');
    await gallery(author, 'plan-new', new URL(author.url()).pathname + new URL(author.url()).search);
    await author.locator('input[name=title]').fill('Two people at a door');
    await acted(author, author.locator('form[action="/plans"] button'));
    plan = new URL(author.url()).pathname.split('/').pop();
    expect(/^pl_/.test(plan), 'no plan was made');
    await author.locator('.pm-stage').waitFor();
  });

  await step('masks by pointer and by keyboard', async () => {
    await author.keyboard.press('n'); // to the beginning of the cut
    await uncover(author);
    await still(author);
    await author.keyboard.press('r');
    await until('a mask by keyboard', async () => (await masks(author)) === 1);
    for (let i = 0; i < 3; i++) await author.keyboard.press('ArrowUp');
    await author.keyboard.press('Shift+ArrowRight');
    await author.locator('#pm-track ~ fieldset select').last().selectOption('other');
    await author.evaluate(() => { document.activeElement?.blur(); document.querySelector('.pm-stage').scrollIntoView({ block: 'center' }); });
    const b = await author.locator('.pm-over').boundingBox();
    const at = (x, y) => [b.x + b.width * x, b.y + b.height * y];
    await author.mouse.move(...at(0.02, 0.9));
    await author.mouse.down();
    await author.mouse.move(...at(0.1, 0.95));
    await author.mouse.move(...at(0.2, 0.98));
    await author.mouse.up();
    await until('a mask by pointer', async () => (await masks(author)) === 2);
    await author.keyboard.press('Enter');
    await author.locator('#pm-track ~ fieldset select').last().selectOption('clock');
    await author.evaluate(() => document.activeElement?.blur());
    await rules(author, 'plan with masks');
    await shot(author, 'desk-plan-masks');
    expect(/draft/.test(await author.locator('section[aria-labelledby=pl-state]').innerText()), 'the state is not said');
    await save(author, 'by hand');
    expect(!/draft/.test(await author.locator('section[aria-labelledby=pl-state]').innerText()), 'a state stands there that is no longer so');
  });

  await step('the gap check blocks a face without a mask', async () => {
    await walked(author);
    const n = (await state(author)).check.blockers.filter((b) => b.grave).length;
    expect(n > 0, 'no face is missed');
    expect(/blocker/.test(await author.locator('#pm-check ~ .redw').textContent()), 'it is not said how many');
    await rules(author, 'plan with blockers');
    await both(author, 'plan blocked');
    await shot(author, 'desk-plan-blocked');
    await gallery(author, 'plan-blocked', `/plans/${plan}`);
    await gallery(author, 'plans', '/plans');
    await goto(second, '/plans');
    expect(/Olha must mend or dismiss/.test(await second.locator('table').textContent()), 'the list does not say who has to do what');
    await goto(second, `/plans/${plan}/look`);
    await second.locator('.pm-stops').waitFor();
    await uncover(second);
  });

  let rejected = null;
  await step('proposals: taken, one rejected', async () => {
    await author.locator('#pm-prop ~ p .btn').last().click();
    await until('machines have looked', async () => (await state(author)).proposals?.state === 'done', 120_000);
    const list = (await state(author)).proposals.list;
    expect(list.length >= 2, `${list.length} proposals`);
    const rows = author.locator('#pm-prop ~ .pm-list > li');
    await until('they are offered', async () => (await rows.count()) === list.length);
    await rules(author, 'plan with proposals');
    await shot(author, 'desk-plan-proposals');
    rejected = list[list.length - 1];
    await rows.last().locator('button').last().click();
    await until('one is gone', async () => (await rows.count()) === list.length - 1);
    expect(!(await state(author)).proposals.list.some((x) => x.id === rejected.id), 'the server still proposes what was rejected');
    expect((await masks(author)) === 2, 'rejecting changes the plan');
    await rows.first().locator('button').nth(1).click();
    await until('one is taken', async () => (await masks(author)) === 3);
    expect((await rows.count()) === list.length - 2, 'what was taken is still offered');
    expect((await author.evaluate(() => document.activeElement?.id)) === 'pm-prop', 'the focus is lost with the button');
    await author.evaluate(() => document.activeElement?.blur());
    await author.keyboard.press('z');
    await until('it is offered again', async () => (await rows.count()) === list.length - 1 && (await masks(author)) === 2);
    // The same by the form of the page, without a script: each is a version.
    const bare = await open(browser, base, { javaScriptEnabled: false, storageState: await author.context().storageState() });
    await goto(bare, `/plans/${plan}`);
    await bare.locator('details.pm-more summary').first().click();
    await acted(bare, bare.locator('form[action$="/proposals"] button[value=take]').first());
    expect(/done=plan-saved/.test(bare.url()), `taken by the form: ${bare.url()}`);
    await bare.context().close();
    await author.reload();
    await author.locator('.pm-stage').waitFor();
    await until('what the form took is in the plan', async () => (await masks(author)) === 3);
    if (list.length > 2) {
      await until('the rest is offered', async () => (await rows.count()) === list.length - 2);
      await author.locator('#pm-prop ~ .nt-bar .btn').first().click();
    } else await author.locator('#pm-masks ~ .pm-list .pm-go').first().click(), await author.locator('#pm-track ~ fieldset .nt-bar .btn').first().click();
    await until('all are taken', async () => (await masks(author)) === 2 + list.length - 1);
    expect(!/undefined|NaN/.test(await author.locator('zapis-mask-panel').textContent()), 'something is not in words');
    await save(author, 'what the machine saw');
    await walked(author);
  });

  await step('what is still bare is mended by hand', async () => {
    // What the machine was told to leave: a mask by figures over each place that the check names, with room around it, for the whole recording.
    const grave = async () => (await state(author)).check.blockers.filter((b) => b.grave && !b.dismissed);
    const bareAt = await grave();
    expect(bareAt.length > 0, 'rejecting a proposal leaves nothing bare');
    const fields = author.locator('zapis-mask-panel .nt-four input');
    for (const b of bareAt) {
      await author.locator('#pm-check ~ .pm-list > li', { hasText: 'not covered' }).or(author.locator('#pm-check ~ .pm-list > li', { hasText: 'still seen' })).first().locator('.pm-go').click();
      await uncover(author);
      await still(author);
      await author.evaluate(() => document.activeElement?.blur());
      await author.keyboard.press('Shift+R');
      const [x, y, w, h] = b.box.map((v) => v / 10_000);
      const left = Math.floor(Math.max(0, x - 8)), top = Math.floor(Math.max(0, y - 8));
      const want = [left, top, Math.ceil(Math.min(100 - left, w + 16)), Math.ceil(Math.min(100 - top, h + 16))];
      for (const i of [0, 1, 2, 3]) { await fields.nth(i).fill(String(want[i])); await fields.nth(i).press('Tab'); }
      await until(`it lies at ${want}`, async () => String(await fields.evaluateAll((all) => all.map((e) => Number(e.value)))) === String(want));
      if (!(await author.locator('details.pm-keys').getAttribute('open').then((o) => o !== null))) await author.locator('details.pm-keys summary').click();
      const time = author.locator('.pm-keys li input').first();
      await time.fill('0');
      await time.press('Tab');
      await author.evaluate(() => document.activeElement?.blur());
    }
    await save(author, 'the face that was left');
    await walked(author);
    expect((await grave()).length === 0, `still bare: ${JSON.stringify(await grave())} ${JSON.stringify(await author.evaluate(() => [...document.querySelectorAll('#pm-masks ~ .pm-list > li')].map((e) => e.innerText)))}`);
    await rules(author, 'plan without blockers');
  });

  await step('the author cannot approve', async () => {
    await goto(author, `/plans/${plan}/look`);
    const text = await author.locator('main').innerText();
    expect(/You wrote a part of this version, so another person must look and approve/.test(text), `no plain reason: ${text.slice(0, 200)}`);
    expect((await author.locator('button[value=approve], zapis-look').count()) === 0, 'the author is offered to approve');
    await rules(author, 'look of the author');
    await both(author, 'look of the author');
    await gallery(author, 'look-own', `/plans/${plan}/look`);
    const forced = await author.evaluate(async (id) => (await fetch(`/plans/${id}/look`, { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'version=4&act=approve&why=x' })).status, plan);
    expect(forced === 403, `a forged approval is answered with ${forced}`);
  });

  await step('the second person steps through every stop and approves', async () => {
    await goto(second, `/plans/${plan}/look`);
    await second.locator('.pm-stops').waitFor();
    const approve = second.locator('button[value=approve]');
    expect(await approve.isDisabled(), 'approving is offered before anything was seen');
    await rules(second, 'look');
    await gallery(second, 'look', `/plans/${plan}/look`);
    await uncover(second);
    // What somebody goes past before it is there was not seen.
    await second.route(/\/look\/\d+\//, async (r) => { await new Promise((f) => setTimeout(f, 700)); await r.continue().catch(() => {}); });
    await second.keyboard.press('n');
    await second.waitForTimeout(100);
    await second.keyboard.press('n');
    await until('the second stop is shown', async () => (await second.locator('.pm-stops li .btn.on .tag').count()) === 1);
    await second.unrouteAll({ behavior: 'wait' });
    await goto(second, `/plans/${plan}/look`);
    await second.locator('.pm-stops').waitFor();
    expect((await second.locator('.pm-stops li .tag').count()) === 1, 'a stop that was gone past counts as seen');
    await uncover(second);
    await second.keyboard.press('n');
    const stops = await second.locator('.pm-stops ol li').count();
    for (let i = 0; i < stops; i++) {
      await until(`stop ${i + 1} is shown`, async () => (await second.locator('.pm-stops li .btn.on .tag').count()) === 1 && (await second.locator('.pm-still').count()) === 1);
      if (i === 0) await shot(second, 'desk-look');
      if (i + 1 < stops) await second.keyboard.press('n');
    }
    // The last one again: it is painted again, and not left as the working copy shows it.
    await second.keyboard.press('n');
    await until('the last stop is painted again', async () => (await second.locator('.pm-still').count()) === 1);
    await until('all were seen', async () => !(await approve.isDisabled()));
    await both(second, 'look');
    await second.locator('textarea[name=why]').first().fill('every stop');
    await acted(second, approve);
    expect(/Approved/.test(await second.locator('main, .flash, body').first().innerText()) || /approved/.test(await second.locator('body').innerText()), 'it is not said that it is approved');
  });

  await step('it is rendered', async () => {
    await acted(second, second.locator('form[action$="/render"] button'));
    await until('the clip', async () => { await goto(second, `/plans/${plan}`); return (await second.locator('form[action="/releases"] button').count()) > 0; }, 120_000);
    await rules(second, 'plan, rendered');
    await both(second, 'plan rendered');
    await gallery(author, 'plan-rendered', `/plans/${plan}`);
    await shot(second, 'desk-plan-rendered');
  });

  const gate = async (code) => (await author.locator(`#gate-${code}`).innerText()).replace(/\s+/g, ' ');
  const text = async (fill) => {
    await goto(author, `/releases/${release}/text?in=en`);
    await fill(author.locator('form[action$="/text"]'));
    const status = await acted(author, author.locator('form[action$="/text"] .acts button'));
    expect(status === 200, `the text is answered with ${status}`);
    await goto(author, `/releases/${release}`);
  };

  await step('a release: every sentence says how sure it is', async () => {
    await goto(author, `/plans/${plan}`);
    await acted(author, author.locator('form[action="/releases"] button'));
    release = new URL(author.url()).pathname.split('/').pop();
    expect(/^re_/.test(release), `no release was begun at ${author.url()}`);
    await author.locator('section[aria-labelledby=about] details summary').click();
    const about = author.locator('form[action$="/about"]');
    await about.locator('input[name=slug]').fill('two-people-at-a-door');
    await about.locator('input[name=languages]').fill('en');
    await about.locator('select[name=precision]').selectOption('cannot be determined');
    await acted(author, about.locator('button'));
    await text(async (f) => {
      await f.locator('input[name=title]').fill(`Two people at a door ${trace}`);
      await f.locator('textarea[name=summary]').fill('Drawn people talk.');
      await f.locator('textarea[name=shows]').fill('Two people at a door, their faces covered.');
      await f.locator('.rel-sentences fieldset:has(textarea) textarea').first().fill('Two people stand at a door.');
      await f.locator('input[name=credit]').fill('Walk');
      const warning = f.locator('section[aria-labelledby=warnings] fieldset').first();
      await warning.locator('input').nth(0).fill('0:00');
      await warning.locator('input').nth(1).fill('0:01');
      await warning.locator('input').nth(2).fill('Nothing is hard to watch.');
    });
    expect(/does not say how sure it is/.test(await gate('certainty')), `a sentence without a certainty: ${await gate('certainty')}`);
    await rules(author, 'release, blocked');
    await both(author, 'release blocked');
    await shot(author, 'desk-release-blocked');
    await gallery(author, 'release-blocked', `/releases/${release}`);
    await gallery(author, 'releases-draft', '/releases');
    await text(async (f) => f.locator('.rel-sentences select').first().selectOption('not known'));
    expect(/clear/.test(await gate('certainty')), `with a certainty: ${await gate('certainty')}`);
  });

  await step('captions', async () => {
    await goto(author, `/releases/${release}/text?in=en`);
    await rules(author, 'release, text');
    await both(author, 'release text');
    await gallery(author, 'release-text', `/releases/${release}/text?in=en`);
    await gallery(author, 'release-claims', `/releases/${release}/claims?sentence=0`);
    await gallery(author, 'release-preview', `/releases/${release}/preview`);
    await author.locator('form[action$="/captions"] textarea').fill('WEBVTT\n\n00:00.000 --> 00:00.900\n[no sound]\n');
    await acted(author, author.locator('form[action$="/captions"] button'));
  });

  let testimony = '';
  await step('a name of a file blocks with a plain reason, a missing consent does', async () => {
    // Somebody tells of what the recording shows, and has agreed to nothing yet.
    await goto(author, '/testimonies');
    await author.locator('form[action="/testimonies"] input[name=title]').fill('About the door');
    await acted(author, author.locator('form[action="/testimonies"] button'));
    testimony = new URL(author.url()).pathname;
    const passage = author.locator('form:has(input[value=add])').filter({ has: author.locator('textarea[name=text]') });
    await passage.locator('textarea[name=text]').fill('I stood at the door.');
    await passage.locator('input[name=item]').fill(item);
    await passage.locator('input[name=from]').fill('0:00');
    await passage.locator('input[name=to]').fill('0:03');
    await acted(author, passage.locator('button.primary'));
    await goto(author, `/releases/${release}`);
    expect(/holds? a name from where the footage came from/.test(await gate('traces')), `a name of a file passes: ${await gate('traces')}`);
    expect(/A consent for publication is missing/.test(await gate('consent')), `a testimony without consent passes: ${await gate('consent')}`);
    expect((await author.locator('form[action$="/publish"]').count()) === 0, 'what is blocked can be let out');
    await author.setViewportSize({ width: 390, height: 844 });
    const why = await author.locator('#gate-traces td').last().boundingBox();
    expect(why.x >= 0 && why.x + why.width <= 390, `on a telephone a reason lies from ${why.x} to ${why.x + why.width}`);
    await author.setViewportSize({ width: 1440, height: 900 });
    await goto(second, `/releases/${release}`);
    expect((await second.locator('form[action$="/sign"]').count()) === 0, 'what is blocked can be signed');
    await shot(author, 'desk-release-consent');
    await gallery(author, 'release-consent', `/releases/${release}`);
  });

  await step('both are mended', async () => {
    await text(async (f) => f.locator('input[name=title]').fill('Two people at a door'));
    expect(/clear/.test(await gate('traces')), `without the name: ${await gate('traces')}`);
    await goto(author, testimony);
    await author.locator('section[aria-labelledby=consents] details.add summary').click();
    const consent = author.locator('form[action$="/consents"]');
    for (const name of ['purpose', 'audience']) {
      const values = await consent.locator(`select[name=${name}] option`).evaluateAll((all) => all.map((o) => o.value));
      await consent.locator(`select[name=${name}]`).selectOption(values.find((v) => /public/i.test(v)) ?? values[values.length - 1]);
    }
    await consent.locator('input[name=how][value=written]').check();
    await acted(author, consent.locator('button.primary'));
    await goto(author, `/releases/${release}`);
    expect(/clear/.test(await gate('consent')), `with a consent: ${await gate('consent')}`);
    expect(/another publisher must sign/.test(await author.locator('section[aria-labelledby=decide]').innerText()), 'the author is not told who signs');
    expect((await author.locator('form[action$="/sign"]').count()) === 0, 'the author can sign');
  });

  await step('signed by the second person, published', async () => {
    // The log takes the statement in with its next tick.
    await until('the clip is in the log', async () => { await goto(author, `/releases/${release}`); return /clear/.test(await gate('proof')); }, 30_000);
    await goto(second, `/releases/${release}`);
    await rules(second, 'release, to sign');
    await both(second, 'release to sign');
    await gallery(second, 'release-sign', `/releases/${release}`);
    const sign = second.locator('form[action$="/sign"]');
    expect((await sign.count()) === 1, `nothing to sign: ${(await second.locator('.rel-gates').innerText()).split('\n').filter((l) => /blocks/.test(l)).join(' | ')}`);
    await sign.locator('input[name=sure]').check();
    await acted(second, sign.locator('button'));
    await gallery(author, 'release-signed', `/releases/${release}`);
    await goto(author, `/releases/${release}`);
    const publish = author.locator('form[action$="/publish"]');
    await publish.locator('input[name=sure]').check();
    await acted(author, publish.locator('button'));
    expect(/It is out/.test(await author.locator('body').innerText()), 'it is not said that it is out');
    await rules(author, 'release, out');
    await both(author, 'release out');
    await shot(author, 'desk-release-out');
    await gallery(author, 'release-out', `/releases/${release}`);
    await gallery(author, 'releases-out', '/releases');
    await gallery(author, 'release-withdraw', `/releases/${release}/withdraw`);
    await gallery(author, 'match', '/match');
  });

  await step('the site is made by itself, and the public page plays with scripts off', async () => {
    const releases = join(home, 'public', 'releases');
    const bundle = join(releases, 'two-people-at-a-door', 'v1');
    expect(existsSync(join(bundle, 'SHA256SUMS')), 'there is no bundle');
    for (const name of readdirSync(bundle)) {
      const b = readFileSync(join(bundle, name));
      for (const s of [trace, 'kolodna', item, plan, work]) expect(!b.includes(s), `${name} holds ${s === work ? 'a folder' : s}`);
    }
    // Nobody types a command: whoever pressed the button finds the page where the site is served from.
    const out = join(home, 'public', 'site');
    await until('the page of what was published', () => existsSync(join(out, 'current', 'en', 'r', 'two-people-at-a-door.html')));
    const at = await serve(/http:\/\/127\.0\.0\.1:\d+\//, 'site', 'serve', '--out', out, '--listen', '127.0.0.1:0');
    const reader = await open(browser, at, { javaScriptEnabled: false, viewport: { width: 1280, height: 900 } });
    const asked = [];
    reader.on('request', (r) => asked.push(new URL(r.url()).pathname));
    await reader.goto(`${at}en/r/two-people-at-a-door.html`, { waitUntil: 'networkidle' });
    expect(/Two people stand at a door/.test(await reader.locator('main').innerText()), 'the finding is not on the page');
    expect(!asked.some((p) => /\.mp4/.test(p)), 'the clip is loaded before anybody asks for it');
    const video = reader.locator('video').first();
    expect(!(await video.isVisible()), 'the clip is not covered');
    await reader.locator('.cov summary').first().click();
    expect(await video.isVisible(), 'the cover does not open');
    await video.focus();
    await reader.keyboard.press('Space'); // the browser's own controls
    await until('it plays', () => video.evaluate((v) => v.currentTime > 0.2 && v.videoWidth > 0));
    await shot(reader, 'desk-public');
    await reader.context().close();
    const looked = await open(browser, at);
    await looked.goto(`${at}en/r/two-people-at-a-door.html`);
    await rules(looked, 'public page');
    await looked.emulateMedia({ colorScheme: 'dark' });
    await looked.setViewportSize({ width: 390, height: 844 });
    await rules(looked, 'public page, 390 px, dark');
    await shot(looked, 'desk-public-390-dark');
  });

  await step('a correction is begun, and the release is withdrawn', async () => {
    await goto(author, `/releases/${release}`);
    await author.locator('details:has(form[action$="/correct"]) summary').click();
    await author.locator('form[action$="/correct"] input[name="why.en"]').fill('The door was a gate.');
    await acted(author, author.locator('form[action$="/correct"] button'));
    await rules(author, 'release, a correction');
    await gallery(author, 'release-correcting', `/releases/${release}`);
    // One person is enough: what must go goes at once.
    await goto(second, `/releases/${release}/withdraw`);
    await rules(second, 'release, withdraw');
    await both(second, 'release withdraw');
    await second.locator('textarea[name="reason.en"]').fill('Somebody in it asked for it.');
    await second.locator('input[name=sure]').check();
    await acted(second, second.locator('form[action$="/withdraw"] button'));
    await rules(second, 'release, withdrawn');
    await gallery(author, 'release-withdrawn', `/releases/${release}`);
    await gallery(author, 'releases-withdrawn', '/releases');
    const site = join(home, 'public', 'site', 'current');
    await until('the end of the clip on the site', () => !existsSync(join(site, 'media', 'two-people-at-a-door', 'v1', 'clip-720.mp4')));
    const page = readFileSync(join(site, 'en', 'r', 'two-people-at-a-door.html'), 'utf8');
    expect(/Somebody in it asked for it/.test(page) && !/<video|Two people stand at a door/.test(page), 'the public page still says what was withdrawn');
  });
} finally {
  tolerate(/.*/);
  await browser?.close();
  for (const s of servers) s.kill('SIGTERM');
  await Promise.all(servers.map((s) => s.exitCode !== null || new Promise((r) => { s.on('exit', r); setTimeout(r, 15_000).unref(); })));
  rmSync(work, { recursive: true, force: true });
}
say(problems.length ? `\n${problems.length} problems in ${steps} steps of the desk` : `\n${steps} steps of the desk in ${Math.round((Date.now() - begun) / 1000)} s, no axe finding, no policy violation, no foreign request`);
process.exit(problems.length ? 1 : 0);

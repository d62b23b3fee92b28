// The check page as a reader has it: a file on a disk, the network off. It must accept a real clip with its proof, refuse both after any
// change and name the step, work by keyboard alone, in Russian, in the dark and on a phone, ask for nothing and break no rule of its policy.
//
//   node test/browser/check.mjs [--page FILE] [--bundle FILE --clip FILE --key VKEY] [--shots DIR] [--measure]
//
// Without a bundle it takes the test vectors of verify/testdata. --measure also prints how fast files are hashed.
import { mkdtempSync, openSync, ftruncateSync, closeSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { axe, expect, launch, problem, problems, say, shots } from './run.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: args } = parseArgs({ options: { page: { type: 'string' }, bundle: { type: 'string' }, clip: { type: 'string' }, key: { type: 'string' }, shots: { type: 'string' }, measure: { type: 'boolean', default: false } } });
const pageFile = resolve(args.page ?? here('../../internal/web/asset/dist/check.html'));
const data = (name) => here(`../../verify/testdata/${name}`);
const index = JSON.parse(readFileSync(data('index.json'), 'utf8'));
const vector = index.find((v) => v.file === 'clip.json');
const bundle = resolve(args.bundle ?? data('clip.json')), clip = resolve(args.clip ?? data('clip.bin'));
const key = args.key ?? vector.options.keys[0];
const shot = shots(args.shots);
const scratch = mkdtempSync(join(tmpdir(), 'zapis-check-'));
const address = pathToFileURL(pageFile).href;
const browser = await launch();

let expected = null; // violations, and attempts at a request, that a step provokes
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', locale: 'en-GB', offline: true, ...options });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy violation: ${e.violatedDirective} ${e.blockedURI}`));
  });
  const page = await context.newPage();
  page.on('console', (m) => { if (m.type() === 'error' && !expected?.test(m.text())) problem(`console: ${m.text()}`); });
  page.on('pageerror', (e) => problem(`script: ${e.message}`));
  page.on('request', (r) => { if (r.url() !== address && !r.url().startsWith('data:') && !expected) problem(`a request: ${r.url().slice(0, 60)}`); });
  await page.goto(address, { waitUntil: 'load' });
  return page;
}

async function step(name, act) {
  const before = problems.length, start = Date.now();
  try { await act(); } catch (e) { problem(`${name}: ${String(e.message).split('\n').slice(0, 4).join(' ')}`); }
  say(`${problems.length === before ? 'ok  ' : 'FAIL'} check page: ${name} (${Date.now() - start} ms)`);
}

const answer = (page) => page.locator('#answer').innerText();
async function give(page, proof, file) {
  await page.setInputFiles('#file-1', proof);
  await page.waitForSelector('#answer');
  if (file) {
    await page.setInputFiles('#file-2', file);
    await page.waitForFunction(() => document.querySelector('#answer') && !document.querySelector('progress'));
  }
}
async function enterKey(page, text) {
  await page.locator('.lines details summary').first().click();
  await page.locator('textarea[name=keys]').fill(text);
  await page.locator('form button[type=submit]').click();
  await page.waitForFunction(() => document.activeElement?.id === 'answer');
}
const changed = (path, name, at) => {
  const raw = readFileSync(path);
  raw[at < 0 ? raw.length + at : at] ^= 1;
  const out = join(scratch, name);
  writeFileSync(out, raw);
  return out;
};
// failedStep reads the step that the details name.
const failedStep = async (page) => {
  await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
  const rows = await page.locator('details dl dt').allInnerTexts();
  return /\((\w+)\)/.exec(rows.at(-1) ?? '')?.[1];
};

try {
  await step('proof and clip are accepted, and an unknown key is said to be unknown', async () => {
    const page = await open();
    await axe(page, 'check page, empty');
    await give(page, bundle, clip);
    expect(/fits its proof; whose proof it is was not checked/.test(await answer(page)), `answer without a key: ${await answer(page)}`);
    expect(await page.locator('.proof.half').count() === 1, 'an unknown key must not look like a known one');
    const text = await page.locator('.proof').innerText();
    for (const want of ['Entered in the transparency log', 'Cut from a sealed original, says the archive', 'Existed on or before', 'What this does not show', 'Anybody can make a key']) expect(text.includes(want), `missing: ${want}`);
    await axe(page, 'check page, key unknown');
    await shot(page, 'check-unknown');
    await enterKey(page, key);
    expect(await answer(page) === 'The file is the one that was published', `answer with the key: ${await answer(page)}`);
    expect(await page.locator('.proof.good').count() === 1, 'a known key and a file: good');
    await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
    await axe(page, 'check page, accepted');
    await shot(page, 'check-accepted');
    await page.context().close();
  });

  await step('another key is refused, and so are other witnesses', async () => {
    const page = await open();
    await give(page, bundle, clip);
    await enterKey(page, key.slice(0, -3) + (key.at(-3) === 'A' ? 'B' : 'A') + key.slice(-2));
    expect(/Not from the publisher/.test(await answer(page)), `answer: ${await answer(page)}`);
    expect(await failedStep(page) === 'keys', 'step keys');
    await axe(page, 'check page, other key');
    await page.locator('textarea[name=keys]').fill(key);
    await page.locator('textarea[name=witnesses]').fill(vector.options.witnesses[0].replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')));
    await page.locator('form button[type=submit]').click();
    await page.waitForFunction(() => /witnesses/.test(document.querySelector('#answer').textContent));
    expect(await failedStep(page) === 'witnesses', 'step witnesses');
    await page.context().close();
  });

  await step('one byte changed is refused, and the step is named', async () => {
    const page = await open();
    await give(page, bundle, changed(clip, 'clip', -1));
    expect(/not the file that was published/.test(await answer(page)), `changed clip: ${await answer(page)}`);
    expect(await failedStep(page) === 'file', 'step file');
    await axe(page, 'check page, other file');
    await shot(page, 'check-other-file');
    const raw = readFileSync(bundle, 'utf8');
    const cases = [['format', 0], ['signature', raw.indexOf('"salt":"') + 8], ['keys', raw.indexOf('"vkey":"') + 8], ['signature', -6]];
    for (const [want, at] of cases) {
      await page.setInputFiles('#file-1', changed(bundle, `proof-${want}-${at}`, at));
      await page.waitForFunction(() => /Do not rely|not a proof/.test(document.querySelector('#answer')?.textContent ?? ''));
      const got = await failedStep(page);
      // The digit beside a digit may be none: then the spelling is refused first.
      expect(got === want || got === 'format', `byte ${at}: step ${got}, not ${want}`);
      expect(await page.locator('.i-check').count() === 0, 'a refusal must not show anything as holding');
    }
    // The clip in place of the proof, and a proof that is too large to be one.
    await page.setInputFiles('#file-1', clip);
    await page.waitForFunction(() => /This is not a proof file/.test(document.querySelector('#answer')?.textContent ?? ''));
    await page.context().close();
  });

  await step('refusals of the inner steps are named', async () => {
    const page = await open();
    for (const name of ['checkpoints', 'witnesses', 'time', 'log', 'statements', 'totals', 'lineage', 'event']) {
      const v = index.find((x) => x.failed === name && !x.options.keys.length && !x.options.witnesses.length && !x.options.roots && !x.options.file);
      if (!v) continue;
      await page.setInputFiles('#file-1', data(v.file));
      await page.waitForFunction((name) => document.querySelector('.chosen')?.textContent.includes(name) && document.querySelector('.proof.bad'), v.file);
      const got = await failedStep(page);
      expect(got === name, `${v.file}: step ${got}`);
    }
    await page.context().close();
  });

  await step('a stamp of an authority counts only below a root that was given', async () => {
    const v = index.find((x) => x.ok && x.options.roots);
    const page = await open();
    await give(page, data(v.file));
    await page.locator('.lines details summary').first().click();
    await page.locator('textarea[name=roots]').fill(readFileSync(data(v.options.roots), 'utf8'));
    await page.locator('form button[type=submit]').click();
    await page.waitForFunction(() => document.activeElement?.id === 'answer');
    await failedStep(page);
    expect(/compared/.test(await page.locator('details dd', { hasText: 'Time authority' }).first().innerText()) && await page.locator('.proof.bad').count() === 0, 'an authority with its root');
    const other = readFileSync(data('stamps/other.pem'), 'utf8');
    await page.locator('textarea[name=roots]').fill(other);
    await page.locator('form button[type=submit]').click();
    await page.waitForFunction(() => document.querySelector('.proof.bad'));
    expect(/time authorities you named/.test(await answer(page)), `other root: ${await answer(page)}`);
    await page.context().close();
  });

  await step('by keyboard alone', async () => {
    const page = await open();
    const tabTo = async (id) => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        if (await page.evaluate((want) => document.activeElement?.id === want || document.activeElement?.getAttribute('name') === want || document.activeElement?.tagName.toLowerCase() === want, id)) return;
      }
      throw new Error(`${id} cannot be reached by Tab`);
    };
    // Listening from the start: a listener that is added with the key press may come too late.
    let next = '';
    page.on('filechooser', (c) => { void c.setFiles(next); });
    await page.waitForTimeout(200);
    for (const [id, file, open] of [['file-1', bundle, 'Enter'], ['file-2', clip, 'Space']]) {
      await tabTo(id);
      next = file;
      await page.keyboard.press(open);
      await page.waitForFunction(() => document.activeElement?.id === 'answer');
    }
    await tabTo('summary');
    await page.keyboard.press('Enter');
    await tabTo('keys');
    await page.keyboard.insertText(key);
    for (let i = 0; i < 6; i++) { await page.keyboard.press('Tab'); if (await page.evaluate(() => document.activeElement?.getAttribute('type') === 'submit')) break; }
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('.proof.good') && document.activeElement?.id === 'answer');
    await page.context().close();
  });

  await step('in Russian, in the dark, at 390 px', async () => {
    const page = await open({ locale: 'ru-RU', colorScheme: 'dark', viewport: { width: 390, height: 844 } });
    expect(await page.evaluate(() => document.documentElement.lang) === 'ru', 'the language of the browser');
    await give(page, bundle, clip);
    await enterKey(page, key);
    expect(/тот самый файл/.test(await answer(page)), `Russian: ${await answer(page)}`);
    await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than the screen');
    await axe(page, 'check page, Russian, dark, 390 px');
    await shot(page, 'check-ru-dark-390');
    await page.locator('#lang-uk').click();
    expect(await page.evaluate(() => document.documentElement.lang) === 'uk' && /той самий файл/.test(await answer(page)), 'Ukrainian');
    expect(await page.evaluate(() => document.activeElement?.id) === 'lang-uk', 'focus stays where it was');
    expect(!/check\.\w/.test(await page.locator('body').innerText()), 'a message is missing');
    // Written from right to left, nothing may stick out either.
    await page.evaluate(() => { document.documentElement.dir = 'rtl'; });
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'wider than the screen from right to left');
    await page.context().close();
  });

  await step('an answer never stands beside a file that it is not about', async () => {
    const page = await open();
    await give(page, bundle, clip);
    await page.evaluate(() => {
      window.pairs = new Set();
      new MutationObserver(() => window.pairs.add([...document.querySelectorAll('.chosen')].map((c) => c.textContent).join() + ': ' + (document.querySelector('#answer')?.textContent ?? ''))).observe(document.body, { childList: true, subtree: true });
    });
    const other = changed(bundle, 'other-proof', readFileSync(bundle, 'utf8').indexOf('"salt":"') + 8);
    await page.setInputFiles('#file-1', other);
    await page.waitForFunction(() => document.querySelector('.proof.bad'));
    await page.setInputFiles('#file-1', bundle);
    await page.waitForFunction(() => document.querySelector('.proof.half'));
    await page.setInputFiles('#file-2', changed(clip, 'other-clip', 0));
    await page.waitForFunction(() => document.querySelector('.proof.bad'));
    const pairs = await page.evaluate(() => [...window.pairs]);
    expect(pairs.length >= 6, 'the page did not change in between');
    for (const p of pairs) expect(!(/other-/.test(p) && /fits its proof/.test(p)) && !(!/other-/.test(p) && /rely|not the file/.test(p)), `stale answer: ${p}`);
    await page.context().close();
  });

  await step('scope and item', async () => {
    const page = await open();
    for (const [file, words] of [['scope.json', /totals fit the proof/], ['item-segments.json', /no file was compared/], ['rotation.json', /./], ['ots-bitcoin.json', /./]]) {
      const v = index.find((x) => x.file === file && x.ok);
      if (!v) continue;
      await page.setInputFiles('#file-1', data(file));
      await page.waitForFunction((name) => document.querySelector('.chosen')?.textContent.includes(name) && document.querySelector('#answer') && document.activeElement?.id === 'answer', file);
      expect(words.test(await answer(page)) && await page.locator('.proof.bad').count() === 0, `${file}: ${await answer(page)}`);
      await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
      await axe(page, `check page, ${file}`);
    }
    await give(page, data('scope.json'), clip);
    await page.waitForFunction(() => /about no single file/.test(document.querySelector('#answer')?.textContent ?? ''));
    await page.context().close();
  });

  await step('files can be dropped, both at once', async () => {
    const page = await open();
    const files = [bundle, clip].map((p) => [...readFileSync(p)]);
    await page.evaluate(([a, b]) => {
      const d = new DataTransfer();
      d.items.add(new File([new Uint8Array(b)], 'x.mp4'));
      d.items.add(new File([new Uint8Array(a)], 'x.json'));
      document.querySelector('.drop').dispatchEvent(new DragEvent('drop', { dataTransfer: d, bubbles: true, cancelable: true }));
    }, files);
    await page.waitForFunction(() => /fits its proof/.test(document.querySelector('#answer')?.textContent ?? ''));
    await page.context().close();
  });

  await step('a long file is read in slices, with rate and time left', async () => {
    const long = join(scratch, 'long');
    const fd = openSync(long, 'w');
    ftruncateSync(fd, 257 * 1024 * 1024);
    closeSync(fd);
    const page = await open();
    await give(page, bundle);
    await page.evaluate(() => {
      window.seen = [];
      new MutationObserver(() => {
        const t = document.querySelector('.proof progress')?.parentElement?.textContent; if (t) window.seen.push(t);
      }).observe(document.body, { childList: true, subtree: true, characterData: true });
    });
    const start = Date.now();
    await page.setInputFiles('#file-2', long);
    await page.waitForFunction(() => /not the file/.test(document.querySelector('#answer')?.textContent ?? ''), null, { timeout: 120_000 });
    const took = Date.now() - start;
    const seen = await page.evaluate(() => window.seen);
    expect(seen.length > 20, 'no progress was shown');
    if (took > 4000) expect(seen.some((t) => /a second, .+ left/.test(t)), 'no rate and no time left');
    if (args.measure) say(`     257 MiB in slices: ${took} ms, ${(269.5e3 / took).toFixed(0)} MB/s`);
    await page.context().close();
  });

  await step('the policy stops what the page does not do', async () => {
    const page = await open();
    expected = /policy|Refused|Content Security|violat|Failed to load|Trusted/i;
    const stopped = await page.evaluate(async () => {
      const out = [];
      const blocked = (name, act) => Promise.resolve().then(act).then(() => out.push(name), () => {});
      await blocked('fetch', () => fetch('https://example.org/'));
      await blocked('inline script', () => { const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s); if (!window.hit) throw new Error(); });
      await blocked('markup', () => { document.createElement('p').innerHTML = '<b>x</b>'; });
      await blocked('image', () => new Promise((ok, no) => { const i = new Image(); i.onload = ok; i.onerror = no; i.src = 'https://example.org/x.png'; }));
      return out;
    });
    expected = null;
    expect(stopped.length === 0, `not stopped: ${stopped.join(', ')}`);
    await page.context().close();
  });

  if (args.measure) {
    const page = await open();
    const hundred = join(scratch, 'hundred');
    const fd = openSync(hundred, 'w');
    ftruncateSync(fd, 100_000_000);
    closeSync(fd);
    await give(page, bundle);
    for (let i = 0; i < 3; i++) {
      await page.setInputFiles('#file-2', clip);
      await page.waitForFunction(() => /fits its proof/.test(document.querySelector('#answer')?.textContent ?? ''));
      const start = Date.now();
      await page.setInputFiles('#file-2', hundred);
      await page.waitForFunction(() => /not the file/.test(document.querySelector('#answer')?.textContent ?? ''));
      const took = Date.now() - start;
      say(`     100 MB from choosing to answer: ${took} ms, ${(1e5 / took).toFixed(0)} MB/s; page ${statSync(pageFile).size} B`);
    }
    await page.context().close();
  }
} finally {
  await browser.close();
  rmSync(scratch, { recursive: true, force: true });
}
if (problems.length) { console.error(`${problems.length} problems`); process.exit(1); }
say('check page: no finding, no violation, no request');

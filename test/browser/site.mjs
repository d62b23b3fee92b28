// The public site as a reader has it: no script, no cookie, no request to anybody else, on a phone, from right to left, without pictures, on a
// slow line. A second walk with scripts allowed runs the rules of accessibility, since they are a script.
//
//   node test/browser/site.mjs --base http://127.0.0.1:PORT/ --root FOLDER [--shots DIR] [--measure]
//
// --root is the folder that is served, to open the same pages from a disk.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { axe, expect, launch, problem, problems, say, shots } from './run.mjs';

const { values: args } = parseArgs({ options: { base: { type: 'string' }, root: { type: 'string' }, shots: { type: 'string' }, measure: { type: 'boolean', default: false } } });
const base = args.base.endsWith('/') ? args.base : `${args.base}/`;
const shot = shots(args.shots);
const browser = await launch();
const slugs = [...new Set(readdirSync(join(args.root, 'en/r')).filter((n) => n.endsWith('.html')).map((n) => n.slice(0, -5)))].sort();
const gone = slugs.find((s) => /was withdrawn/.test(readFileSync(join(args.root, `en/r/${s}.html`), 'utf8')));
const shown = slugs.filter((s) => s !== gone);
const languages = ['en', 'ru', 'uk', 'ar'].filter((l) => readdirSync(args.root).includes(l));

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', locale: 'en-GB', javaScriptEnabled: false, ...options });
  const page = await context.newPage();
  page.on('console', (m) => { if (m.type() === 'error' && !/status of 404/.test(m.text()) && !(page.url().startsWith('file:') && /\.vtt/.test(m.text()))) problem(`console: ${m.text()} at ${page.url()}`); });
  page.on('dialog', () => problem(`a script ran at ${page.url()}`));
  page.on('request', (r) => { if (!r.url().startsWith(base) && !r.url().startsWith('file:')) problem(`foreign request: ${r.url().slice(0, 80)}`); });
  page.on('response', async (r) => { if ((await r.allHeaders())['set-cookie']) problem(`a cookie: ${r.url()}`); });
  return page;
}

async function step(name, act) {
  const before = problems.length, start = Date.now();
  try { await act(); } catch (e) { problem(`${name}: ${String(e.message).split('\n').slice(0, 4).join(' ')}`); }
  say(`${problems.length === before ? 'ok  ' : 'FAIL'} site: ${name} (${Date.now() - start} ms)`);
}

const some = ['index.html', 'releases.html', 'accountability.html', 'cases.html', 'promises.html', 'places.html', 'how.html', 'support.html', 'corrections.html', 'withdrawn.html', 'check.html', `r/${shown[1]}.html`, ...(gone ? [`r/${gone}.html`] : [])];

try {
  await step('every link leads somewhere, without a script', async () => {
    const page = await open();
    const todo = [base], seen = new Set(todo);
    let pages = 0;
    while (todo.length && pages < 400) {
      const url = todo.shift();
      const r = await page.request.get(url);
      if (r.status() !== 200) { problem(`${r.status()}: ${url}`); continue; }
      if (!/text\/html/.test(r.headers()['content-type'] ?? '')) continue;
      pages++;
      const text = await r.text();
      for (const m of text.matchAll(/(?:href|src|poster)="([^"#]+)[^"]*"/g)) {
        const to = new URL(m[1].replaceAll('&amp;', '&'), url);
        if (to.href.startsWith(base) && !seen.has(to.href)) { seen.add(to.href); todo.push(to.href); }
      }
    }
    expect(pages > 20, `only ${pages} pages were reached`);
    for (const s of shown.slice(0, 3)) expect(seen.has(new URL(`en/r/${s}.html`, base).href), `${s} cannot be reached`);
    await page.context().close();
  });

  await step('the clip is covered until it is asked for, and nothing of it is loaded before', async () => {
    const page = await open();
    const asked = [];
    page.on('request', (r) => asked.push(new URL(r.url()).pathname));
    await page.goto(`${base}en/r/${shown[1]}.html`, { waitUntil: 'networkidle' });
    expect(!asked.some((p) => /\.mp4|poster|still/.test(p)), `loaded before it was asked for: ${asked}`);
    const video = page.locator('video');
    expect(!(await video.isVisible()), 'the clip is not covered');
    await page.keyboard.press('Tab');
    for (let i = 0; i < 40 && !(await page.locator('.cov summary:focus').count()); i++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await video.isVisible(), 'the cover does not open by keyboard');
    expect(!asked.some((p) => /\.mp4|poster|still/.test(p)), `loaded by uncovering: ${asked}`);
    await page.keyboard.press('Enter');
    expect(!(await video.isVisible()), 'the cover does not close again');
    await page.context().close();
  });

  // The clip of the second release plays: a smaller copy, after a larger one that is no moving picture.
  for (const width of [390, 1280]) {
    await step(`the clip plays with the controls of the browser, at ${width} px`, async () => {
      const page = await open({ viewport: { width, height: 900 } });
      const line = await page.context().newCDPSession(page);
      await line.send('Network.enable');
      const media = [];
      let bytes = 0;
      const ids = new Set();
      line.on('Network.requestWillBeSent', (e) => { if (/\.mp4$/.test(e.request.url)) { ids.add(e.requestId); media.push({ url: e.request.url, range: e.request.headers.Range ?? e.request.headers.range ?? '' }); } });
      line.on('Network.dataReceived', (e) => { if (ids.has(e.requestId)) bytes += e.dataLength; });
      const answers = [];
      page.on('response', (r) => { if (/clip-360\.mp4$/.test(r.url())) answers.push(r.status()); });
      await page.goto(`${base}en/r/${shown[1]}.html`, { waitUntil: 'networkidle' });
      await page.locator('.cov summary').click();
      await page.waitForTimeout(300);
      expect(media.length === 0 && bytes === 0, `${bytes} bytes of the clip before anybody asked: ${media.map((m) => m.url)}`);
      // Slow enough that what lies ahead is not there yet.
      await line.send('Network.emulateNetworkConditions', { offline: false, latency: 5, downloadThroughput: 250_000, uploadThroughput: 250_000 });
      const video = page.locator('video');
      const now = () => video.evaluate((v) => ({ at: v.currentTime, frames: v.getVideoPlaybackQuality().totalVideoFrames, lost: v.error?.message ?? '', paused: v.paused, src: v.currentSrc, ahead: v.buffered.length ? v.buffered.end(v.buffered.length - 1) : 0 }));
      const until = async (what, done) => {
        let s;
        for (let i = 0; i < 150; i++) {
          s = await now();
          if (done(s)) return s;
          await page.waitForTimeout(100);
        }
        throw new Error(`${what}: ${JSON.stringify(s)}`);
      };
      await video.scrollIntoViewIfNeeded();
      await video.focus();
      await page.keyboard.press('Space');
      const first = await until('the clip does not play', (s) => s.at > 0.4 && s.frames > 5);
      const look = async () => (await video.screenshot()).toString('base64');
      const one = await look();
      await until('the frames do not advance', (s) => s.at > first.at + 0.5 && s.frames > first.frames + 5);
      expect(one !== await look(), 'the picture does not change');
      expect(/clip-360\.mp4$/.test(first.src), `another clip plays: ${first.src}`);
      const tracks = await video.evaluate((v) => [...v.textTracks].map((t) => `${t.kind} ${t.language} ${t.label} ${t.mode}`));
      expect(tracks.includes('captions en English showing') && tracks.some((t) => /captions ru Русский/.test(t)), `captions: ${tracks}`);
      expect(await video.evaluate((v) => v.controls && !v.autoplay), 'no controls');
      await page.keyboard.press('Space');
      await until('it does not pause', (s) => s.paused);
      const before = answers.length;
      await page.keyboard.press('End');
      await until('it cannot be wound on', (s) => s.at > 15);
      await video.evaluate((v) => { v.currentTime = 14; });
      await page.keyboard.press('Space');
      await until('it does not play on after winding', (s) => s.at > 14.3);
      expect(answers.length > before && answers.every((c) => c === 206), `winding asks for no part: ${answers}`);
      expect(media.some((m) => /bytes=[1-9]/.test(m.range)), `no range was asked for: ${media.map((m) => m.range)}`);
      await page.context().close();
    });
  }

  await step('what was withdrawn leaves a date and a reason, and no picture', async () => {
    if (!gone) throw new Error('no withdrawn release in this site');
    const page = await open();
    await page.goto(`${base}en/r/${gone}.html`);
    expect(/Withdrawn on/.test(await page.locator('main').innerText()), 'no reason');
    expect(await page.locator('main video, main img').count() === 0, 'a picture of a withdrawn release');
    const files = readdirSync(join(args.root, 'media', gone), { recursive: true }).map(String);
    expect(!files.some((f) => /mp4|jpg|png|vtt|txt|zip/.test(f)), `files of a withdrawn release: ${files}`);
    await page.context().close();
  });

  await step('hostile texts stay texts', async () => {
    const page = await open({ javaScriptEnabled: true });
    for (const s of slugs) {
      if (!readFileSync(join(args.root, `en/r/${s}.html`), 'utf8').includes('onerror')) continue;
      for (const path of [`en/r/${s}.html`, `text/en/r/${s}.html`, `embed/${s}/en.html`, 'en/releases.html']) {
        await page.goto(base + path);
        expect(await page.title() !== 'hit' && await page.locator('img[src=x]').count() === 0, `a text became markup: ${path}`);
      }
    }
    await page.context().close();
  });

  await step('another site may show the player, and only that', async () => {
    const page = await open();
    const frames = async (path) => (await page.request.get(base + path)).headers()['content-security-policy'];
    expect(/frame-ancestors \*/.test(await frames(`embed/${shown[0]}/en.html`)), 'the player cannot be embedded');
    expect(/frame-ancestors 'none'/.test(await frames(`en/r/${shown[0]}.html`)), 'pages can be framed');
    await page.context().close();
  });

  for (const lang of languages) {
    await step(`rules of accessibility, ${lang}, both schemes, at 390 px`, async () => {
      for (const colorScheme of ['light', 'dark']) {
        const page = await open({ javaScriptEnabled: true, colorScheme, viewport: { width: colorScheme === 'dark' ? 390 : 1280, height: 844 } });
        for (const path of some) {
          await page.goto(`${base}${lang}/${path}`);
          expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${lang}/${path} is wider than the screen (${colorScheme})`);
          expect(await page.locator('html').getAttribute('dir') === (lang === 'ar' ? 'rtl' : 'ltr'), `${lang}: direction`);
          await axe(page, `${lang}/${path} ${colorScheme}`);
          if (colorScheme === 'light' || /^r\//.test(path)) await shot(page, `site-${lang}-${path.replace(/[/.]/g, '-')}-${colorScheme}`);
        }
        await page.goto(`${base}${lang}/r/${shown[1]}.html`);
        await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${lang}: wider than the screen with everything open`);
        await axe(page, `${lang}, everything open, ${colorScheme}`);
        await page.context().close();
      }
    });
  }

  await step('with pictures off nothing is cut off at 390 px, and everything is said in words', async () => {
    const page = await open({ viewport: { width: 390, height: 844 } });
    await page.route(/\.(png|jpg|svg)$/, (r) => r.abort());
    page.removeAllListeners('console'); // each picture that does not come is an error there
    for (const path of [`r/${shown[1]}.html`, 'index.html', 'places.html', 'accountability.html']) {
      await page.goto(`${base}en/${path}`);
      const cut = await page.evaluate(() => [...document.querySelectorAll('main p, main h1, main h2, main h3, main .btn, main summary span')]
        .filter((e) => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.textContent.trim().slice(0, 40)));
      expect(cut.length === 0, `${path}: cut off: ${cut}`);
    }
    await page.context().close();
  });

  await step('text-only pages load nothing', async () => {
    const page = await open({ javaScriptEnabled: true });
    const asked = [];
    page.on('request', (r) => asked.push(r.url()));
    for (const path of some) {
      asked.length = 0;
      await page.goto(`${base}text/en/${path}`, { waitUntil: 'networkidle' });
      expect(asked.filter((u) => !/favicon/.test(u)).length === 1, `${path} asks for ${asked}`);
      await axe(page, `text/en/${path}`);
    }
    await page.context().close();
  });

  await step('the same pages from a disk', async () => {
    const page = await open();
    await page.goto(pathToFileURL(resolve(args.root, 'index.html')).href);
    await page.locator('nav a[href$="releases.html"]').first().click();
    await page.locator('h3 a').first().click();
    expect(await page.locator('h1').count() === 1, 'no release');
    await page.context().close();
  });

  await step('sizes: HTML up to 15 KB and CSS up to 6 KB, packed', async () => {
    let most = 0, which = '';
    for (const f of readdirSync(args.root, { recursive: true }).map(String)) {
      if (f.endsWith('.html.gz') && f !== 'check.html.gz') {
        const n = statSync(join(args.root, f)).size;
        if (n > most) { most = n; which = f; }
      }
      if (f.endsWith('.css.gz')) expect(statSync(join(args.root, f)).size <= 6144, `${f} is too large`);
    }
    say(`     largest page ${which}: ${most} B`);
    expect(most > 0 && most <= 15360, `${which} is too large: ${most}`);
  });

  if (args.measure) {
    await step('first paint on a line of 400 kbit/s', async () => {
      for (const path of ['index.html', `r/${shown[1]}.html`, 'accountability.html', 'releases.html']) {
        const times = [];
        for (let i = 0; i < 3; i++) {
          const page = await open({ javaScriptEnabled: true });
          const line = await page.context().newCDPSession(page);
          await line.send('Network.enable');
          await line.send('Network.emulateNetworkConditions', { offline: false, latency: 100, downloadThroughput: 50_000, uploadThroughput: 50_000 });
          await page.goto(`${base}ru/${path}`, { waitUntil: 'load', timeout: 60_000 });
          await page.waitForTimeout(400);
          times.push(Math.round(await page.evaluate(() => performance.getEntriesByType('paint').find((p) => p.name === 'first-contentful-paint')?.startTime ?? NaN)));
          await page.context().close();
        }
        say(`     first paint ru/${path}: ${times.join(', ')} ms`);
      }
    });
  }
} finally {
  await browser.close();
}
if (problems.length) { console.error(`${problems.length} problems`); process.exit(1); }
say('site: no finding, no script, no foreign request');

// What every walk through the workspace needs: a browser that asks for nothing from elsewhere, accounts of policy violations,
// script errors and foreign requests, and the accessibility check.
import { createRequire } from 'node:module';
import { existsSync, mkdirSync } from 'node:fs';
import { createHmac } from 'node:crypto';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const axePath = require.resolve('axe-core/axe.min.js');

const flags = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--no-first-run',
  '--disable-features=Translate,MediaRouter,OptimizationHints', '--force-color-profile=srgb'];

export const problems = [];
export const problem = (text) => { problems.push(text); console.error('  PROBLEM ' + text); };
// tolerate lets console lines pass that a step provokes on purpose.
let tolerated = null;
export const tolerate = (pattern) => { tolerated = pattern; };
export const say = (text) => console.log(text);

export function browserPath() {
  return ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => existsSync(p));
}

export async function launch() {
  const executablePath = browserPath();
  if (!executablePath) throw new Error('chromium is not installed');
  return chromium.launch({ executablePath, args: flags, chromiumSandbox: false });
}

// open gives a page in a context of its own. Scripts of the test run past the page's policy only through the debugging line.
export async function open(browser, base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', locale: 'en-GB', ...options });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy violation: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
  });
  const page = await context.newPage();
  const origin = new URL(base).origin;
  page.on('console', (m) => {
    if (m.type() === 'error' && !tolerated?.test(m.text()) && !/status of (404|401|403|429|409|400)/.test(m.text())) problem(`console: ${m.text()} at ${m.location().url}`);
  });
  page.on('pageerror', (e) => problem(`script: ${e.message}`));
  page.on('request', (r) => { if (!r.url().startsWith(origin + '/') && !r.url().startsWith('blob:' + origin)) problem(`foreign request: ${new URL(r.url()).origin}`); });
  page.on('response', (r) => { if (r.status() >= 400 && new URL(r.url()).pathname.startsWith('/asset/')) problem(`built file is missing: ${new URL(r.url()).pathname}`); });
  page.on('requestfailed', (r) => { if (!/ERR_ABORTED/.test(r.failure()?.errorText ?? '') && !tolerated?.test(r.failure()?.errorText ?? '')) problem(`request failed: ${new URL(r.url()).pathname} ${r.failure()?.errorText}`); });
  return page;
}

// axe runs the accessibility rules of WCAG 2.2 A and AA. They are read from a file and run by the debugging line, in a world of
// their own, so that the page's policy stays as it is.
export async function axe(page, name) {
  const { readFileSync } = await import('node:fs');
  const source = readFileSync(axePath, 'utf8');
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' });
  const run = async (expression) => {
    const r = await session.send('Runtime.evaluate', { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true });
    if (r.exceptionDetails) throw new Error(`axe: ${r.exceptionDetails.exception?.description ?? r.exceptionDetails.text}`);
    return r.result.value;
  };
  await run(source + ';0');
  const found = await run(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'], rules: { region: { enabled: false } } })
    .then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.failureSummary || '').replace(/\\s+/g, ' ').slice(0, 160)).join(' | ')))`);
  await session.detach();
  for (const f of found) problem(`axe, ${name}: ${f}`);
  return found.length;
}

export function shots(dir) {
  if (dir) mkdirSync(dir, { recursive: true });
  return async (page, name) => { if (dir) await page.screenshot({ path: `${dir}/${name}.png` }); };
}

// totp is the code of RFC 6238 that a code app would show.
export function totp(secret, at = Date.now()) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replace(/[\s=]/g, '').toUpperCase()].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const o = mac[19] & 15;
  return String((mac.readUInt32BE(o) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

export async function until(what, test, limit = 20_000) {
  const end = Date.now() + limit;
  for (;;) {
    const v = await test();
    if (v) return v;
    if (Date.now() > end) { problem(`waited in vain: ${what}`); return v; }
    await new Promise((r) => setTimeout(r, 100));
  }
}

export function expect(ok, text) { if (!ok) problem(text); }

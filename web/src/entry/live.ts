// Figures that change while one looks: accessions and jobs, told by the server as they happen. The page is complete without
// it; the figures are then as old as the page.
import { words } from '../lib/boot';

type Accession = { id: string; state: string } & Record<'found' | 'received' | 'duplicates' | 'skipped' | 'failed' | 'bytes', number>;
type Jobs = { counts: Record<string, number>; running: { id: number | string; progress: number }[] };

const w = words();

function put(scope: ParentNode, name: string, text: string): void {
  for (const node of scope.querySelectorAll(`[data-live="${name}"]`)) if (node.textContent !== text) node.textContent = text;
}

function accession(a: Accession): void {
  for (const box of document.querySelectorAll(`[data-accession="${CSS.escape(a.id)}"]`)) {
    for (const name of ['found', 'received', 'duplicates', 'skipped', 'failed'] as const) if (typeof a[name] === 'number') put(box, name, w.num(a[name]));
    for (const name of ['ready', 'browsable', 'explained', 'waiting'] as const) {
      const n = (a as unknown as Record<string, unknown>)[name];
      if (typeof n === 'number') put(box, name, w.num(n));
    }
    if (typeof a.bytes === 'number') put(box, 'bytes', w.bytes(a.bytes));
    box.querySelector('[data-live="failed"]')?.closest('div')?.classList.toggle('redw', a.failed > 0);
    // Closed just now: the receipt is new and the page draws it.
    if (a.state === 'closed' && box.querySelector('[data-live="state"]')) location.reload();
  }
}

function jobs(j: Jobs): void {
  const box = document.querySelector('[data-jobs]');
  if (box) for (const [state, n] of Object.entries(j.counts)) put(box, state, w.num(n));
  for (const r of j.running) {
    const bar = document.querySelector<HTMLProgressElement>(`[data-job="${CSS.escape(String(r.id))}"] progress`);
    if (bar && r.progress >= 0) bar.value = r.progress;
  }
}

function listen(): void {
  const foot = document.querySelector<HTMLElement>('[data-live-state]');
  const say = (on: boolean) => { if (foot) foot.textContent = (on ? foot.dataset['tOn'] : foot.dataset['tOff']) ?? ''; };
  const source = new EventSource('/api/events');
  source.addEventListener('open', () => say(true));
  source.addEventListener('error', () => say(false));
  source.addEventListener('accession', (e) => accession(JSON.parse((e as MessageEvent<string>).data) as Accession));
  source.addEventListener('jobs', (e) => jobs(JSON.parse((e as MessageEvent<string>).data) as Jobs));
  // A page that leaves closes its line: browsers allow only six to a server.
  window.addEventListener('pagehide', () => source.close(), { once: true });
  window.addEventListener('pageshow', (e) => { if (e.persisted) listen(); }, { once: true });
}

if (document.querySelector('[data-accession], [data-jobs]')) listen();

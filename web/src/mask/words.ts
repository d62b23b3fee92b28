import { data, words as join } from '../lib/boot';
import type { Box, Plan, Track } from './plan';

export type Meta = Record<string, unknown> & { duration?: number; audio?: boolean };
export type Source = {
  item: string; ref: string; ms: number; fps: number; w: number; h: number; difficulty: number; micro: string; visit: string; sound: boolean; words: boolean;
  proxy: { id: string; meta: Meta | null } | null;
};
export type Version = { n: number; by: string; at: string; note: string; state: string };
export type Blocker = { n: number; source: number; from_us: number; to_us: number; at_us: number; kind: string; thing: string; grave: boolean; box: Box | null; dismissed: string; by: string };
export type Check = { id: string; version: number; state: 'asked' | 'done' | 'failed'; progress: number; blockers: Blocker[] };
export type Proposal = { id: string; track: Track; score: number; detector: string };
export type Proposals = { version: number; state: string; progress: number; list: Proposal[] };
export type Boot = {
  t: Record<string, string>; id: string; title: string; head: number; plan: Plan; sources: Source[]; versions: Version[]; names: Record<string, string>; edit: boolean;
  stops?: Stop[];
};
// Stop is a moment at which the second person looks at the picture as it will be.
export type Stop = { n: string; cut: number; source: number; us: number; why: string; seen: boolean };

const raw = data<{ t: Record<string, string>; b: Omit<Boot, 't'> }>('boot');
export const boot: Boot | null = raw ? { ...raw.b, t: raw.t } : null;
export const words = join(boot?.t);

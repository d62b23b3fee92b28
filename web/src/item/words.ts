import { data, words as join } from '../lib/boot';

export type Meta = Record<string, unknown> & { columns?: number; rows?: number; tile_width?: number; tile_height?: number; times?: number[]; frames?: number; duration?: number; audio?: boolean };
export type Derivative = { id: string; kind: string; ordinal: number; mediaType: string; meta: Meta | null };
export type Boot = {
  t: Record<string, string>; id: string; ref: string; kind: string; state: string; ms: number; fps: number; w: number; h: number; difficulty: number;
  micro: string; visit: string; derivatives: Derivative[] | null; at: string | null; redact?: boolean;
};

export const boot = data<Boot>('boot');
export const words = join(boot?.t);

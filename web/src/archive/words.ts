import { data, words as join } from '../lib/boot';

export const words = join(data<{ t: Record<string, string> }>('boot')?.t);

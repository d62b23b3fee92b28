import { data, words as join } from '../lib/boot';

const boot = data<{ t: Record<string, string>; grade?: boolean }>('boot');

export const words = join(boot?.t);
// grades says whether one may say how hard items are to watch.
export const grades = !!boot?.grade;

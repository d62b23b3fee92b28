import { expect, it } from 'vitest';
import { bytes, fromJSON, text } from '../src/lib/webauthn';

it('goes to bytes and back without loss', () => {
  for (let n = 0; n < 70; n++) {
    const b = Uint8Array.from({ length: n }, (_, i) => (i * 151 + n) % 256);
    const t = text(b.buffer);
    expect(t).not.toMatch(/[+/=]/);
    expect([...bytes(t)]).toEqual([...b]);
  }
});

it('turns every binary field of the options into bytes', () => {
  const o = fromJSON({ publicKey: { challenge: 'AQID', user: { id: 'BA' }, excludeCredentials: [{ id: 'BQ', type: 'public-key' }], allowCredentials: null } }) as { publicKey: any };
  expect(o.publicKey.challenge).toEqual(new Uint8Array([1, 2, 3]));
  expect(o.publicKey.user.id).toEqual(new Uint8Array([4]));
  expect(o.publicKey.excludeCredentials[0].id).toEqual(new Uint8Array([5]));
  expect('allowCredentials' in o.publicKey).toBe(false);
});

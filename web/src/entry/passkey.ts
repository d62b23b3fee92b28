// Passkeys: making one and signing in with one. The server speaks the JSON of the Web Authentication standard.
import { post, Refused } from '../lib/api';
import { fromJSON, toJSON, type Options } from '../lib/webauthn';

for (const box of document.querySelectorAll<HTMLElement>('[data-passkey]')) {
  const button = box.querySelector('button')!;
  const say = box.querySelector<HTMLElement>('.say')!;
  const register = box.dataset['passkey'] === 'register';
  // The standard ties a passkey to a domain name; browsers refuse numeric addresses.
  const numeric = /^[\d.]+$|:/.test(location.hostname);
  if (numeric || !('credentials' in navigator) || typeof PublicKeyCredential === 'undefined') {
    button.disabled = true;
    say.textContent = (numeric ? box.dataset['tAddress'] : box.dataset['tNone']) ?? '';
    continue;
  }
  button.addEventListener('click', async () => {
    say.textContent = '';
    const field = box.dataset['name'] ? document.querySelector<HTMLInputElement>(`#${box.dataset['name']}`) : null;
    if (field && !field.reportValidity()) return;
    const base = `/api/passkey/${register ? 'register' : 'sign-in'}`;
    button.disabled = true;
    try {
      const options = fromJSON(await post<Options>(`${base}/begin`, field ? { name: field.value } : {}));
      const made = register ? await navigator.credentials.create(options as CredentialCreationOptions) : await navigator.credentials.get(options as CredentialRequestOptions);
      if (!made) throw new Error('nothing was chosen');
      await post(`${base}/finish`, toJSON(made as PublicKeyCredential));
      // Only a path of this server: the address must not lead anywhere else.
      const next = box.dataset['next'] ?? '';
      location.assign(/^\/(?![/\\])/.test(next) ? next : '/archive');
    } catch (e) {
      say.textContent = box.dataset['tFailed'] ?? '';
      if (e instanceof Refused && e.status === 401 && register) location.assign('/sign-in');
    } finally {
      button.disabled = false;
    }
  });
}

// Between the JSON of WebAuthn level 3 (section 5.1) and what the browser's calls take. Done by hand because not every browser in use
// has the conversion built in.

type B64 = string;
export type Options = { publicKey: Record<string, unknown> & { challenge: B64 } };

export function bytes(b64url: B64): Uint8Array<ArrayBuffer> {
  const raw = atob(b64url.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

export function text(buffer: ArrayBuffer): B64 {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

type Descriptor = { id: B64; type: string };

// fromJSON turns the base64url fields of creation and request options into bytes.
export function fromJSON(o: Options): { publicKey: unknown } {
  const p: Record<string, unknown> = { ...o.publicKey, challenge: bytes(o.publicKey.challenge) };
  const user = p['user'] as { id: B64 } | undefined;
  if (user) p['user'] = { ...user, id: bytes(user.id) };
  for (const name of ['excludeCredentials', 'allowCredentials']) {
    const list = p[name] as Descriptor[] | null | undefined;
    if (list) p[name] = list.map((d) => ({ ...d, id: bytes(d.id) }));
    else delete p[name];
  }
  return { publicKey: p };
}

// toJSON writes a credential as the server expects it.
export function toJSON(c: PublicKeyCredential): unknown {
  const r = c.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const response: Record<string, unknown> = { clientDataJSON: text(r.clientDataJSON) };
  if (r.attestationObject) {
    response['attestationObject'] = text(r.attestationObject);
    response['transports'] = r.getTransports?.() ?? [];
  } else {
    response['authenticatorData'] = text(r.authenticatorData);
    response['signature'] = text(r.signature);
    if (r.userHandle) response['userHandle'] = text(r.userHandle);
  }
  return { id: c.id, rawId: text(c.rawId), type: c.type, response, authenticatorAttachment: c.authenticatorAttachment ?? undefined, clientExtensionResults: c.getClientExtensionResults() };
}

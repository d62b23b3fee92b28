// Package timestamp asks outsiders for the time: RFC 3161 authorities and OpenTimestamps calendars, over HTTP.
//
// It guarantees that an answer is checked by package verify before it is called anything: a token is Confirmed only once it
// verifies against root certificates that were given, an OpenTimestamps proof only once a block header at hand holds its Merkle root. Outsiders
// see one digest: authorities that of a checkpoint, which is public anyway, calendars that of a digest and a nonce. Only
// configured addresses are asked, redirects are not followed, answers are bounded, and no error text carries an address or words of an outsider
// that could hold one. Proxies of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) are honoured.
//
// It does not keep anything, does not retry, and does not look up whether a certificate was revoked. Its caller stores tokens and asks again later.
package timestamp

// Package redact keeps redaction plans: their versions, what machines propose for them, the check for gaps, the second person's look and
// approval, and the rendering.
//
// It guarantees that every version, look, decision and rendering is an event of the custody record in the same transaction; that nobody
// approves a plan that they wrote any part of since it was last approved; that only an approved version is rendered, from the original, into
// the vault, without a byte of it on the disk; that the rendition, its event and the statement of the clip in the transparency log are there
// together or not at all; that the same plan and the same tools give the same bytes.
//
// It does not decide what is published: that is for package release. Proposals are never applied by themselves.
package redact

// Package site builds the public site: static pages from finished bundle folders, and nothing else.
//
// It guarantees that every file of a bundle is the one its list of digests names, that a clip fits its proof (checked with
// package verify) and that its texts hold nothing a page could be attacked with, before a single page names them; a bundle of
// which one of this does not hold is left out and reported, and never is an older version shown in its place. A withdrawn
// release leaves its date and its reason, and no picture. Pages need no script, set no cookie, ask nothing of
// other machines, link relatively, so that a folder, a stick and an onion service all carry them, and say the same in a
// text-only twin. The same bundles, configuration and day give the same bytes. A build changes what readers see in one
// step, or not at all.
//
// It does not open the archive, knows no vault, no database and no person, and imports only packages verify and geo; it decides
// nothing about what may be published. Programs that send a built site elsewhere give it a Store.
package site

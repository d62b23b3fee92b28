// Package asset holds the check page, the one built file of the web part that is also given away by itself.
//
// It guarantees that the page is the built file, byte for byte: a single HTML document with its script, style, fonts and words inside, and
// a policy that allows nothing from elsewhere. Before the first build there is none, and CheckPage gives nothing.
//
// It does not serve anything: scripts and styles of the workspace are served by package web, which embeds this folder for itself.
package asset

import "embed"

// The pattern also matches a file that is always there, because dist does not exist before the first build.
//
//go:embed [dp]*
var built embed.FS

// CheckPage gives the check page as UTF-8 HTML, nil if the web part is not built. The caller must not change the bytes.
func CheckPage() []byte {
	page, err := built.ReadFile("dist/check.html")
	if err != nil {
		return nil
	}
	return page
}

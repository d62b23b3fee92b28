package job

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	// Names may hold spaces, so a path is taken to last until the colon that Go's errors put after it.
	pathLike   = regexp.MustCompile(`(^|[\s(=])(?:[A-Za-z]:\\|\.{0,2}/)[^:"']*|\S*[/\\]\S*`)
	quotedText = regexp.MustCompile(`"[^"]*"?|'[^']*'|«[^»]*»`)
)

// redact takes out of an error text what may be a path or a name, before the text is stored where everybody who may
// see jobs can read it. What remains are codes and identifiers. It rather takes too much.
func redact(text string) string {
	text = strings.ToValidUTF8(text, "�")
	text = quotedText.ReplaceAllString(text, "…")
	text = pathLike.ReplaceAllString(text, "$1…")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > 400 {
		text = string([]rune(text)[:400]) + "…"
	}
	return text
}

package ingest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanName makes raw bytes of a name safe to show on a terminal or a page, one line, in reading order: bytes that are
// not UTF-8 become \xNN, control and formatting characters (escape sequences, line breaks, marks that turn the
// reading direction) become \u{…}, a backslash is doubled so that nothing can pretend to be such an escape.
func cleanName(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRuneInString(raw[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, raw[i])
		case r == '\\':
			b.WriteString(`\\`)
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += n
	}
	return b.String()
}

// extension gives the cleaned, lower-case extension of a name, without the dot, at most 16 characters; else "".
func extension(raw string) string {
	name := raw[strings.LastIndexByte(raw, '/')+1:]
	at := strings.LastIndexByte(name, '.')
	if at < 1 || len(name)-at-1 > 16 || len(name)-at-1 == 0 {
		return ""
	}
	return strings.ToLower(cleanName(name[at+1:]))
}

package plan

import (
	"fmt"
	"strings"

	"zapis/internal/archive"
)

// Problem is one rule that a plan breaks.
type Problem struct {
	Path string // where, as in tracks[3].keys[0].box; empty: the plan as a whole
	Code string // which rule, for programs and for words in other languages
	Text string // in English, without anything of the plan's own words
}

// String gives place and words.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Text
	}
	return p.Path + ": " + p.Text
}

// Invalid is what is wrong with a plan; it is an archive.ErrInvalid. At most MaxProblems are listed.
type Invalid struct{ Problems []Problem }

// MaxProblems is how many problems are listed at once.
const MaxProblems = 40

// Error gives the first problem and how many more there are.
func (e *Invalid) Error() string {
	var b strings.Builder
	b.WriteString("redaction plan is not valid")
	if len(e.Problems) > 0 {
		b.WriteString(": " + e.Problems[0].String())
	}
	if n := len(e.Problems) - 1; n > 0 {
		fmt.Fprintf(&b, " (and %d more)", n)
	}
	return b.String()
}

// Unwrap makes it an archive.ErrInvalid.
func (e *Invalid) Unwrap() error { return archive.ErrInvalid }

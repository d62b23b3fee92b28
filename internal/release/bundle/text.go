package bundle

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// marks stand before each sentence of the text version, so that it can be read without knowing a language of ours.
var marks = map[string]string{Established: "[+]", Probable: "[~]", Disputed: "[?!]", NotKnown: "[?]"}

// PlainText gives the text version in a language: title, summary, what it shows, sentences with their certainty, warnings with their times,
// credit. It holds nothing that release.json does not.
func (r Release) PlainText(lang string) []byte {
	t := r.Text[lang]
	var b strings.Builder
	para := func(s string) {
		if s != "" {
			b.WriteString(s + "\n\n")
		}
	}
	para(t.Title)
	para(t.Summary)
	for _, w := range t.Warnings {
		para(fmt.Sprintf("! %s–%s %s", clock(w.FromMS), clock(w.ToMS), w.Text))
	}
	for _, s := range t.Shows {
		para(s)
	}
	for _, s := range t.Sentences {
		para(marks[s.Certainty] + " " + s.Text)
	}
	for _, c := range r.Corrections {
		para(fmt.Sprintf("%s (v%d) %s", c.Date, c.Release, c.Text[lang]))
	}
	para(t.Credit)
	fmt.Fprintf(&b, "%s v%d\n", r.Slug, r.Release)
	return []byte(b.String())
}

func clock(ms int64) string { return fmt.Sprintf("%d:%02d", ms/60_000, ms/1000%60) }

// VerifyFS is [Verify] of a folder.
func VerifyFS(dir fs.FS) (Release, error) {
	list, err := fs.ReadDir(dir, ".")
	if err != nil {
		return Release{}, fmt.Errorf("read bundle: %w", err)
	}
	var names []string
	for _, e := range list {
		if !e.Type().IsRegular() {
			return Release{}, fmt.Errorf("%w: something in the folder is no file", ErrFormat)
		}
		names = append(names, e.Name())
	}
	return Verify(names, func(name string) (io.ReadCloser, error) { return dir.Open(name) })
}

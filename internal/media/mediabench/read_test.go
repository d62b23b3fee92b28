package mediabench

import (
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zapis/internal/media"
)

func TestCompareText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got     string
		errors, found int
	}{
		{"один два три", "один два три", 0, 3},
		{"один два\nтри", "один   два три", 0, 3},
		{"один два три", "один дна три", 1, 2},
		{"один два три", "одиндва три", 1, 1},
		{"один два три", "", 12, 0},
		{"a a b", "b a c", 2, 2},
	} {
		if r := compareText(c.want, c.got); r.Errors != c.errors || r.Found != c.found || r.Words != 3 {
			t.Errorf("%q read as %q: %+v", c.want, c.got, r)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.SampledFrom([]rune("абв ")), 0, 12)
		a, b, c := some.Draw(t, "a"), some.Draw(t, "b"), some.Draw(t, "c")
		ab := distance(a, b)
		if ab != distance(b, a) || (ab == 0) != (string(a) == string(b)) || ab > max(len(a), len(b)) || ab > distance(a, c)+distance(c, b) {
			t.Fatalf("%q %q: %d", string(a), string(b), ab)
		}
	})
}

func TestWrapped(t *testing.T) {
	t.Parallel()
	for lang, text := range ReadText {
		for line := range strings.Lines(wrapped(text, 84)) {
			if n := len([]rune(strings.TrimSpace(line))); n > 84 || n == 0 {
				t.Errorf("%s: a line of %d characters", lang, n)
			}
		}
		if got := compareText(text, wrapped(text, 84)); got.Errors != 0 {
			t.Errorf("%s: %+v", lang, got)
		}
	}
}

// The figures of the benchmark may not fall far: pages are read nearly without errors, also if they lie askew or in a shadow.
func TestPagesAreRead(t *testing.T) {
	t.Parallel()
	tools, err := media.Find(media.Options{})
	if err == nil && !tools.CanRead() {
		err = media.ErrNoTool
	}
	if err == nil {
		_, err = os.Stat(fontFolder + ReadFonts[0])
	}
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for lang, wear := range map[string]Wear{"eng": Wears[7], "ukr": Wears[4]} { // photographed, askew
		p := ReadPage{Language: lang, Font: ReadFonts[0], Wear: wear}
		path, err := p.Make(t.Context(), "ffmpeg", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Read(t.Context(), tools, path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Characters < 500 || r.Errors*100 > 4*r.Characters || r.Found*100 < 90*r.Words {
			t.Errorf("%s: %+v", lang, r)
		}
	}
}

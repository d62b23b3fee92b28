package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNamesAreFound(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, text string
		found      strength
	}{
		{"Сергей Осечкин", "Сергея Осечкина вызвали", surely},
		{"Сергей Осечкин", "Osechkin, Serhiy", surely},
		{"Сергей Осечкин", "видел Осечкина", surely},            // the surname alone
		{"Сергей Осечкин", "osechkin-case", surely},             // in an address
		{"Сергей Осечкин", "вызвали Осе\u00adчкина", surely},    // a mark that is not seen
		{"Сергей Осечкин", "вызвали Oсечкина", surely},          // the first letter is Latin
		{"Гончаренко Михайло", "За словами Гончаренка", surely}, // inflected
		{"Иван Сергеевич Петров", "Иван Сергеевич сказал", surely},
		{"Иван Сергеевич Петров", "Сергеевич", not},
		{"Taras Bulba", "Тарас, син Бульби", surely},
		// A surname that does not end like one, within a sentence.
		{"Taras Bulba", "Тарас бачив, як вони всі потім разом ішли до воріт, а Бульба", surely},
		{"Тарас Мельник", "свідок Мельник розповів", surely},
		{"Анна Шмидт", "со слов Шмидт", surely},
		{"Тарас Мельник", "Мельника викликали", maybe}, // at the beginning every word has a capital letter
		{"Тарас Мельник", "у дворі стояв мельник", maybe},
		{"Тарас Мельник", "https://news.test/melnyk/1", maybe},
		{"Тарас Мельник", "у дворі стояв млин", not},
		// A given name alone.
		{"Сергей Осечкин", "Сергей видел это", maybe},
		{"Сергей Осечкин", "по словам Серёжи", maybe},
		{"Сергей Осечкин", "as Serhiy told", maybe},
		{"Сергей Осечкин", "министр Сергей Иванов", not}, // it is somebody else's
		{"Сергей Осечкин", "Сергей Петрович Иванов", not},
		{"Александр Ковальчук", "сказал Саша", maybe},
		{"Гончаренко Михайло", "Михайло і Гончар", maybe},
		{"Сергей", "Сергей видел это", maybe},
		{"Сергей Осечкин", "вызвали Осичкина", maybe}, // one other letter
		{"Сергей Осечкин", "вызвали Овечкина", maybe},
		{"Сергей Осечкин", "вызвали Савченко", not},
		{"the person by the wall", "a wall and a yard", not},
		// A name of one word.
		{"Лис", "клички Лис", surely},
		{"Лис", "листя", not},
		{"Анна-Мария Ковальчук", "Ковальчука", surely},
		// A name of short words alone.
		{"Ян Ли", "сказал Ли Ян", surely},
		{"the person by the wall", "the door was the only one", not}, // one word twice is no pair
		{"", "anything", not},
	} {
		if got := names(nameWords(x.name), read(x.text)); got != x.found {
			t.Errorf("%q in %q: %v, want %v", x.name, x.text, got, x.found)
		}
		for _, protected := range []bool{true, false} {
			got := named([]string{x.text}, []Person{{Entity: "kn_1", Names: []string{x.name}, Protected: protected}})
			if want := x.found == surely || x.found == maybe && protected; (len(got) > 0) != want || want && got[0].Maybe != (x.found == maybe) {
				t.Errorf("%q in %q, protected %v: %+v", x.name, x.text, protected, got)
			}
		}
	}
	for text, found := range map[string]bool{
		"by P-17": true, "by p-17": true, "by Р-17": true, "P–17": true, "P-170": false, "XP-17": false, "P 17": false,
	} {
		if got := named([]string{text}, []Person{{Entity: "kn_1", Code: "P-17"}}); (len(got) > 0) != found {
			t.Errorf("code in %q: %v", text, got)
		}
	}
}

// What must not be found is found wherever it lies, also across the borders of what is read at once.
func TestSearchFinds(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("original"))
	needles := slices.Concat(digestNeedles(sum[:]), wordNeedles("trace", "Диск Петрова"), wordNeedles("agent", "mel1"))
	for name, x := range map[string]struct {
		text string
		want string
	}{
		"hexadecimal":     {hex.EncodeToString(sum[:]), "digest"},
		"capitals":        {strings.ToUpper(hex.EncodeToString(sum[:])), "digest"},
		"base64":          {base64.StdEncoding.EncodeToString(sum[:]), "digest"},
		"base64 for URLs": {base64.RawURLEncoding.EncodeToString(sum[:]), "digest"},
		"bytes":           {string(sum[:]), "digest"},
		"a word":          {" Диск Петрова ", "trace"},
		"small letters":   {" диск петрова.", "trace"},
		"capital letters": {"ДИСК ПЕТРОВА", "trace"},
		"a short word":    {"(MEL1)", "agent"},
		"within a word":   {"caramel1zed", ""},
		"nothing":         {"nothing", ""},
	} {
		for _, before := range []int{0, 1, 7, 1<<20 - 3, 1 << 20, 1<<20 + 90} {
			got, err := search(strings.NewReader(strings.Repeat(".", before)+x.text+strings.Repeat(".", 100)), needles)
			if err != nil || (x.want == "") != (len(got) == 0) || x.want != "" && !slices.Contains(got, x.want) {
				t.Errorf("%s after %d bytes: %v, %v", name, before, got, err)
			}
		}
	}
	if got := wordNeedles("trace", "ab"); len(got) > 0 {
		t.Error("two letters would be found everywhere")
	}
}

// A run of an original as long as two blocks is always found, wherever it lies in either.
func TestSharedBytesAreFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		noise := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			return b
		}
		of := noise(rapid.IntRange(2*blockSize, 20_000).Draw(rt, "original"))
		n := 2*blockSize - 1
		at := rapid.IntRange(0, len(of)-n).Draw(rt, "from")
		with := slices.Concat(noise(rapid.IntRange(0, 5000).Draw(rt, "before")), of[at:at+n], noise(rapid.IntRange(0, 5000).Draw(rt, "after")))
		for name, x := range map[string]struct {
			file []byte
			want bool
		}{"shared": {with, true}, "not shared": {noise(len(with)), false}, "zeros": {make([]byte, 9000), false}} {
			var s blocks
			if err := s.add(bytes.NewReader(x.file)); err != nil {
				rt.Fatal(err)
			}
			o, err := readOriginal(ctx, bytes.NewReader(of), &s)
			if err != nil || o.shared != x.want || o.sha256 != sha256.Sum256(of) {
				rt.Fatalf("%s: %v, %v", name, o.shared, err)
			}
		}
	})
}

func TestPicturesAreOnlyPictures(t *testing.T) {
	t.Parallel()
	r := &rig{t: t}
	jpg, line := r.jpeg(90), r.png()
	if p := pictureProblem("poster.jpg", jpg); p != "" {
		t.Error(p)
	}
	if p := pictureProblem("drawing.png", line); p != "" {
		t.Error(p)
	}
	segment := func(marker byte, body string) []byte {
		return slices.Concat(jpg[:2], []byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, []byte(body), jpg[2:])
	}
	chunk := slices.Concat(line[:33], []byte{0, 0, 0, 4}, []byte("tEXtabcd"), []byte{0, 0, 0, 0}, line[33:])
	for name, x := range map[string]struct {
		file string
		b    []byte
	}{
		"EXIF": {"poster.jpg", segment(0xe1, "Exif\x00\x00")}, "a comment": {"poster.jpg", segment(0xfe, "hi")}, "ICC": {"poster.jpg", segment(0xe2, "ICC_PROFILE")},
		"a JFIF thumbnail": {"poster.jpg", segment(0xe0, "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x01abc")}, "after the end": {"poster.jpg", append(bytes.Clone(jpg), 0)},
		"cut": {"poster.jpg", jpg[:len(jpg)-2]}, "nothing": {"poster.jpg", nil}, "a PNG": {"poster.jpg", line},
		"text": {"drawing.png", chunk}, "after the end of a PNG": {"drawing.png", append(bytes.Clone(line), 'x')}, "a cut PNG": {"drawing.png", line[:len(line)-12]}, "a JPEG": {"drawing.png", jpg},
	} {
		if p := pictureProblem(x.file, x.b); p == "" {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzPicture(f *testing.F) {
	r := &rig{t: f}
	f.Add("x.jpg", r.jpeg(90))
	f.Add("x.png", r.png())
	f.Fuzz(func(_ *testing.T, name string, b []byte) { pictureProblem(name, b) })
}

func TestCaptions(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"WEBVTT\n\n00:00.000 --> 00:01.000\nhello":                                     true,
		"WEBVTT\n\n1\n00:00.000 --> 00:01.000 align:start\nhello\nthere":               true,
		"WEBVTT\n\n01:00:00.000 --> 01:00:01.000\nhello\n\n00:02.000 --> 00:03.000\nx": true,
		"WEBVTT": false, "": false, "WEBVTT by Anna\n\n00:00.000 --> 00:01.000\nhello": false,
		"WEBVTT\n\nNOTE by Anna\n\n00:00.000 --> 00:01.000\nhello":   false,
		"WEBVTT\n\nSTYLE\n::cue{}\n\n00:00.000 --> 00:01.000\nhello": false,
		"WEBVTT\n\nanna-1\n00:00.000 --> 00:01.000\nhello":           false,
		"1\n00:00:00,000 --> 00:00:01,000\nhello":                    false,
	} {
		if isCaptions(text) != ok {
			t.Errorf("%q: %v", text, !ok)
		}
	}
}

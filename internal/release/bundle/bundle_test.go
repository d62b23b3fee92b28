package bundle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func valid(t testing.TB) Release {
	t.Helper()
	r, err := Parse(golden(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func golden(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile(exampleDir + "/exercise-yard-august-2020/v1/release.json")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Every value that does not fit is refused, by Check and so by Parse and Canonical.
func TestWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	text := func(f func(*Text)) func(*Release) {
		return func(r *Release) { x := r.Text["ru"]; f(&x); r.Text["ru"] = x }
	}
	for name, spoil := range map[string]func(*Release){
		"another format":          func(r *Release) { r.Format = "x" },
		"another version":         func(r *Release) { r.Version = 2 },
		"no identifier":           func(r *Release) { r.ID = "" },
		"an item's identifier":    func(r *Release) { r.ID = "it" + r.ID[2:] },
		"a slug with capitals":    func(r *Release) { r.Slug = "Yard" },
		"a slug with a path":      func(r *Release) { r.Slug = "../yard" },
		"a slug that is long":     func(r *Release) { r.Slug = strings.Repeat("a", 81) },
		"release 0":               func(r *Release) { r.Release = 0 },
		"another state":           func(r *Release) { r.State = "draft" },
		"a time with seconds":     func(r *Release) { r.Published = "2026-11-20T10:00:01Z" },
		"a time with a zone":      func(r *Release) { r.Published = "2026-11-20T10:00:00+02:00" },
		"published before itself": func(r *Release) { r.FirstPublished = "2027-01-01T00:00:00Z" },
		"no origin":               func(r *Release) { r.Origin = "" },
		"an origin with a blank":  func(r *Release) { r.Origin = "a b" },
		"no language":             func(r *Release) { r.Languages = nil },
		"a language twice":        func(r *Release) { r.Languages = []string{"en", "en"} },
		"a language as a path":    func(r *Release) { r.Languages[0] = "../en" },
		"a text too many":         func(r *Release) { r.Text["de"] = r.Text["en"] },
		"a text too few":          func(r *Release) { delete(r.Text, "uk") },
		"no title":                text(func(x *Text) { x.Title = "" }),
		"a title of two lines":    text(func(x *Text) { x.Title = "a\nb" }),
		"blanks around":           text(func(x *Text) { x.Title = " a" }),
		"a long text":             text(func(x *Text) { x.Summary = strings.Repeat("a", MaxText+1) }),
		"a control character":     text(func(x *Text) { x.Summary = "a\x07b" }),
		"text that turns round":   text(func(x *Text) { x.Summary = "a\u202eb" }),
		"text that hides":         text(func(x *Text) { x.Summary = "a\u200bb" }),
		"a private character":     text(func(x *Text) { x.Summary = "a\ue000b" }),
		"no UTF-8":                text(func(x *Text) { x.Summary = "a\xffb" }),
		"nothing shown":           text(func(x *Text) { x.Shows = []string{} }),
		"shows is missing":        text(func(x *Text) { x.Shows = nil }),
		"an empty paragraph":      text(func(x *Text) { x.Shows = []string{""} }),
		"no sentence":             text(func(x *Text) { x.Sentences = []Sentence{} }),
		"a sentence less":         text(func(x *Text) { x.Sentences = x.Sentences[1:] }),
		"another certainty":       text(func(x *Text) { x.Sentences[0].Certainty = Disputed }),
		"no certainty":            text(func(x *Text) { x.Sentences[0].Certainty = "" }),
		"a warning after the end": text(func(x *Text) { x.Warnings[0].ToMS = 2001 }),
		"a warning of no length":  text(func(x *Text) { x.Warnings[0].ToMS = x.Warnings[0].FromMS }),
		"no clip":                 func(r *Release) { r.Clip = nil },
		"a clip of no length":     func(r *Release) { r.Clip.MS = 0 },
		"no files":                func(r *Release) { r.Clip.Files = nil },
		"another name":            func(r *Release) { r.Clip.Files[0].Name = "IMG_1.mp4" },
		"name and height differ":  func(r *Release) { r.Clip.Files[0].Height = 719 },
		"smallest first":          func(r *Release) { r.Clip.Files[0], r.Clip.Files[1] = r.Clip.Files[1], r.Clip.Files[0] },
		"a digest in capitals":    func(r *Release) { r.Clip.Files[0].SHA256 = strings.ToUpper(r.Clip.Files[0].SHA256) },
		"an empty file":           func(r *Release) { r.Clip.Files[0].Bytes = 0 },
		"another poster":          func(r *Release) { r.Clip.Poster = "../poster.jpg" },
		"stills with a hole":      func(r *Release) { r.Clip.Stills = []string{"still-2.jpg"} },
		"captions elsewhere":      func(r *Release) { r.Clip.Captions["en"] = "x.vtt" },
		"captions of no language": func(r *Release) { r.Clip.Captions["de"] = CaptionsName("de") },
		"difficulty 4":            func(r *Release) { r.Clip.Difficulty = 4 },
		"half a place":            func(r *Release) { r.Place.Lat = nil },
		"beyond the pole":         func(r *Release) { *r.Place.Lat = 900_001 },
		"a place that is not":     func(r *Release) { r.Place.Precision = PrecisionUnknown },
		"a place in one language": func(r *Release) { r.Place.Name = Words{"en": "x"} },
		"another country":         func(r *Release) { r.Place.Country = "ru" },
		"a date that is none":     func(r *Release) { r.Recorded.EDTF = "August" },
		"another mask":            func(r *Release) { r.Masks[0].Reason = "x" },
		"a mask twice":            func(r *Release) { r.Masks = append(r.Masks, r.Masks[0]) },
		"no cuts":                 func(r *Release) { r.Cuts = []Cut{} },
		"another proof":           func(r *Release) { r.Proof.File = "p.json" },
		"more shown than held":    func(r *Release) { r.Proof.Share.Files = 87 },
		"a share below nothing":   func(r *Release) { r.Proof.Share.MS = -1 },
		"another step":            func(r *Release) { r.Custody[0].What = "stolen" },
		"a date with a time":      func(r *Release) { r.Custody[0].Date = "2026-10-01T10:00:00Z" },
		"another kind":            func(r *Release) { r.Followed[0].Kind = "x" },
		"a script for a link":     func(r *Release) { r.Followed[0].URL = "javascript:alert(1)" },
		"a link with a password":  func(r *Release) { r.Followed[0].URL = "https://a:b@c.test/" },
		"a link with a quote":     func(r *Release) { r.Followed[0].URL = `https://c.test/"onload="` },
		"correction of nothing": func(r *Release) {
			r.Corrections = []Correction{{Date: "2026-11-21", Release: 1, Text: all("a", "b", "c")}}
		},
		"withdrawn and out":  func(r *Release) { r.Withdrawn = &Withdrawal{Date: "2026-11-21", Reason: all("a", "b", "c")} },
		"related to itself":  func(r *Release) { r.Related = []string{r.Slug} },
		"related is missing": func(r *Release) { r.Related = nil },
	} {
		r := valid(t)
		spoil(&r)
		if err := r.Check(); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if raw, err := canonical(r); err == nil {
			if _, err := Parse(raw); !errors.Is(err, ErrFormat) {
				t.Errorf("%s: read: %v", name, err)
			}
		}
	}
	// A tombstone says nothing but that it is one.
	for name, spoil := range map[string]func(*Release){
		"a title":   func(r *Release) { x := r.Text["en"]; x.Summary = "x"; r.Text["en"] = x },
		"a place":   func(r *Release) { r.Place = &Place{Name: Words{}, Region: Words{}, Precision: PrecisionCity} },
		"a clip":    func(r *Release) { r.Clip = valid(t).Clip },
		"masks":     func(r *Release) { r.Masks = valid(t).Masks },
		"no reason": func(r *Release) { r.Withdrawn.Reason = Words{} },
	} {
		r := tombstone()
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		spoil(&r)
		if err := r.Check(); !errors.Is(err, ErrFormat) {
			t.Errorf("a tombstone with %s: %v", name, err)
		}
	}
}

// There is one spelling.
func TestOneSpelling(t *testing.T) {
	t.Parallel()
	raw := golden(t)
	for name, b := range map[string][]byte{
		"a blank":           append([]byte(" "), raw...),
		"a line feed":       append(bytes.Clone(raw), '\n'),
		"two of them":       append(bytes.Clone(raw), raw...),
		"a key more":        bytes.Replace(raw, []byte(`{"clip"`), []byte(`{"author":"x","clip"`), 1),
		"a key less":        bytes.Replace(raw, []byte(`"country":"XX",`), nil, 1),
		"a key twice":       bytes.Replace(raw, []byte(`{"clip"`), []byte(`{"version":1,"clip"`), 1),
		"a key in capitals": bytes.Replace(raw, []byte(`"country"`), []byte(`"Country"`), 1),
		"an escape":         bytes.Replace(raw, []byte(`"XX"`), []byte(`"\u0058X"`), 1),
		"another order":     bytes.Replace(raw, []byte(`"bytes":`), []byte(`"zzz":`), 1),
		"a number as 1.0":   bytes.Replace(raw, []byte(`"release":1`), []byte(`"release":1.0`), 1),
		"a number as 1e0":   bytes.Replace(raw, []byte(`"release":1`), []byte(`"release":1e0`), 1),
		"an angle with 0":   bytes.Replace(raw, []byte(`51.52`), []byte(`51.520`), 1),
		"an exact angle":    bytes.Replace(raw, []byte(`51.52`), []byte(`51.52000001`), 1),
		"null for a list":   bytes.Replace(raw, []byte(`"corrections":[]`), []byte(`"corrections":null`), 1),
		"not JSON":          []byte("x"), "nothing": nil, "null": []byte("null"), "deep": bytes.Repeat([]byte("["), 100_000),
		"too long": bytes.Repeat([]byte(" "), MaxBytes+1),
	} {
		if bytes.Equal(b, raw) {
			t.Fatalf("%s changed nothing", name)
		}
		if _, err := Parse(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse(raw); err != nil {
		t.Error(err)
	}
}

func TestVerifyRefusesOtherFolders(t *testing.T) {
	t.Parallel()
	load := func() fstest.MapFS {
		out := fstest.MapFS{}
		dir := os.DirFS(exampleDir + "/exercise-yard-august-2020/v1")
		list, err := fs.ReadDir(dir, ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			raw, err := fs.ReadFile(dir, e.Name())
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] = &fstest.MapFile{Data: raw}
		}
		return out
	}
	if _, err := VerifyFS(load()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(fstest.MapFS){
		"a file more":   func(f fstest.MapFS) { f["still-3.jpg"] = f["still-1.jpg"] },
		"a file less":   func(f fstest.MapFS) { delete(f, FilePoster) },
		"another file":  func(f fstest.MapFS) { f["notes.txt"] = f[FilePoster]; delete(f, FilePoster) },
		"a folder":      func(f fstest.MapFS) { f["x/y"] = f[FilePoster] },
		"another byte":  func(f fstest.MapFS) { f["clip-720.mp4"].Data[100] ^= 1 },
		"another proof": func(f fstest.MapFS) { f[FileProof].Data = []byte("x") },
		"sums of other": func(f fstest.MapFS) {
			f[FileSums].Data = bytes.Replace(f[FileSums].Data, []byte("  poster"), []byte("  drawing"), 1)
		},
		"sums with a blank":  func(f fstest.MapFS) { f[FileSums].Data = append(f[FileSums].Data, ' ') },
		"sums and clip both": func(f fstest.MapFS) { d := f["clip-720.mp4"]; d.Data = []byte("x"); resum(f) },
	} {
		f := load()
		spoil(f)
		if _, err := VerifyFS(f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func resum(f fstest.MapFS) {
	sums := Sums{}
	for name, x := range f {
		if name != FileSums {
			sums[name] = sum256(x.Data)
		}
	}
	f[FileSums].Data = sums.Encode()
}

func sum256(b []byte) (out [32]byte) {
	h := sha256.New()
	_, _ = io.Copy(h, bytes.NewReader(b))
	copy(out[:], h.Sum(nil))
	return out
}

func TestSmallThings(t *testing.T) {
	t.Parallel()
	if s := TimeText(time.Date(2026, 11, 20, 10, 0, 59, 9, time.FixedZone("", 7200))); s != "2026-11-20T08:00:00Z" {
		t.Error(s)
	}
	for d, want := range map[Degrees]string{0: "0", 1: "0.0001", -1: "-0.0001", 515200: "51.52", -1800000: "-180", 10: "0.001"} {
		if b, err := d.MarshalJSON(); err != nil || string(b) != want {
			t.Errorf("%d: %s, want %s", d, b, want)
		}
		var again Degrees
		if err := again.UnmarshalJSON([]byte(want)); err != nil || again != d {
			t.Errorf("%s: %d, %v", want, again, err)
		}
	}
	for precision, want := range map[string]Degrees{PrecisionFacility: -515310, PrecisionCity: -515300, PrecisionRegion: -520000, PrecisionCountry: -520000} {
		if got := Degrees(-515314).Near(precision); got != want {
			t.Errorf("%s: %d, want %d", precision, got, want)
		}
	}
	for _, s := range []string{"http://a.test", "https://a.test/b?c=d#e"} {
		if !IsURL(s) {
			t.Errorf("%s is an address", s)
		}
	}
	if text := string(valid(t).PlainText("en")); !strings.Contains(text, "[?!] The institution says") || !strings.Contains(text, "0:00–0:00 A man is beaten.") {
		t.Error(text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(golden(f))
	for _, dir := range []string{"exercise-yard-august-2020/v2", "gate-2019/v1"} {
		raw, err := os.ReadFile(exampleDir + "/" + dir + "/release.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"clip":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := r.Canonical()
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("another spelling was read: %v", err)
		}
		for _, name := range r.Files() {
			if !IsName(name) {
				t.Errorf("a file named %q", name)
			}
		}
		for _, lang := range r.Languages {
			r.PlainText(lang)
		}
	})
}

func FuzzSums(f *testing.F) {
	raw, err := os.ReadFile(exampleDir + "/gate-2019/v1/SHA256SUMS")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := ParseSums(raw); err == nil && !bytes.Equal(s.Encode(), raw) {
			t.Error("another spelling was read")
		}
	})
}

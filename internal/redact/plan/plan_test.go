package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapis/internal/archive"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	item0  = "it_00000000000000000000000000"
	item1  = "it_00000000000000000000000001"
	track0 = "tr_00000000000000000000000000"
	track1 = "tr_00000000000000000000000001"
	track2 = "tr_00000000000000000000000002"
	entity = "kn_00000000000000000000000000"
)

// sample is a plan that uses everything.
func sample() Plan {
	return Plan{
		Sources: []string{item0, item1},
		Cuts:    []Cut{{0, 1_000_000, 13_000_000}, {1, 0, 2_500_000}},
		Picture: Picture{Hide: true},
		Tracks: []Track{
			{ID: track0, Source: 0, Kind: Solid, Reason: "face", Protects: entity, Keys: []Key{{1_000_000, [4]int{100_000, 200_000, 50_000, 80_000}, false}, {3_000_000, [4]int{400_000, 200_001, 50_000, 80_000}, false}, {4_000_000, [4]int{400_000, 200_000, 60_000, 80_000}, true}, {5_000_000, [4]int{0, 0, 1_000_000, 1_000_000}, false}}},
			{ID: track1, Source: 0, Kind: Pixelate, Reason: "plate", UntilEnd: true, Origin: "face/1", Keys: []Key{{0, [4]int{999_000, 999_000, 1_000, 1_000}, false}}},
			{ID: track2, Source: 1, Kind: Solid, Reveal: true, Reason: "person", Keys: []Key{{500_000, [4]int{1, 2, 333_333, 444_444}, false}, {900_001, [4]int{500_000, 2, 222_222, 444_444}, false}}},
		},
		Sound:   Sound{Mode: Keep, Spans: []SoundSpan{{0, 2_000_000, 3_000_000, Mute, "name", entity}, {0, 4_000_000, 4_000_001, Tone, "voice", ""}}},
		Heights: []int{720, 360},
		Salt:    "0123456789abcdef0123456789abcdef",
	}
}

// The format is what others implement: its bytes change only on purpose.
func TestGoldenPlan(t *testing.T) {
	t.Parallel()
	p := sample()
	at := filepath.Join("testdata", "plan.json")
	if *update {
		if err := os.WriteFile(at, append(p.Canonical(), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.TrimSuffix(want, []byte("\n"))
	if !bytes.Equal(p.Canonical(), want) {
		t.Errorf("canonical bytes are\n%s, were\n%s", p.Canonical(), want)
	}
	if got, err := Parse(want); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("read as %+v, %v", got, err)
	}
	// Keys in another order and white space are the same plan.
	var loose map[string]any
	dec := json.NewDecoder(bytes.NewReader(want))
	dec.UseNumber()
	if err := dec.Decode(&loose); err != nil {
		t.Fatal(err)
	}
	spread, err := json.MarshalIndent(loose, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse(spread); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("spread out: %+v, %v", got, err)
	}
}

// at is one vector for whoever computes boxes in another language.
type vector struct {
	Source int   `json:"source"`
	US     int64 `json:"us"`
	Boxes  []any `json:"boxes"`
}

type vectorBox struct {
	Track  int    `json:"track"`
	Kind   Kind   `json:"kind"`
	Reveal bool   `json:"reveal"`
	Box    [4]int `json:"box"`
}

// The vectors of testdata/at.json are shared with the editor.
func TestGoldenMoments(t *testing.T) {
	t.Parallel()
	p := sample()
	far := Track{ID: "tr_00000000000000000000000003", Source: 1, Kind: Solid, Reason: "other", Keys: []Key{{7, [4]int{0, 0, 999_999, 1_000}, false}, {MaxUS, [4]int{1, 999_000, 999_999, 1_000}, false}}}
	back := Track{ID: "tr_00000000000000000000000004", Source: 1, Kind: Solid, Reason: "other", UntilEnd: true, Keys: []Key{{10, [4]int{900_000, 500_000, 100_000, 7_777}, false}, {17, [4]int{100_000, 499_999, 900_000, 1_000}, false}}}
	p.Tracks = append(p.Tracks, far, back)
	moments := map[int][]int64{
		0: {-1, 0, 999_999, 1_000_000, 1_000_001, 1_333_333, 1_999_999, 2_999_999, 3_000_000, 3_500_000, 3_999_999, 4_000_000, 4_999_999, 5_000_000, 5_000_001, MaxUS},
		1: {0, 6, 7, 8, 10, 11, 12, 13, 16, 17, 18, 499_999, 500_000, 500_001, 700_000, 777_777, 900_000, 900_001, 900_002, MaxUS / 3, MaxUS - 1, MaxUS},
	}
	type file struct {
		Plan    json.RawMessage `json:"plan"`
		Moments []vector        `json:"moments"`
	}
	f := file{Plan: p.Canonical()}
	for source := range 2 {
		for _, us := range moments[source] {
			v := vector{Source: source, US: us, Boxes: []any{}}
			for _, b := range p.At(source, us) {
				v.Boxes = append(v.Boxes, vectorBox{b.Track, b.Kind, b.Reveal, [4]int{b.X, b.Y, b.W, b.H}})
			}
			f.Moments = append(f.Moments, v)
		}
	}
	got, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	at := filepath.Join("testdata", "at.json")
	if *update {
		if err := os.WriteFile(at, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error(cmp.Diff(string(want), string(got)))
	}
}

func TestAt(t *testing.T) {
	t.Parallel()
	p := sample()
	box := func(track int, kind Kind, x, y, w, h int) Box { return Box{track, kind, false, x, y, w, h} }
	corner := box(1, Pixelate, 999_000, 999_000, 1_000, 1_000)
	for _, c := range []struct {
		name string
		us   int64
		want []Box
	}{
		{"before the first key", 999_999, []Box{corner}},
		{"at a key", 1_000_000, []Box{box(0, Solid, 100_000, 200_000, 50_000, 80_000), corner}},
		{"half way, rounded outwards", 2_000_000, []Box{box(0, Solid, 250_000, 200_000, 50_000, 80_001), corner}},
		{"towards a key that is off", 3_500_000, []Box{box(0, Solid, 400_000, 200_000, 55_000, 80_001), corner}},
		{"at a key that is off", 4_000_000, []Box{corner}},
		{"while it is off", 4_999_999, []Box{corner}},
		{"at the last key", 5_000_000, []Box{box(0, Solid, 0, 0, 1_000_000, 1_000_000), corner}},
		{"after the last key", 5_000_001, []Box{corner}},
		{"held until the end", MaxUS, []Box{corner}},
		{"before the beginning", -1, nil},
	} {
		if got := p.At(0, c.us); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := p.At(1, 600_000); len(got) != 1 || !got[0].Reveal {
		t.Errorf("a region that is shown: %+v", got)
	}
	for _, source := range []int{-1, 2, 1 << 40} {
		if got := p.At(source, 0); len(got) > 0 {
			t.Errorf("source %d: %+v", source, got)
		}
	}
}

// Walking ten thousand frames allocates nothing.
func TestIndexAllocatesNothing(t *testing.T) {
	p := sample()
	x := p.Index()
	into := make([]Box, 0, 16)
	if n := testing.AllocsPerRun(100, func() {
		for us := range int64(100) {
			into = x.At(0, us*50_000, into[:0])
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// hostile changes a good plan's JSON.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := string(sample().Canonical())
	swap := func(was, now string) string {
		if !strings.Contains(good, was) {
			t.Fatalf("%q is not in the sample", was)
		}
		return strings.Replace(good, was, now, 1)
	}
	many := func(change func(p *Plan)) string {
		p := sample()
		change(&p)
		return string(p.Canonical())
	}
	tracks := func(n, keys int) func(p *Plan) {
		return func(p *Plan) {
			p.Tracks = nil
			for i := range n {
				t := Track{ID: fmt.Sprintf("tr_%026d", i), Kind: Solid, Reason: "face"}
				for k := range keys {
					t.Keys = append(t.Keys, Key{AtUS: int64(k), Box: [4]int{0, 0, 1000, 1000}})
				}
				p.Tracks = append(p.Tracks, t)
			}
		}
	}
	for _, c := range []struct{ name, body, path, code string }{
		{"nothing", "", "", "json"},
		{"no object", "[]", "", "shape"},
		{"null", "null", "", "shape"},
		{"half", good[:len(good)/2], "tracks[0].keys[2]", "json"},
		{"bytes after", good + "{}", "", "bytes-after"},
		{"a comment", "/*x*/" + good, "", "json"},
		{"another format", swap(Format, "zapis release"), "format", "format"},
		{"a later version", swap(`"version":1`, `"version":2`), "version", "version"},
		{"unknown key", swap(`"hide":true`, `"hide":true,"show":1`), "picture", "unknown-key"},
		{"key in capitals", swap(`"hide":true`, `"Hide":true`), "picture", "unknown-key"},
		{"missing key", swap(`"hide":true`, ``), "picture", "missing-key"},
		{"doubled key", swap(`"hide":true`, `"hide":true,"hide":false`), "picture.hide", "doubled-key"},
		{"doubled key by an escape", swap(`"hide":true`, `"hide":true,"hid\u0065":false`), "picture.hide", "doubled-key"},
		{"doubled list", swap(`"heights":[720,360]`, `"heights":[720,360],"heights":[720]`), "heights", "doubled-key"},
		{"not a number", swap(`"at_us":1000000`, `"at_us":NaN`), "tracks[0].keys[0].at_us", "json"},
		{"infinity", swap(`"at_us":1000000`, `"at_us":Infinity`), "tracks[0].keys[0].at_us", "json"},
		{"number as text", swap(`"at_us":1000000`, `"at_us":"1000000"`), "tracks[0].keys[0].at_us", "shape"},
		{"null for a number", swap(`"at_us":1000000`, `"at_us":null`), "tracks[0].keys[0].at_us", "shape"},
		{"a fraction", swap(`"at_us":1000000`, `"at_us":1000000.0`), "tracks[0].keys[0].at_us", "not-whole"},
		{"an exponent", swap(`"at_us":1000000`, `"at_us":1e6`), "tracks[0].keys[0].at_us", "not-whole"},
		{"minus nothing", swap(`"at_us":1000000`, `"at_us":-0`), "tracks[0].keys[0].at_us", "not-whole"},
		{"a huge number", swap(`"at_us":1000000`, `"at_us":`+strings.Repeat("9", 4000)), "tracks[0].keys[0].at_us", "too-big"},
		{"beyond what JSON readers keep", swap(`"at_us":1000000`, `"at_us":9007199254740993`), "tracks[0].keys[0].at_us", "too-big"},
		{"beyond a month", swap(`"at_us":5000000`, `"at_us":2678400000001`), "tracks[0].keys[3].at_us", "time"},
		{"before the beginning", swap(`"at_us":1000000`, `"at_us":-1`), "tracks[0].keys[0].at_us", "time"},
		{"keys backwards", swap(`"at_us":3000000`, `"at_us":999999`), "tracks[0].keys[1].at_us", "order"},
		{"two keys at a time", swap(`"at_us":3000000`, `"at_us":1000000`), "tracks[0].keys[1].at_us", "order"},
		{"no area", swap(`[100000,200000,50000,80000]`, `[100000,200000,0,80000]`), "tracks[0].keys[0].box", "no-area"},
		{"no height", swap(`[100000,200000,50000,80000]`, `[100000,200000,50000,999]`), "tracks[0].keys[0].box", "no-area"},
		{"a box inside out", swap(`[100000,200000,50000,80000]`, `[100000,200000,-50000,80000]`), "tracks[0].keys[0].box", "no-area"},
		{"left of the picture", swap(`[100000,200000,50000,80000]`, `[-1,200000,50000,80000]`), "tracks[0].keys[0].box", "outside"},
		{"right of the picture", swap(`[100000,200000,50000,80000]`, `[950001,200000,50000,80000]`), "tracks[0].keys[0].box", "outside"},
		{"below the picture", swap(`[100000,200000,50000,80000]`, `[0,920001,50000,80000]`), "tracks[0].keys[0].box", "outside"},
		{"a box that wraps round", swap(`[100000,200000,50000,80000]`, `[2147483647,200000,2147483647,80000]`), "tracks[0].keys[0].box", "outside"},
		{"three numbers", swap(`[100000,200000,50000,80000]`, `[100000,200000,50000]`), "tracks[0].keys[0].box", "box"},
		{"five numbers", swap(`[100000,200000,50000,80000]`, `[100000,200000,50000,80000,1]`), "tracks[0].keys[0].box", "too-many"},
		{"deep nesting", swap(`[100000,200000,50000,80000]`, strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)), "tracks[0].keys[0].box[0]", "shape"},
		{"deep nesting of an unknown key", swap(`"hide":true`, `"x":`+strings.Repeat(`{"x":`, 100_000)), "picture", "unknown-key"},
		{"blur", swap(`"kind":"solid"`, `"kind":"blur"`), "tracks[0].kind", "blur"},
		{"another kind", swap(`"kind":"solid"`, `"kind":"Solid"`), "tracks[0].kind", "kind"},
		{"another reason", swap(`"reason":"face"`, `"reason":"boredom"`), "tracks[0].reason", "reason"},
		{"no reason", swap(`"reason":"face"`, `"reason":""`), "tracks[0].reason", "reason"},
		{"a name for a code", swap(`"protects":"`+entity+`","reason":"face"`, `"protects":"Ivan","reason":"face"`), "tracks[0].protects", "id"},
		{"an origin with a quotation mark", swap(`"origin":"face/1"`, `"origin":"fa\"ce"`), "tracks[1].origin", "origin"},
		{"reveal by a mosaic", many(func(p *Plan) { p.Tracks[2].Kind = Pixelate }), "tracks[2].kind", "kind"},
		{"reveal without hiding", many(func(p *Plan) { p.Picture.Hide = false }), "tracks[2].reveal", "reveal"},
		{"another source", many(func(p *Plan) { p.Tracks[0].Source = 2 }), "tracks[0].source", "source"},
		{"a source below", many(func(p *Plan) { p.Cuts[0].Source = -1 }), "cuts[0].source", "source"},
		{"no keys", many(func(p *Plan) { p.Tracks[1].Keys = nil }), "tracks[1].keys", "too-few"},
		{"all keys off", many(func(p *Plan) { p.Tracks[1].Keys[0].Off, p.Tracks[1].UntilEnd = true, false }), "tracks[1].keys", "covers-nothing"},
		{"held after it is off", many(func(p *Plan) { p.Tracks[0].Keys[3].Off, p.Tracks[0].UntilEnd = true, true }), "tracks[0].until_end", "until-end"},
		{"two tracks of a name", many(func(p *Plan) { p.Tracks[1].ID = track0 }), "tracks[1].id", "doubled"},
		{"an item for a track", many(func(p *Plan) { p.Tracks[1].ID = item0 }), "tracks[1].id", "id"},
		{"a path for an item", many(func(p *Plan) { p.Sources[0] = "../../etc" }), "sources[0]", "id"},
		{"an item twice", many(func(p *Plan) { p.Sources[1] = item0 }), "sources[1]", "doubled"},
		{"no items", many(func(p *Plan) { p.Sources = nil }), "sources", "too-few"},
		{"no cuts", many(func(p *Plan) { p.Cuts = nil }), "cuts", "too-few"},
		{"a cut backwards", many(func(p *Plan) { p.Cuts[0].ToUS = p.Cuts[0].FromUS }), "cuts[0]", "empty"},
		{"a cut of half a millisecond", many(func(p *Plan) { p.Cuts[0].ToUS = p.Cuts[0].FromUS + 999 }), "cuts[0]", "too-short"},
		{"a cut of eternity", many(func(p *Plan) { p.Cuts[0].ToUS = 1 << 50 }), "cuts[0]", "time"},
		{"33 cuts", many(func(p *Plan) { p.Cuts = slices.Repeat(p.Cuts[:1], 33) }), "cuts", "too-many"},
		{"10,000 tracks", many(tracks(10_000, 1)), "tracks", "too-many"},
		{"1,001 keys", many(tracks(1, 1_001)), "tracks[0].keys", "too-many"},
		{"more keys than all", many(tracks(101, 1_000)), "tracks", "too-many-keys"},
		{"too large", good + strings.Repeat(" ", MaxBytes), "", "too-large"},
		{"odd height", many(func(p *Plan) { p.Heights[0] = 721 }), "heights[0]", "height"},
		{"a height twice", many(func(p *Plan) { p.Heights[1] = 720 }), "heights[1]", "order"},
		{"no height", many(func(p *Plan) { p.Heights = nil }), "heights", "too-few"},
		{"salt in capitals", many(func(p *Plan) { p.Salt = strings.ToUpper(p.Salt) }), "salt", "salt"},
		{"no salt", many(func(p *Plan) { p.Salt = "" }), "salt", "salt"},
		{"another mode", many(func(p *Plan) { p.Sound.Mode = "loud" }), "sound.mode", "mode"},
		{"a span backwards", many(func(p *Plan) { p.Sound.Spans[0].ToUS = 0 }), "sound.spans[0]", "empty"},
		{"another thing to do", many(func(p *Plan) { p.Sound.Spans[0].Do = "keep" }), "sound.spans[0].do", "do"},
		{"another reason for silence", many(func(p *Plan) { p.Sound.Spans[0].Reason = "face" }), "sound.spans[0].reason", "reason"},
		{"an endless text", swap(`"mode":"keep"`, `"mode":"`+strings.Repeat("k", 101)+`"`), "sound.mode", "too-long"},
	} {
		p, err := Parse([]byte(c.body))
		var bad *Invalid
		if !errors.As(err, &bad) || !errors.Is(err, archive.ErrInvalid) || len(bad.Problems) == 0 {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !reflect.DeepEqual(p, Plan{}) {
			t.Errorf("%s: a plan came with the error", c.name)
		}
		if !slices.ContainsFunc(bad.Problems, func(x Problem) bool { return x.Path == c.path && x.Code == c.code && x.Text != "" }) {
			t.Errorf("%s: want %s at %q, got %+v", c.name, c.code, c.path, bad.Problems)
		}
		if len(bad.Problems) > MaxProblems || len(err.Error()) > 400 {
			t.Errorf("%s: %d problems, %d bytes", c.name, len(bad.Problems), len(err.Error()))
		}
	}
}

// What was sent is not quoted: it may be a name.
func TestProblemsQuoteNothing(t *testing.T) {
	t.Parallel()
	good := string(sample().Canonical())
	for _, body := range []string{
		strings.Replace(good, item0, "Zaretskaya", 1), strings.Replace(good, `"hide"`, `"Zaretskaya"`, 1), strings.Replace(good, `"face"`, `"Zaretskaya"`, 1),
		strings.Replace(good, entity, "Zaretskaya", 1), "Zaretskaya", strings.Replace(good, "true", "Zaretskaya", 1), strings.Replace(good, Format, "Zaretskaya", 1),
	} {
		if _, err := Parse([]byte(body)); err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err.(*Invalid).Problems), "Zaretskaya") {
			t.Errorf("%v", err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	facts := []SourceFacts{{20_000_000, 1280, 720, true}, {2_500_000, 640, 480, true}}
	for _, c := range []struct {
		name       string
		change     func(p *Plan, f []SourceFacts)
		path, code string
	}{
		{"fits", func(*Plan, []SourceFacts) {}, "", ""},
		{"a cut beyond the end", func(p *Plan, f []SourceFacts) { p.Cuts[1].ToUS = 3_500_001 }, "cuts[1]", "beyond-end"},
		{"rounded by the container", func(p *Plan, f []SourceFacts) { p.Cuts[1].ToUS = 3_500_000 }, "", ""},
		{"a key beyond the end", func(p *Plan, f []SourceFacts) { p.Tracks[0].Keys[3].AtUS = 21_000_001 }, "tracks[0].keys[3].at_us", "beyond-end"},
		{"a span beyond the end", func(p *Plan, f []SourceFacts) { p.Sound.Spans[0].ToUS = 1 << 40 }, "sound.spans[0]", "beyond-end"},
		{"length not known", func(p *Plan, f []SourceFacts) { f[1].DurationUS, p.Cuts[1].ToUS = 0, 1<<40 }, "", ""},
		{"no picture", func(p *Plan, f []SourceFacts) { f[0].Width = 0 }, "cuts[0]", "no-picture"},
		{"no sound", func(p *Plan, f []SourceFacts) { f[0].HasSound = false }, "sound.spans[0]", "note-no-sound"},
		{"a track that no cut shows", func(p *Plan, f []SourceFacts) { p.Cuts = p.Cuts[:1] }, "tracks[2]", "note-not-shown"},
		{"an item that no cut is of", func(p *Plan, f []SourceFacts) { p.Cuts = p.Cuts[:1] }, "sources[1]", "note-not-cut"},
		{"a track that is over before the cut", func(p *Plan, f []SourceFacts) { p.Cuts[0].FromUS = 5_000_001 }, "tracks[0]", "note-not-shown"},
		{"a track that ends with the cut's first moment", func(p *Plan, f []SourceFacts) { p.Cuts[0].FromUS = 5_000_000 }, "", ""},
		{"a track that begins when the cut is over", func(p *Plan, f []SourceFacts) { p.Cuts[0] = Cut{0, 0, 1_000_000} }, "tracks[0]", "note-not-shown"},
	} {
		p, f := sample(), slices.Clone(facts)
		c.change(&p, f)
		got := p.Check(f)
		if c.code == "" {
			if len(got) > 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
			continue
		}
		at := slices.IndexFunc(got, func(x Problem) bool { return x.Path == c.path && x.Code == c.code })
		if at < 0 {
			t.Errorf("%s: %+v", c.name, got)
		} else if got[at].Stops() == strings.HasPrefix(c.code, "note-") {
			t.Errorf("%s: stops %v", c.name, got[at].Stops())
		}
	}
	if got := sample().Check(facts[:1]); len(got) != 1 || !got[0].Stops() {
		t.Errorf("facts of one of two sources: %+v", got)
	}
}

func TestDigestsOfTracks(t *testing.T) {
	t.Parallel()
	p := sample()
	one := p.Tracks[0].Digest(p.Salt)
	if one == p.Tracks[0].Digest("ffffffffffffffffffffffffffffffff") {
		t.Error("the salt does not count")
	}
	moved := p.Tracks[0]
	moved.Keys = slices.Clone(moved.Keys)
	moved.Keys[0].Box[0]++
	if one == moved.Digest(p.Salt) {
		t.Error("a track that moved has the same digest")
	}
	if got := p.Applying(nil); len(got) != 3 || got[0] != one {
		t.Errorf("%d tracks apply", len(got))
	}
	p.Cuts = p.Cuts[1:]
	if got := p.Applying(nil); len(got) != 1 || got[0] != p.Tracks[2].Digest(p.Salt) {
		t.Errorf("%d tracks apply to the second cut", len(got))
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(p *Plan)
		want   []string
	}{
		{"the same", func(*Plan) {}, nil},
		{"a cut more", func(p *Plan) { p.Cuts = append(p.Cuts, Cut{0, 0, 1000}) }, []string{CutAdded}},
		{"a cut less", func(p *Plan) { p.Cuts = p.Cuts[:1] }, []string{CutRemoved}},
		{"a cut moved", func(p *Plan) { p.Cuts[0].FromUS++ }, []string{CutChanged}},
		{"shown", func(p *Plan) { p.Picture.Hide = false }, []string{HideChanged}},
		{"a track less", func(p *Plan) { p.Tracks = p.Tracks[1:] }, []string{TrackRemoved}},
		{"another track", func(p *Plan) { p.Tracks[0].ID = "tr_00000000000000000000000009" }, []string{TrackRemoved, TrackAdded}},
		{"a key moved", func(p *Plan) { p.Tracks[0].Keys[1].Box[0]++ }, []string{TrackMoved}},
		{"a key less", func(p *Plan) { p.Tracks[0].Keys = p.Tracks[0].Keys[:3] }, []string{TrackMoved}},
		{"held", func(p *Plan) { p.Tracks[0].UntilEnd = true }, []string{TrackMoved}},
		{"another kind and reason", func(p *Plan) { p.Tracks[0].Kind, p.Tracks[0].Reason = Pixelate, "badge" }, []string{TrackChanged, TrackChanged}},
		{"protects nobody", func(p *Plan) { p.Tracks[0].Protects = "" }, []string{TrackChanged}},
		{"another order", func(p *Plan) { slices.Reverse(p.Tracks) }, []string{TracksReordered}},
		{"silence", func(p *Plan) { p.Sound.Mode = Mute }, []string{SoundMode}},
		{"a span more", func(p *Plan) { p.Sound.Spans = append(p.Sound.Spans, SoundSpan{0, 7, 8, Mute, "name", ""}) }, []string{SpanAdded}},
		{"a span changed", func(p *Plan) { p.Sound.Spans[0].Do = Voice }, []string{SpanRemoved, SpanAdded}},
		{"spans in another order", func(p *Plan) { slices.Reverse(p.Sound.Spans) }, []string{SpanAdded}},
		{"one size", func(p *Plan) { p.Heights = p.Heights[:1] }, []string{HeightsChanged}},
		{"another item", func(p *Plan) { p.Sources[1] = "it_00000000000000000000000009" }, []string{SourcesChanged}},
	} {
		a, b := sample(), sample()
		c.change(&b)
		var got []string
		for _, x := range Diff(a, b) {
			got = append(got, x.What)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	b := sample()
	b.Tracks[0].Keys[1].Box[0]++
	if x := Diff(sample(), b)[0]; x.Track != track0 || x.FromUS != 3_000_000 || x.Was != "4" {
		t.Errorf("where it moved: %+v", x)
	}
}

// some draws any valid plan.
func some(t *rapid.T) Plan {
	id := func(prefix string) *rapid.Generator[string] {
		return rapid.Map(rapid.IntRange(0, 1<<30), func(n int) string { return fmt.Sprintf("%s_%026d", prefix, n) })
	}
	p := Plan{
		Sources: rapid.SliceOfNDistinct(id("it"), 1, 4, rapid.ID).Draw(t, "sources"),
		Picture: Picture{Hide: rapid.Bool().Draw(t, "hide")},
		Heights: rapid.SampledFrom([][]int{{720, 360}, {1080}, {480, 360, 240, 144}}).Draw(t, "heights"),
		Salt:    rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "salt"),
		Sound:   Sound{Mode: rapid.SampledFrom([]string{Mute, Keep}).Draw(t, "mode")},
	}
	source := rapid.IntRange(0, len(p.Sources)-1)
	protects := rapid.OneOf(rapid.Just(""), id("kn"))
	for range rapid.IntRange(1, 4).Draw(t, "cuts") {
		from := rapid.Int64Range(0, MaxUS-1000).Draw(t, "from")
		p.Cuts = append(p.Cuts, Cut{source.Draw(t, "source"), from, rapid.Int64Range(from+1000, MaxUS).Draw(t, "to")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "spans") {
		from := rapid.Int64Range(0, MaxUS-1).Draw(t, "from")
		p.Sound.Spans = append(p.Sound.Spans, SoundSpan{source.Draw(t, "source"), from, rapid.Int64Range(from+1, MaxUS).Draw(t, "to"),
			rapid.SampledFrom([]string{Mute, Tone, Voice}).Draw(t, "do"), rapid.SampledFrom(SoundReasons()).Draw(t, "why"), protects.Draw(t, "protects")})
	}
	for _, name := range rapid.SliceOfNDistinct(id("tr"), 0, 5, rapid.ID).Draw(t, "tracks") {
		tr := Track{ID: name, Source: source.Draw(t, "source"), Kind: rapid.SampledFrom(Kinds()).Draw(t, "kind"), Reason: rapid.SampledFrom(Reasons()).Draw(t, "reason"),
			Protects: protects.Draw(t, "protects"), Origin: rapid.SampledFrom([]string{"", "face/1"}).Draw(t, "origin")}
		if tr.Kind == Solid && p.Picture.Hide {
			tr.Reveal = rapid.Bool().Draw(t, "reveal")
		}
		times := rapid.SliceOfNDistinct(rapid.OneOf(rapid.Int64Range(0, 40), rapid.Int64Range(0, MaxUS)), 1, 6, rapid.ID).Draw(t, "times")
		slices.Sort(times)
		for i, us := range times {
			w, h := rapid.IntRange(MinSide, Whole).Draw(t, "w"), rapid.IntRange(MinSide, Whole).Draw(t, "h")
			tr.Keys = append(tr.Keys, Key{us, [4]int{rapid.IntRange(0, Whole-w).Draw(t, "x"), rapid.IntRange(0, Whole-h).Draw(t, "y"), w, h},
				i > 0 && rapid.IntRange(0, 3).Draw(t, "off") == 0})
		}
		tr.UntilEnd = !tr.Keys[len(tr.Keys)-1].Off && rapid.Bool().Draw(t, "until end")
		p.Tracks = append(p.Tracks, tr)
	}
	return p
}

func TestReadingUndoesWriting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := some(t)
		raw := p.Canonical()
		got, err := Parse(raw)
		if err != nil || !reflect.DeepEqual(got, p) || !bytes.Equal(got.Canonical(), raw) {
			t.Fatalf("%v\n%s\n%s", err, raw, got.Canonical())
		}
		if !json.Valid(raw) || len(p.Problems()) > 0 || len(Diff(p, got)) > 0 {
			t.Fatalf("%s %+v %+v", raw, p.Problems(), Diff(p, got))
		}
		for _, tr := range p.Tracks {
			if again, err := ParseTrack(tr.Canonical(), len(p.Sources), p.Picture.Hide); err != nil || !reflect.DeepEqual(again, tr) {
				t.Fatalf("track: %v", err)
			}
		}
	})
}

// Two plans have one digest only if they are the same, and differ in words whenever they differ.
func TestDiffSeesEveryDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := some(t), some(t)
		same := reflect.DeepEqual(a, b)
		if (a.Digest() == b.Digest()) != same || (len(Diff(a, b)) == 0) != same {
			t.Fatalf("the same %v, digests %x %x, %d changes", same, a.Digest(), b.Digest(), len(Diff(a, b)))
		}
	})
}

// Between two keys a box covers the exact place, and nothing beyond what holds both keys; at a key it is the key's.
func TestBoxesLieBetweenTheirKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := some(t)
		p.Tracks = slices.DeleteFunc(p.Tracks, func(tr Track) bool { return len(tr.Keys) < 2 })
		if len(p.Tracks) == 0 {
			return
		}
		n := rapid.IntRange(0, len(p.Tracks)-1).Draw(t, "track")
		tr := p.Tracks[n]
		i := rapid.IntRange(0, len(tr.Keys)-2).Draw(t, "key")
		k, next := tr.Keys[i], tr.Keys[i+1]
		us := rapid.Int64Range(k.AtUS, next.AtUS-1).Draw(t, "us")
		var got *Box
		for _, b := range p.At(tr.Source, us) {
			if b.Track == n {
				got = &b
			}
		}
		if (got == nil) != k.Off {
			t.Fatalf("off %v, box %+v", k.Off, got)
		}
		if got == nil {
			return
		}
		if us == k.AtUS && [4]int{got.X, got.Y, got.W, got.H} != k.Box {
			t.Fatalf("at its key: %+v, not %v", got, k.Box)
		}
		if got.X < 0 || got.Y < 0 || got.X+got.W > Whole || got.Y+got.H > Whole || got.W < MinSide || got.H < MinSide {
			t.Fatalf("outside: %+v", got)
		}
		edges := func(b [4]int) [4]int { return [4]int{b[0], b[1], b[0] + b[2], b[1] + b[3]} }
		from, to, is := edges(k.Box), edges(next.Box), edges([4]int{got.X, got.Y, got.W, got.H})
		part := float64(us-k.AtUS) / float64(next.AtUS-k.AtUS)
		for e := range 4 {
			if is[e] < min(from[e], to[e]) || is[e] > max(from[e], to[e]) {
				t.Fatalf("edge %d at %d, beyond %d and %d", e, is[e], from[e], to[e])
			}
			exact := float64(from[e]) + float64(to[e]-from[e])*part
			if off := float64(is[e]) - exact; e < 2 && (off > 1e-3 || off <= -1.001) || e >= 2 && (off < -1e-3 || off >= 1.001) {
				t.Fatalf("edge %d at %d, exactly %f", e, is[e], exact)
			}
		}
	})
}

// overlaps and At agree about whether a track is seen.
func TestShownTracksAreThoseThatCover(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tr := Track{Keys: []Key{}, Source: 0}
		for us := range int64(30) {
			if rapid.IntRange(0, 4).Draw(t, "key") == 0 {
				tr.Keys = append(tr.Keys, Key{us, [4]int{0, 0, 1000, 1000}, rapid.Bool().Draw(t, "off")})
			}
		}
		tr.UntilEnd = rapid.Bool().Draw(t, "until end")
		from := rapid.Int64Range(0, 30).Draw(t, "from")
		to := rapid.Int64Range(from+1, 32).Draw(t, "to")
		p := Plan{Sources: []string{item0}, Tracks: []Track{tr}}
		seen := false
		for us := from; us < to; us++ {
			seen = seen || len(p.At(0, us)) > 0
		}
		if got := tr.overlaps(from, to); got != seen {
			t.Fatalf("%+v from %d to %d: overlaps %v, seen %v", tr, from, to, got, seen)
		}
	})
}

func FuzzParse(f *testing.F) {
	good := sample().Canonical()
	f.Add(good)
	f.Add(good[:len(good)-2])
	f.Add([]byte(`{"cuts":[],"format":"zapis redaction plan"}`))
	f.Add([]byte(`{"tracks":[{"keys":[{"box":[1e400,-0,0.5,9999999999999999999999]}]}]}`))
	f.Add(bytes.Repeat([]byte("["), 1000))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			if !errors.Is(err, archive.ErrInvalid) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		raw := p.Canonical()
		again, err := Parse(raw)
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("canonical bytes are not read back: %v", err)
		}
		for _, us := range []int64{0, 1, 1_000_000, MaxUS} {
			for source := range p.Sources {
				for _, x := range p.At(source, us) {
					if x.W < MinSide || x.H < MinSide || x.X < 0 || x.Y < 0 || x.X+x.W > Whole || x.Y+x.H > Whole {
						t.Fatalf("box %+v", x)
					}
				}
			}
		}
		p.Check(make([]SourceFacts, len(p.Sources)))
		Diff(p, sample())
	})
}

// Over a stretch of time a track covers what it covers at any moment of it, and reveals what it reveals at all of them.
func TestOverHoldsEveryMoment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tr := Track{Reveal: rapid.Bool().Draw(t, "reveal"), UntilEnd: rapid.Bool().Draw(t, "until end")}
		at := int64(0)
		for range rapid.IntRange(1, 5).Draw(t, "keys") {
			at += rapid.Int64Range(1, 9).Draw(t, "later")
			x, y := rapid.IntRange(0, 900_000).Draw(t, "x"), rapid.IntRange(0, 900_000).Draw(t, "y")
			tr.Keys = append(tr.Keys, Key{AtUS: at, Box: [4]int{x, y, 100_000, 100_000}, Off: rapid.IntRange(0, 3).Draw(t, "off") == 0})
		}
		if tr.Keys[len(tr.Keys)-1].Off {
			tr.UntilEnd = false
		}
		x := Plan{Sources: []string{"a"}, Tracks: []Track{tr}}.Index()
		from := rapid.Int64Range(0, 40).Draw(t, "from")
		to := from + rapid.Int64Range(0, 20).Draw(t, "length")
		slack := rapid.Int64Range(0, 5).Draw(t, "slack")
		got := x.Over(0, from, to, slack, nil)
		a, b := from-slack, to+slack
		if tr.Reveal {
			a, b = from, to
		}
		covered, always := false, true
		l, u, r, d := 0, 0, Whole, Whole
		for us := a; us <= b; us++ {
			now := x.At(0, us, nil)
			if len(now) == 0 {
				always = false
				continue
			}
			covered = true
			n := now[0]
			l, u, r, d = max(l, n.X), max(u, n.Y), min(r, n.X+n.W), min(d, n.Y+n.H)
			if !tr.Reveal && (len(got) != 1 || got[0].X > n.X || got[0].Y > n.Y || got[0].X+got[0].W < n.X+n.W || got[0].Y+got[0].H < n.Y+n.H) {
				t.Fatalf("at %d it covers %+v, over [%d, %d] %+v", us, n, a, b, got)
			}
		}
		switch {
		case tr.Reveal && always && l < r && u < d:
			if len(got) != 1 || got[0].X < l || got[0].Y < u || got[0].X+got[0].W > r || got[0].Y+got[0].H > d {
				t.Fatalf("it reveals %+v, at every moment of [%d, %d] only %v", got, a, b, [4]int{l, u, r, d})
			}
			if got[0].X != l || got[0].Y != u || got[0].X+got[0].W != r || got[0].Y+got[0].H != d {
				t.Fatalf("it reveals %+v, at every moment of [%d, %d] %v", got, a, b, [4]int{l, u, r, d})
			}
		case tr.Reveal && len(got) > 0:
			t.Fatalf("it reveals %+v, and not at every moment of [%d, %d]", got, a, b)
		case !tr.Reveal && !covered && len(got) > 0:
			t.Fatalf("it covers %+v, and at no moment of [%d, %d]", got, a, b)
		}
	})
	// Between two moments that a program may ask about: shorter than a frame by far.
	one := Plan{Sources: []string{"a"}, Tracks: []Track{{Keys: []Key{{AtUS: 1_000_003, Box: [4]int{1, 2, 3, 4}}}}}}.Index()
	if got := one.Over(0, 1_000_000, 1_039_999, 0, nil); len(got) != 1 || got[0].W != 3 {
		t.Errorf("a single moment within a frame: %+v", got)
	}
	if got := one.Over(0, 1_000_004, 1_039_999, 0, nil); len(got) != 0 {
		t.Errorf("before the frame: %+v", got)
	}
	for _, bad := range []int{-1, 1} {
		if got := one.Over(bad, 0, 9_000_000, 0, nil); len(got) != 0 {
			t.Errorf("source %d: %+v", bad, got)
		}
	}
}

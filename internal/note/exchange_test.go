package note

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/store"
)

func TestParseFragment(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Fragment{
		"t=10,20":                            {Timed: true, From: 10 * time.Second, To: 20 * time.Second},
		"#t=npt:10.5":                        {Timed: true, Open: true, From: 10500 * time.Millisecond, To: 10500 * time.Millisecond},
		"t=,0.000001":                        {Timed: true, To: time.Microsecond},
		"t=1:02:03.25,1:02:04":               {Timed: true, From: 3723250 * time.Millisecond, To: 3724 * time.Second},
		"t=02:03,02:04":                      {Timed: true, From: 123 * time.Second, To: 124 * time.Second},
		"xywh=160,120,320,240":               {Region: archive.Region{X: 250_000, Y: 250_000, W: 500_000, H: 500_000}},
		"xywh=percent:25,25,50,50":           {Region: archive.Region{X: 250_000, Y: 250_000, W: 500_000, H: 500_000}},
		"xywh=pixel:600,0,9999,480":          {Region: archive.Region{X: 937_500, W: 62_500, H: million}},
		"track=1&t=1,2&xywh=percent:0,0,1,1": {Timed: true, From: time.Second, To: 2 * time.Second, Region: archive.Region{W: 10_000, H: 10_000}},
		"page=3&viewrect=1,2,3,4":            {Page: 3},
		"t=1%2C2":                            {Timed: true, From: time.Second, To: 2 * time.Second},
		"":                                   {},
		"id=x":                               {},
	} {
		got, err := ParseFragment(text, 640, 480)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"t=", "t=5,", "t=5,4", "t=x", "t=-1", "t=1e3", "t=1:60", "t=1:2:3:4", "t=smpte:00:00:01", "t=clock:2020", "t=99999999999", "t=1.2.3", "xywh=1,2,3", "xywh=1,2,0,4", "xywh=-1,2,3,4",
		"xywh=percent:NaN,0,1,1", "xywh=percent:100,0,5,5", "xywh=furlong:1,2,3,4", "xywh=1e1,1,1,1", "page=0", "page=x", "t=%zz"} {
		if f, err := ParseFragment(text, 640, 480); !errors.Is(err, ErrFragment) {
			t.Errorf("%q: %+v, %v", text, f, err)
		}
	}
	if _, err := ParseFragment("xywh=1,2,3,4", 0, 0); !errors.Is(err, ErrFragment) {
		t.Errorf("pixels of a picture of unknown size: %v", err)
	}
}

func TestFragmentsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := Fragment{Timed: true, Page: rapid.IntRange(0, 99).Draw(t, "page")}
		f.From = time.Duration(rapid.Int64Range(0, 1e11).Draw(t, "from")) * time.Microsecond / 100
		f.From = f.From.Truncate(time.Microsecond)
		f.To = f.From + time.Duration(rapid.Int64Range(1, 1e9).Draw(t, "length"))*time.Microsecond
		if rapid.Bool().Draw(t, "region") {
			f.Region.X, f.Region.Y = rapid.IntRange(0, million-1).Draw(t, "x"), rapid.IntRange(0, million-1).Draw(t, "y")
			f.Region.W, f.Region.H = rapid.IntRange(1, million-f.Region.X).Draw(t, "w"), rapid.IntRange(1, million-f.Region.Y).Draw(t, "h")
		}
		if got, err := ParseFragment(f.text(0, 0), 0, 0); err != nil || got != f {
			t.Fatalf("%q: %+v became %+v, %v", f.text(0, 0), f, got, err)
		}
		// In pixels a region is rounded, and never falls out of the picture.
		got, err := ParseFragment(f.text(640, 480), 640, 480)
		if err != nil {
			t.Fatalf("%q: %v", f.text(640, 480), err)
		}
		if r := got.Region; !f.Region.IsZero() && (r.X+r.W > million || r.Y+r.H > million || abs(r.X-f.Region.X) > million/640 || abs(r.W-f.Region.W) > 2*million/640) {
			t.Fatalf("%+v became %+v", f.Region, r)
		}
	})
}

func abs(n int) int { return max(n, -n) }

// Annotations as other programs write them.
func TestParseAnnotations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want Imported
	}{
		"iri with a fragment": {`{"@context":"http://www.w3.org/ns/anno.jsonld","id":"http://x/1","type":"Annotation","bodyValue":"a","target":"http://x/film#t=1,2&xywh=percent:0,0,50,50"}`,
			Imported{ID: "http://x/1", Source: "http://x/film", Draft: Draft{FrameFrom: -1, FrameTo: -1, From: time.Second, To: 2*time.Second - time.Microsecond, Body: "a", Region: archive.Region{W: 500_000, H: 500_000}}}},
		"selectors side by side": {`[{"type":["Annotation"],"body":[{"type":"TextualBody","value":"a","language":["de","en"]},{"type":"TextualBody","purpose":"tagging","value":"tag:door"},{"type":"TextualBody","purpose":"tagging","value":"Tür"}],
			"target":{"source":{"id":"film"},"selector":[{"type":"FragmentSelector","value":"t=3"},{"type":"FragmentSelector","value":"xywh=0,0,320,480"}]}}]`,
			Imported{Source: "film", Draft: Draft{FrameFrom: -1, FrameTo: -1, From: 3 * time.Second, To: 3 * time.Second, Body: "a\nTür", Tag: "tag:door", Lang: "de", Region: archive.Region{W: 500_000, H: million}}}},
		"page, refined": {`{"type":"AnnotationPage","items":[{"type":"Annotation","target":{"source":"p","selector":{"type":"FragmentSelector","value":"page=4","refinedBy":{"type":"FragmentSelector","value":"xywh=percent:1,2,3,4"}}}}]}`,
			Imported{Source: "p", Draft: Draft{FrameFrom: -1, FrameTo: -1, Page: 4, Region: archive.Region{X: 10_000, Y: 20_000, W: 30_000, H: 40_000}}}},
		"our own terms are exact": {`{"type":"AnnotationCollection","first":{"type":"AnnotationPage","items":[{"type":"Annotation","target":{"source":"urn:zapis:it_x","zapis:frames":[7,9],"zapis:microseconds":[280001,360002],"zapis:millionths":[1,2,3,4],"selector":{"type":"FragmentSelector","value":"t=0.28,0.4&xywh=pixel:0,0,1,1"}}}]}}`,
			Imported{Source: "urn:zapis:it_x", Draft: Draft{FrameFrom: 7, FrameTo: 9, From: 280001 * time.Microsecond, To: 360002 * time.Microsecond, Region: archive.Region{X: 1, Y: 2, W: 3, H: 4}}}},
	} {
		got, err := ParseAnnotations([]byte(c.text), 640, 480)
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// One that cannot be read does not spoil its neighbour.
	got, err := ParseAnnotations([]byte(`[{"type":"Annotation","body":"http://x/elsewhere","target":"f"},{"type":"Annotation","body":{"type":"TextualBody","format":"text/html","value":"<b>"},"target":"f"},
		{"type":"Annotation","target":["a","b"]},{"type":"Annotation","target":{"source":"f","selector":{"type":"SvgSelector","value":"<svg/>"}}},{"type":"Annotation","target":"f#t=2,1"},{"type":"Annotation","target":"f#t=1,2"}]`), 0, 0)
	if err != nil || len(got) != 6 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, one := range got {
		if (one.Err != nil) != (i < 5) || one.Err != nil && !errors.Is(one.Err, archive.ErrInvalid) {
			t.Errorf("%d: %v", i, one.Err)
		}
	}
	deep := ""
	for range 100 {
		deep = `{"type":"Annotation","target":[` + deep + `]}`
	}
	for _, bad := range []string{"", "null", "{}", "x", `"x"`, `{"type":"Note"}`, `{"type":"AnnotationCollection","first":"http://x/page1"}`, deep, `[[[[[[]]]]]]`} {
		if got, err := ParseAnnotations([]byte(bad), 0, 0); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%.80q: %+v, %v", bad, got, err)
		}
	}
}

func FuzzParseAnnotations(f *testing.F) {
	f.Add(`{"type":"Annotation","bodyValue":"a","target":"x#t=1,2&xywh=percent:0,0,50,50"}`)
	f.Add(`[{"type":"AnnotationPage","items":[{"type":"Annotation","target":{"source":"x","zapis:frames":[1,2],"zapis:microseconds":[1,2],"zapis:millionths":[1,2,3,4],"selector":{"type":"FragmentSelector","value":"page=1"}}}]}]`)
	it := archive.Item{ID: "it_x", Kind: archive.KindVideo, Duration: time.Hour}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseAnnotations([]byte(text), 640, 480)
		if err != nil && !errors.Is(err, archive.ErrInvalid) {
			t.Fatal(err)
		}
		for _, one := range list {
			var n archive.Note
			if one.Err != nil || fill(&n, one.Draft, it, frames, true) != nil {
				continue
			}
			if n.FrameFrom < 0 || n.FrameTo < n.FrameFrom || n.FrameTo >= int64(len(frames.Ticks)) || n.To < n.From || n.Region.X+n.Region.W > million || n.Region.Y+n.Region.H > million {
				t.Fatalf("%+v", n)
			}
		}
	})
}

func FuzzParseFragment(f *testing.F) {
	for _, s := range []string{"t=1,2", "xywh=percent:1,2,3,4", "page=1&t=npt:1:02:03.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := ParseFragment(s, 640, 480)
		if err != nil {
			return
		}
		if g.From < 0 || g.To < g.From || g.Region.X < 0 || g.Region.X+g.Region.W > million || g.Region.Y < 0 || g.Region.Y+g.Region.H > million || g.Page < 0 {
			t.Fatalf("%q: %+v", s, g)
		}
	})
}

func TestImportRefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	if _, err := r.Import(t.Context(), anna, r.film.ID, make([]byte, MaxImport+1)); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

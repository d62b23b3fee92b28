package derive

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/media"
)

func TestRecordedAt(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	file := func(s string) archive.Origin { return archive.Origin{ModifiedAt: at(s).UnixMicro()} }
	for _, c := range []struct {
		name    string
		probe   media.Probe
		origins []archive.Origin
		want    string // RFC 3339, or empty
		source  string
	}{
		{name: "nothing is known"},
		{name: "recorder before container", probe: media.Probe{RecorderClock: float64(at("2020-07-27T23:41:06Z").Unix()), CreatedAt: "2021-01-01T00:00:00Z"},
			want: "2020-07-27T23:41:06Z", source: fromRecorder},
		{name: "container", probe: media.Probe{Kind: archive.KindVideo, CreatedAt: "2021-03-04T05:06:07.000000Z"}, want: "2021-03-04T05:06:07Z", source: fromContainer},
		{name: "container with a zone", probe: media.Probe{CreatedAt: "2021-03-04T05:06:07+03:00"}, want: "2021-03-04T02:06:07Z", source: fromContainer},
		{name: "picture without a zone", probe: media.Probe{Kind: archive.KindImage, CreatedAt: "2019-05-06T07:08:09"}, want: "2019-05-06T07:08:09Z", source: fromEXIF},
		{name: "earliest of the files", origins: []archive.Origin{file("2022-02-02T00:00:00Z"), file("2021-02-02T00:00:00Z"), {}}, want: "2021-02-02T00:00:00Z", source: fromFileTime},
		{name: "a clock that was never set", probe: media.Probe{RecorderClock: 60, CreatedAt: "1904-01-01T00:00:00Z"}, origins: []archive.Origin{file("1980-01-01T00:00:00Z")}},
		{name: "a clock from the future", probe: media.Probe{RecorderClock: float64(at("2031-01-01T00:00:00Z").Unix())}, origins: []archive.Origin{file("2020-02-02T00:00:00Z")},
			want: "2020-02-02T00:00:00Z", source: fromFileTime},
		{name: "a few hours ahead, as of another zone", probe: media.Probe{RecorderClock: float64(received.Add(11 * time.Hour).Unix())}, want: "2026-11-21T23:00:00Z", source: fromRecorder},
		{name: "no time at all", probe: media.Probe{CreatedAt: "yesterday"}},
		{name: "a figure beyond all clocks", probe: media.Probe{RecorderClock: 1e300}},
	} {
		got, source := recordedAt(c.probe, c.origins, received)
		text := ""
		if !got.IsZero() {
			text = got.Format(time.RFC3339)
		}
		if text != c.want || source != c.source {
			t.Errorf("%s: %s %q, want %s %q", c.name, text, source, c.want, c.source)
		}
	}
}

func TestTimingLeadsBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pts := []int64{rapid.Int64Range(-1000, 1000).Draw(t, "first")}
		for range rapid.IntRange(0, 60).Draw(t, "frames") {
			pts = append(pts, pts[len(pts)-1]+rapid.Int64Range(1, 3).Draw(t, "step"))
		}
		b, err := json.Marshal(newTiming(media.Timing{PTS: pts, Frames: int64(len(pts)), TimeBaseNum: 1, TimeBaseDen: 90000}))
		if err != nil {
			t.Fatal(err)
		}
		var back timing
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if got := back.times(); !slices.Equal(got, pts) {
			t.Fatalf("%v became %v by %s", pts, got, b)
		}
	})
}

// Thinning must never hide a sound: the highest peak stays the highest.
func TestThinningKeepsTheLoudest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := mostPeaks + rapid.IntRange(-2, 3*mostPeaks).Draw(t, "pairs")
		rate := rapid.SampledFrom([]int{1, 7, 50, 100}).Draw(t, "rate")
		p := make([]int8, 2*n)
		loud := rapid.IntRange(0, n-1).Draw(t, "loud")
		p[2*loud], p[2*loud+1] = -100, 90
		out, r := thin(p, rate)
		if slices.Min(out) != -100 || slices.Max(out) != 90 {
			t.Fatalf("the peak is lost")
		}
		if len(out)%2 != 0 || r < 1 || r > rate {
			t.Fatalf("%d values at %d a second", len(out), r)
		}
		if len(out)/2 > mostPeaks && r > 1 {
			t.Fatalf("%d pairs kept", len(out)/2)
		}
		// Length in seconds is kept, so that the lane lies under the picture.
		if have, want := float64(len(out)/2)/float64(r), float64(n)/float64(rate); have < want-1e-9 || have > want+float64(2)/float64(r)+2 {
			t.Fatalf("%.3f s became %.3f s", want, have)
		}
	})
}

func TestLanesAreWrittenAsThePagesReadThem(t *testing.T) {
	t.Parallel()
	b, err := encodeLanes(media.Lanes{Seconds: 2, Motion: []int{1, 255}, Black: []media.Span{{From: 0, To: 1.5}}, Peaks: []int8{-128, 127, 0, 1}, PeaksPerSecond: 2})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Seconds        int
		Scenes         []float64
		Motion         []int
		Black, Silence [][2]float64
		Peaks          string
		PeaksPerSecond int
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	raw, err := base64.StdEncoding.DecodeString(got.Peaks)
	if err != nil || !slices.Equal(raw, []byte{0x80, 0x7f, 0, 1}) || got.PeaksPerSecond != 2 {
		t.Errorf("peaks %v at %d: %v", raw, got.PeaksPerSecond, err)
	}
	if got.Seconds != 2 || !slices.Equal(got.Motion, []int{1, 255}) || len(got.Black) != 1 || got.Black[0] != [2]float64{0, 1.5} {
		t.Errorf("%s", b)
	}
	if got.Scenes == nil || got.Silence == nil {
		t.Errorf("an empty lane is null: %s", b)
	}
}

func TestCompleteAsksForThePassAgainWhenARecipeChanged(t *testing.T) {
	t.Parallel()
	d := func(kind string, r media.Recipe) archive.Derivative {
		return archive.Derivative{Kind: kind, Recipe: r.Name, RecipeVersion: r.Version}
	}
	older := func(r media.Recipe) media.Recipe { return media.Recipe{Name: r.Name, Version: r.Version - 1} }
	proof := d(archive.DerivativeTechnical, media.RecipeProbe)
	still := d(archive.DerivativeStill, media.RecipeStill)
	for _, c := range []struct {
		name     string
		pass     pass
		standing []archive.Derivative
		want     bool
	}{
		{"nothing stands", quickPass, nil, false},
		{"all stands", quickPass, []archive.Derivative{still, proof}, true},
		{"explained: only the technical document", quickPass, []archive.Derivative{proof}, true},
		{"stills of an older recipe", quickPass, []archive.Derivative{d(archive.DerivativeStill, older(media.RecipeStill)), proof}, false},
		{"the probe of an older recipe", quickPass, []archive.Derivative{still, d(archive.DerivativeTechnical, older(media.RecipeProbe))}, false},
		{"the other pass does not count", fullPass, []archive.Derivative{still, proof}, false},
		{"full", fullPass, []archive.Derivative{still, proof, d(archive.DerivativeProxy, media.RecipeProxy), d(archive.DerivativeLanes, media.RecipeLanes), d(archive.DerivativeTechnical, media.RecipeLanes)}, true},
		{"full without its document", fullPass, []archive.Derivative{d(archive.DerivativeProxy, media.RecipeProxy), d(archive.DerivativeLanes, media.RecipeLanes)}, false},
	} {
		if got := c.pass.complete(c.standing); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// A recipe of both passes would be superseded by each in turn.
	for _, r := range quickPass.recipes {
		if slices.ContainsFunc(fullPass.recipes, func(o media.Recipe) bool { return o.Name == r.Name }) {
			t.Errorf("recipe %s is of both passes", r.Name)
		}
	}
}

// Every condition of media that explains an item has its code in the list that the pages put into words.
func TestEveryReasonIsListed(t *testing.T) {
	t.Parallel()
	for _, err := range []error{media.ErrNotMedia, media.ErrNoDecoder, media.ErrEncrypted, media.ErrNeedsSeek, media.ErrTooLarge, media.ErrTimedOut, media.ErrRefused, media.ErrDamaged} {
		if code := media.Reason(err); !slices.Contains(Reasons(), code) {
			t.Errorf("%v has code %q, which is not listed", err, code)
		}
	}
	for _, err := range []error{media.ErrNoTool, media.ErrNoReport} {
		if code := media.Reason(err); code != "" {
			t.Errorf("%v says %q about the material", err, code)
		}
	}
	for _, code := range Reasons() {
		if code == ReasonSealBroken {
			continue
		}
		if got := media.Reason(reasonError(code)); got != code {
			t.Errorf("%q comes back as %q", code, got)
		}
	}
}

package gap

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/media/detect"
	"zapis/internal/redact/plan"
)

const frame = 40_000 // µs: 25 frames a second

var face = [4]int{400_000, 300_000, 100_000, 150_000}

// scene is ten seconds in which a face is seen in every fifth frame, from second 2 up to second 8.
func scene(kind string, box [4]int) Cut {
	var c Cut
	for us := int64(0); us < 10_000_000; us += frame {
		c.Times = append(c.Times, us)
		if us >= 2_000_000 && us <= 8_000_000 && us/frame%5 == 0 {
			c.Detections = append(c.Detections, detect.Detection{US: us, Kind: kind, Box: box, Score: 40})
		}
	}
	return c
}

func film(tracks ...plan.Track) plan.Plan {
	for i := range tracks {
		if tracks[i].ID == "" {
			tracks[i].ID = fmt.Sprintf("tr_%d", i)
		}
		if tracks[i].Kind == "" {
			tracks[i].Kind = plan.Solid
		}
	}
	return plan.Plan{Sources: []string{"it_1"}, Cuts: []plan.Cut{{ToUS: 10_000_000}}, Tracks: tracks, Sound: plan.Sound{Mode: plan.Mute}}
}

func key(us int64, b [4]int) plan.Key { return plan.Key{AtUS: us, Box: b} }
func off(us int64, b [4]int) plan.Key { return plan.Key{AtUS: us, Box: b, Off: true} }

// over is a box around another, wider by a hundredth of the picture on each side.
func over(b [4]int) [4]int {
	return [4]int{b[0] - 10_000, b[1] - 10_000, b[2] + 20_000, b[3] + 20_000}
}

func hide(p plan.Plan) plan.Plan { p.Picture.Hide = true; return p }

func keep(p plan.Plan, spans ...plan.SoundSpan) plan.Plan {
	p.Sound = plan.Sound{Mode: plan.Keep, Spans: spans}
	return p
}

func walked(t *testing.T, p plan.Plan, cuts ...Cut) []Blocker {
	t.Helper()
	list, err := Walk(p, cuts)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWalk(t *testing.T) {
	t.Parallel()
	o := over(face)
	seen := scene(detect.KindFace, face)
	empty := Cut{Times: seen.Times}
	whole := plan.Track{Keys: []plan.Key{key(0, o)}, UntilEnd: true}
	away := [4]int{0, 0, 50_000, 50_000}
	loud := empty
	loud.Sound, loud.SpeechKnown, loud.Speech = true, true, []Span{{1_000_000, 3_000_000}, {5_000_000, 6_000_000}}
	unheard := empty
	unheard.Sound = true
	moves := empty
	moves.Unjudged = []detect.Unjudged{{FromUS: 1_000_000, ToUS: 4_000_000, Kind: detect.KindPerson, Why: detect.WhyMoves}}
	late := Cut{Times: empty.Times[100:]}
	short := Cut{Times: empty.Times[:100]}
	still := Cut{Times: []int64{0, 40_000, 6_000_000, 9_000_000}, Detections: []detect.Detection{{US: 40_000, Kind: detect.KindFace, Box: face}, {US: 6_000_000, Kind: detect.KindPerson, Box: face}}}

	type blocker struct {
		Kind     Kind
		Warning  bool
		From, To int64 // milliseconds
		Track    string
		Thing    string
	}
	for name, c := range map[string]struct {
		plan plan.Plan
		cut  Cut
		want []blocker
	}{
		"covered":           {film(whole), seen, nil},
		"covered by pixels": {film(plan.Track{Kind: plan.Pixelate, Keys: whole.Keys, UntilEnd: true}), seen, nil},
		"a kind that is unheard of covers nothing": {film(plan.Track{Kind: "blur", Keys: whole.Keys, UntilEnd: true}), seen, []blocker{{Uncovered, false, 2000, 8040, "", "face"}}},
		"not covered":           {film(), seen, []blocker{{Uncovered, false, 2000, 8040, "", "face"}}},
		"nobody seen":           {film(), empty, nil},
		"a person":              {film(), scene(detect.KindPerson, face), []blocker{{Uncovered, false, 2000, 8040, "", "person"}}},
		"ends early":            {film(plan.Track{Keys: []plan.Key{key(0, o), key(6_000_000, o)}}), seen, []blocker{{Hole, false, 6040, 8040, "tr_0", "face"}}},
		"begins late":           {film(plan.Track{Keys: []plan.Key{key(2_500_000, o)}, UntilEnd: true}), seen, []blocker{{Hole, false, 2000, 2520, "tr_0", "face"}}},
		"half a second missing": {film(plan.Track{Keys: []plan.Key{key(0, o), off(4_000_000, o), key(4_500_000, o)}, UntilEnd: true}), seen, []blocker{{Pause, true, 4000, 4500, "tr_0", ""}, {Hole, false, 4000, 4520, "tr_0", "face"}}},
		"one frame missing":     {film(plan.Track{Keys: []plan.Key{key(0, o), off(4_030_000, o), key(4_070_000, o)}, UntilEnd: true}), seen, []blocker{{Pause, true, 4030, 4070, "tr_0", ""}, {Hole, false, 4040, 4080, "tr_0", "face"}}},
		"two masks together": {film(
			plan.Track{Keys: []plan.Key{key(0, [4]int{400_000, 300_000, 50_000, 150_000})}, UntilEnd: true},
			plan.Track{Keys: []plan.Key{key(0, [4]int{440_000, 300_000, 60_000, 150_000})}, UntilEnd: true}), seen, nil},
		"nine tenths":      {film(plan.Track{Keys: []plan.Key{key(0, [4]int{400_000, 300_000, 90_000, 150_000})}, UntilEnd: true}), seen, nil},
		"a little less":    {film(plan.Track{Keys: []plan.Key{key(0, [4]int{400_000, 300_000, 89_900, 150_000})}, UntilEnd: true}), seen, []blocker{{Uncovered, false, 2000, 8040, "", "face"}}},
		"beside it":        {film(plan.Track{Keys: []plan.Key{key(0, away)}, UntilEnd: true}), seen, []blocker{{Uncovered, false, 2000, 8040, "", "face"}}},
		"hidden":           {hide(film()), seen, nil},
		"revealed":         {hide(film(plan.Track{Reveal: true, Keys: []plan.Key{key(3_000_000, o), key(4_000_000, o)}})), seen, []blocker{{Revealed, false, 3000, 4040, "tr_0", "face"}}},
		"revealed beside":  {hide(film(plan.Track{Reveal: true, Keys: []plan.Key{key(3_000_000, away), key(4_000_000, away)}})), seen, nil},
		"revealed, masked": {hide(film(plan.Track{Reveal: true, Keys: []plan.Key{key(0, o)}, UntilEnd: true}, whole)), seen, nil},
		"revealing covers nothing where nothing is hidden": {film(plan.Track{Reveal: true, Keys: []plan.Key{key(0, o)}, UntilEnd: true}), seen, []blocker{{Uncovered, false, 2000, 8040, "", "face"}}},
		"never in a cut":          {film(whole, plan.Track{Keys: []plan.Key{key(10_000_000, o), key(12_000_000, o)}}), seen, []blocker{{Never, true, 10000, 12000, "tr_1", ""}}},
		"a leap":                  {film(whole, plan.Track{Keys: []plan.Key{key(1_000_000, away), key(1_200_000, o)}}), seen, []blocker{{Jump, false, 1000, 1200, "tr_1", ""}}},
		"a walk":                  {film(whole, plan.Track{Keys: []plan.Key{key(1_000_000, away), key(3_000_000, o)}}), seen, nil},
		"speech":                  {keep(film(), plan.SoundSpan{FromUS: 900_000, ToUS: 2_000_000, Do: "mute"}), loud, []blocker{{Speech, true, 2000, 3000, "", ""}, {Speech, true, 5000, 6000, "", ""}}},
		"speech, marked":          {keep(film(), plan.SoundSpan{FromUS: 0, ToUS: 2_000_000, Do: "mute"}, plan.SoundSpan{FromUS: 2_000_000, ToUS: 7_000_000, Do: "tone"}), loud, nil},
		"speech, muted":           {film(), loud, nil},
		"unheard":                 {keep(film()), unheard, []blocker{{Unheard, true, 0, 10000, "", ""}}},
		"writing":                 {film(), scene(detect.KindText, face), []blocker{{Uncovered, true, 2000, 8040, "", "text"}}},
		"writing, revealed":       {hide(film(plan.Track{Reveal: true, Keys: []plan.Key{key(3_000_000, o), key(4_000_000, o)}})), scene(detect.KindText, face), []blocker{{Revealed, true, 3000, 4040, "tr_0", "text"}}},
		"a plate, ends early":     {film(plan.Track{Reason: "plate", Keys: []plan.Key{key(0, o), key(6_000_000, o)}}), scene(detect.KindText, face), []blocker{{Hole, false, 6040, 8040, "tr_0", "text"}}},
		"a plate, begins late":    {film(plan.Track{Reason: "plate", Keys: []plan.Key{key(2_500_000, o)}, UntilEnd: true}), scene(detect.KindText, face), []blocker{{Hole, false, 2000, 2520, "tr_0", "text"}}},
		"a walker before a sign":  {film(plan.Track{Reason: "person", Keys: []plan.Key{key(0, o), key(6_000_000, o)}}), scene(detect.KindText, face), []blocker{{Uncovered, true, 6040, 8040, "", "text"}}},
		"unjudged":                {film(), moves, []blocker{{Unjudged, true, 1000, 4000, "", "person"}}},
		"no frames":               {film(), Cut{}, []blocker{{Unwalked, false, 0, 10000, "", ""}}},
		"begins too late":         {film(), late, []blocker{{Unwalked, false, 0, 4000, "", ""}}},
		"ends too early":          {film(), short, []blocker{{Unwalked, false, 3960, 10000, "", ""}}},
		"a still picture":         {film(plan.Track{Keys: []plan.Key{key(0, o), key(5_000_000, o)}}, plan.Track{Keys: []plan.Key{key(5_500_000, o)}, UntilEnd: true}), still, []blocker{{Uncovered, false, 40, 6000, "", "face"}}},
		"a still picture, masked": {film(plan.Track{Keys: []plan.Key{key(0, o)}, UntilEnd: true}), still, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []blocker
			for _, b := range walked(t, c.plan, c.cut) {
				got = append(got, blocker{b.Kind, b.Warning, b.FromUS / 1000, b.ToUS / 1000, b.Track, b.Thing})
				if b.Frames > 0 && (b.AtUS < b.FromUS || b.AtUS >= b.ToUS || b.Box != face) {
					t.Errorf("the worst frame is at %d, %v", b.AtUS, b.Box)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			blocks := slices.ContainsFunc(c.want, func(b blocker) bool { return !b.Warning })
			if list := walked(t, c.plan, c.cut); Blocks(list) != blocks {
				t.Errorf("blocks: %t", !blocks)
			}
		})
	}
}

// What is there up to the last frame of a cut is in the list as what leaves before.
func TestBareToTheEnd(t *testing.T) {
	t.Parallel()
	seen := scene(detect.KindFace, face)
	seen.Times = seen.Times[:121] // the last one, too, is one in which a detector saw it
	seen.Detections = slices.DeleteFunc(seen.Detections, func(d detect.Detection) bool { return d.US > 4_800_000 })
	p := film()
	p.Cuts[0].ToUS = 4_840_000
	list := walked(t, p, seen)
	if len(list) != 1 || list[0].Kind != Uncovered || list[0].FromUS != 2_000_000 || list[0].ToUS != 4_840_000 {
		t.Errorf("%+v", list)
	}
}

// Every frame is asked about: whichever single frame a mask leaves out, it is found.
func TestEveryFrameIsWalked(t *testing.T) {
	t.Parallel()
	o := over(face)
	seen := scene(detect.KindFace, face)
	for _, us := range seen.Times {
		if us < 2_000_000 || us > 8_000_000 {
			continue
		}
		p := film(plan.Track{Keys: []plan.Key{key(0, o), off(us, o), key(us+frame, o)}, UntilEnd: true})
		if list := walked(t, p, seen); !Blocks(list) {
			t.Fatalf("the frame at %d µs is bare and nothing is said", us)
		}
	}
}

func TestBadInputIsNoPass(t *testing.T) {
	t.Parallel()
	good := scene(detect.KindFace, face)
	for name, c := range map[string][]Cut{
		"a cut missing":         {},
		"a cut too many":        {good, good},
		"frames backwards":      {{Times: []int64{0, 80_000, 40_000}}},
		"frame beyond the cut":  {{Times: []int64{0, 10_000_000}}},
		"detection of no frame": {{Times: good.Times, Detections: []detect.Detection{{US: 1, Kind: detect.KindFace, Box: face}}}},
		"detection outside":     {{Times: good.Times, Detections: []detect.Detection{{US: 0, Kind: detect.KindFace, Box: [4]int{950_000, 0, 60_000, 1}}}}},
		"detection of nothing":  {{Times: good.Times, Detections: []detect.Detection{{US: 0, Kind: detect.KindFace, Box: [4]int{1, 1, 0, 5}}}}},
	} {
		if list, err := Walk(film(), c); !errors.Is(err, archive.ErrInvalid) || list != nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

func TestLongListsSayThatTheyEnd(t *testing.T) {
	t.Parallel()
	seen := Cut{}
	for us := int64(0); us < 10_000_000; us += 10_000 {
		seen.Times = append(seen.Times, us)
	}
	for x := range MaxBlockers + 50 {
		seen.Detections = append(seen.Detections, detect.Detection{US: int64(x/3)*10_000 + 100_000, Kind: fmt.Sprint(x), Box: face})
	}
	var tracks []plan.Track
	for range MaxBlockers {
		away := [4]int{0, 0, 50_000, 50_000} // a pause, which is a warning, before anything is seen
		tracks = append(tracks, plan.Track{Keys: []plan.Key{key(0, away), off(1_000, away), key(2_000, away), key(3_000, away)}})
	}
	list := walked(t, film(tracks...), seen)
	if len(list) != MaxBlockers || list[len(list)-1].Kind != TooMany || list[len(list)-1].Warning {
		t.Fatalf("%d in the list, the last one %+v", len(list), list[len(list)-1])
	}
	if list[len(list)-2].Kind != Uncovered {
		t.Error("warnings pushed out what blocks")
	}
}

// The area of boxes together, against counting points.
func TestUnion(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(0, 11)
		boxes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [4]int {
			return [4]int{side.Draw(t, "x"), side.Draw(t, "y"), 1 + side.Draw(t, "w"), 1 + side.Draw(t, "h")}
		}), 0, 8).Draw(t, "boxes")
		var want int64
		for x := range 24 {
			for y := range 24 {
				if slices.ContainsFunc(boxes, func(b [4]int) bool { return x >= b[0] && x < b[0]+b[2] && y >= b[1] && y < b[1]+b[3] }) {
					want++
				}
			}
		}
		if got := union(boxes); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

// wander draws things that move about, some of them out of sight now and then.
func wander(t *rapid.T) Cut {
	var c Cut
	step := rapid.Int64Range(20_000, 100_000).Draw(t, "step")
	for us := int64(0); us < 6_000_000; us += step {
		c.Times = append(c.Times, us)
	}
	for range rapid.IntRange(1, 4).Draw(t, "things") {
		b := [4]int{rapid.IntRange(0, 800_000).Draw(t, "x"), rapid.IntRange(0, 800_000).Draw(t, "y"), rapid.IntRange(20_000, 190_000).Draw(t, "w"), rapid.IntRange(20_000, 190_000).Draw(t, "h")}
		dx, dy := rapid.IntRange(-30_000, 30_000).Draw(t, "dx"), rapid.IntRange(-30_000, 30_000).Draw(t, "dy")
		kind := rapid.SampledFrom([]string{detect.KindFace, detect.KindPerson}).Draw(t, "kind")
		every := rapid.IntRange(1, 6).Draw(t, "every")
		from, to := rapid.IntRange(0, len(c.Times)-1).Draw(t, "from"), rapid.IntRange(0, len(c.Times)).Draw(t, "to")
		for i := from; i < to; i += every {
			shake := rapid.IntRange(-8_000, 8_000).Draw(t, "shake")
			n := (i - from) / every
			at := b
			at[0], at[1] = min(max(0, b[0]+dx*n+shake), detect.One-b[2]), min(max(0, b[1]+dy*n-shake), detect.One-b[3])
			c.Detections = append(c.Detections, detect.Detection{US: c.Times[i], Kind: kind, Box: at, Score: 10})
		}
	}
	slices.SortStableFunc(c.Detections, func(a, b detect.Detection) int { return int(a.US - b.US) })
	return c
}

// proposed makes masks of what was seen as the machine proposes them.
func proposed(c Cut) []plan.Track {
	r := detect.Result{Times: c.Times, Detections: c.Detections}
	n := 0
	return Proposals(0, r.Tracks(6_000_000), func() string { n++; return fmt.Sprintf("tr_%d", n) })
}

// Whoever takes every proposal has no blocker about something that was seen, and every detection lies wholly under a mask of its
// kind as the plan itself computes it.
func TestProposalsCoverWhatWasSeen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := wander(t)
		p := film(proposed(c)...)
		p.Cuts[0].ToUS = 6_000_000
		x := p.Index()
		for _, d := range c.Detections {
			held := false
			for _, b := range x.At(0, d.US, nil) {
				held = held || b.X <= d.Box[0] && b.Y <= d.Box[1] && b.X+b.W >= d.Box[0]+d.Box[2] && b.Y+b.H >= d.Box[1]+d.Box[3]
			}
			if !held {
				t.Fatalf("%+v is not covered", d)
			}
		}
		list, err := Walk(p, []Cut{c})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list {
			if b.Kind != Jump && b.Kind != Never {
				t.Fatalf("%+v", b)
			}
		}
	})
}

// A plan that leaves out one of the proposals for half a second in the middle of where its thing was seen is found, if nothing
// else covers that thing.
func TestHalfASecondIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seen := scene(detect.KindFace, [4]int{rapid.IntRange(0, 800_000).Draw(t, "x"), rapid.IntRange(0, 800_000).Draw(t, "y"), 100_000, 150_000})
		r := detect.Result{Times: seen.Times, Detections: seen.Detections}
		tracks := Proposals(0, r.Tracks(10_000_000), func() string { return "tr_0" })
		if len(tracks) != 1 {
			t.Fatalf("%d tracks", len(tracks))
		}
		if Blocks(mustWalk(t, film(tracks...), seen)) {
			t.Fatal("the proposal itself is refused")
		}
		at := rapid.Int64Range(2_000_000, 7_500_000).Draw(t, "at")
		whole := tracks[0]
		var keys []plan.Key
		for _, k := range whole.Keys {
			if k.AtUS < at {
				keys = append(keys, k)
			}
		}
		box := whole.Keys[0].Box
		keys = append(keys, off(at, box), key(at+int64(500*time.Millisecond/time.Microsecond), box))
		for _, k := range whole.Keys {
			if k.AtUS > at+500_000 {
				keys = append(keys, k)
			}
		}
		whole.Keys = keys
		if !Blocks(mustWalk(t, film(whole), seen)) {
			t.Fatalf("half a second from %d µs is not found", at)
		}
	})
}

func mustWalk(t *rapid.T, p plan.Plan, c Cut) []Blocker {
	list, err := Walk(p, []Cut{c})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

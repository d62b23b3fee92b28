package clock

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func hms(h, m, s int) int { return h*3600 + m*60 + s }

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"14:02:33": hms(14, 2, 33), "14.02.33": hms(14, 2, 33), "140233": hms(14, 2, 33), "14 02 33": hms(14, 2, 33), "1440233": hms(14, 2, 33),
		"27-07-2020 23:59:59": hms(23, 59, 59), "T00:00:00Z": 0, "I4:O2:3B": hms(14, 2, 38), "2020 08 1402:33": hms(14, 2, 33),
	} {
		if got := Times(text); !slices.Contains(got, want) {
			t.Errorf("%q gives %v, without %d", text, got, want)
		}
	}
	for _, text := range []string{"", "14:02", "25:61:61", "no clock", "::::"} {
		if got := Times(text); len(got) > 0 {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	d := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	for text, want := range map[string][]Spelling{
		"27-07-2020 14:02:33":      {{DMY, false, d(2020, 7, 27)}},
		"07/27/2020 02:02:33 PM":   {{MDY, false, d(2020, 7, 27)}},
		"05.06.2020":               {{DMY, false, d(2020, 6, 5)}, {MDY, false, d(2020, 5, 6)}},
		"CAM 3 2020-07-27 T14":     {{YMD, true, d(2020, 7, 27)}},
		"20200727":                 {{YMD, true, d(2020, 7, 27)}},
		"27 июля 2020":             {{DMY, true, d(2020, 7, 27)}},
		"27 ЛИПНЯ 2020":            {{DMY, true, d(2020, 7, 27)}},
		"Jul 27, 2020":             {{MDY, true, d(2020, 7, 27)}},
		"27-AUG-2020":              {{DMY, true, d(2020, 8, 27)}},
		"31-12-19 10:00:00":        {{DMY, false, d(2019, 12, 31)}, {YMD, false, d(2031, 12, 19)}},
		"27407-202014:02:337":      {{DMY, false, d(2020, 7, 27)}},
		"2020407-2714:02:33":       {{YMD, true, d(2020, 7, 27)}},
		"27407-2020":               nil, // no time after it: too little to go by
		"27-97-2020":               nil,
		"30-02-2020":               nil,
		"29.02.2019":               nil,
		"2020-13-27 and 99-99-99":  nil,
		"14:02:33":                 nil,
		"9999999999999-07-2020 xx": nil,
	} {
		if got := Dates(text); !slices.Equal(got, want) {
			t.Errorf("%q gives %v", text, got)
		}
	}
	for text, want := range map[string]Half{"02:02:33 PM": PM, "02:02:33 AM": AM, "02:02:33": NoHalf, "02:02:33 р.М": PM, "PMAM": NoHalf} {
		if got := HalfOf(text); got != want {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"14:02:33", "27-07-2020", "27 июля 2020 02:02 PM", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range Times(s) {
			if v < 0 || v >= day {
				t.Fatalf("%d", v)
			}
		}
		for _, d := range Dates(s) {
			if d.Date.Year() < 1990 || d.Date.Year() > 2099 {
				t.Fatal(d)
			}
		}
		HalfOf(s)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"rate":1000000,"segments":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Decode(b)
		if err != nil {
			return
		}
		v.Right()
		v.Score()
		if v.Day != "" {
			if _, err := v.Began(v.Day); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// film is a clock as it is written into a picture: pieces of real time, each as long as it plays.
type piece struct{ clock, length float64 } // clock at its beginning

func samplesOf(step, rate float64, pieces ...piece) (out []Sample, bounds []float64) {
	t := 0.0
	for _, p := range pieces {
		bounds = append(bounds, t)
		t += p.length
	}
	for at := 0.0; at < t; at += step {
		k := 0
		for k+1 < len(bounds) && at >= bounds[k+1] {
			k++
		}
		c := int(math.Floor(pieces[k].clock+rate*(at-bounds[k]))) % day
		out = append(out, Sample{At: at, Options: []int{c}})
	}
	return out, bounds
}

// Every cut of two seconds or more is found, by the right length and at the right place, with some misread samples among the good
// ones, and nothing else is claimed.
func TestCutsAreFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := float64(rapid.IntRange(0, day-1).Draw(t, "start")) + rapid.Float64Range(0, 0.99).Draw(t, "part")
		var pieces []piece
		clock := start
		n := rapid.IntRange(1, 4).Draw(t, "pieces")
		var by []float64
		for i := range n {
			length := rapid.Float64Range(20, 60).Draw(t, "length")
			pieces = append(pieces, piece{clock, length})
			clock += length
			if i+1 < n {
				b := rapid.Float64Range(2, 900).Draw(t, "by")
				by = append(by, b)
				clock += b
			}
		}
		samples, bounds := samplesOf(0.9, 1, pieces...)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for i := range samples {
			switch r.IntN(25) {
			case 0:
				samples[i].Options = nil
			case 1:
				samples[i].Options = []int{r.IntN(day)}
			case 2:
				samples[i].Options = append([]int{r.IntN(day)}, samples[i].Options...)
			}
		}
		run, ok := Fit(samples, false)
		if !ok || len(run.Jumps) != len(by) {
			t.Fatalf("%v: %d jumps of %d: %+v", ok, len(run.Jumps), len(by), run.Jumps)
		}
		for i, j := range run.Jumps {
			if math.Abs(j.By-by[i]) > 1 || bounds[i+1] < j.From-3 || bounds[i+1] > j.To+3 || j.Kind != JumpMissing {
				t.Fatalf("jump %d: %+v, want %.1f at %.1f", i, j, by[i], bounds[i+1])
			}
			if j.Confirmed == oneDigit(j.By) {
				t.Fatalf("%+v: a misread digit would explain it: %v", j, oneDigit(j.By))
			}
		}
		if run.Rate != 1 || math.Abs(run.Segments[0].Start-start) > 0.5 {
			t.Fatalf("rate %v, start %v, want %v", run.Rate, run.Segments[0].Start, start)
		}
		if run.Share() < 0.6 { // about one in twelve was spoilt, of some twenty at least
			t.Fatalf("only %v agree", run.Share())
		}
	})
}

func TestRuns(t *testing.T) {
	t.Parallel()
	noon := 12 * 3600.0
	for name, c := range map[string]struct {
		step, rate float64
		pieces     []piece
		want       []Jump
		rateOff    float64
	}{
		"even":                 {0.9, 1, []piece{{noon, 80}}, nil, 0},
		"over midnight":        {0.9, 1, []piece{{day - 30, 80}}, nil, 0},
		"sped up":              {0.9, 1.05, []piece{{noon, 120}}, nil, 0.003},
		"an hour, coarsely":    {4.9, 1, []piece{{noon, 3600}}, nil, 0},
		"drift of a recorder":  {1.9, 1.002, []piece{{noon, 3600}}, nil, 0.0002},
		"set back by an hour":  {0.9, 1, []piece{{noon, 40}, {noon + 40 - 3600, 40}}, []Jump{{By: -3600, Kind: JumpBack, Digit: true}}, 0},
		"repeated":             {0.9, 1, []piece{{noon, 40}, {noon + 25, 40}}, []Jump{{By: -15, Kind: JumpBack, Confirmed: true}}, 0},
		"two seconds, coarse":  {4.9, 1, []piece{{noon, 600}, {noon + 602, 600}}, []Jump{{By: 2, Kind: JumpMissing, Confirmed: true}}, 0},
		"ten seconds misread?": {0.9, 1, []piece{{noon, 40}, {noon + 50, 40}}, []Jump{{By: 10, Kind: JumpMissing, Digit: true}}, 0},
	} {
		samples, _ := samplesOf(c.step, c.rate, c.pieces...)
		run, ok := Fit(samples, false)
		if !ok || len(run.Jumps) != len(c.want) {
			t.Errorf("%s: %v, %+v", name, ok, run.Jumps)
			continue
		}
		for i, j := range run.Jumps {
			w := c.want[i]
			if math.Abs(j.By-w.By) > 0.7 || j.Kind != w.Kind || j.Digit != w.Digit || j.Confirmed != w.Confirmed {
				t.Errorf("%s: %+v, want %+v", name, j, w)
			}
		}
		if math.Abs(run.Rate-c.rate) > c.rateOff {
			t.Errorf("%s: rate %v", name, run.Rate)
		}
		if run.Share() < 0.97 {
			t.Errorf("%s: %.3f agree", name, run.Share())
		}
	}
	// A picture that freezes, clock and all.
	samples, _ := samplesOf(0.9, 1, piece{noon, 40}, piece{noon + 40, 40})
	for i := range samples {
		if samples[i].At >= 40 {
			samples[i].Options = []int{int(noon + max(40, samples[i].At-6))}
		}
	}
	run, ok := Fit(samples, false)
	if !ok || len(run.Jumps) != 1 || run.Jumps[0].Kind != JumpFreeze || math.Abs(run.Jumps[0].By+6) > 1 {
		t.Errorf("freeze: %+v", run.Jumps)
	}
	// Noise is no clock.
	r := rand.New(rand.NewPCG(1, 2))
	for i := range samples {
		samples[i].Options = []int{r.IntN(day), r.IntN(day)}
	}
	if run, ok := Fit(samples, false); ok {
		t.Errorf("noise: %+v", run.Segments)
	}
	if _, ok := Fit(nil, false); ok {
		t.Error("nothing is a clock")
	}
}

// A digit that is misread for a while leads to no confirmed jump; other ways of reading that agree confirm one.
func TestMisreadDigit(t *testing.T) {
	t.Parallel()
	samples, _ := samplesOf(0.9, 1, piece{40000, 90})
	for i := range samples {
		if samples[i].At > 30 && samples[i].At < 45 {
			samples[i].Options[0] += 10
		}
	}
	run, ok := Fit(samples, false)
	if !ok || len(run.Jumps) != 2 {
		t.Fatalf("%+v", run.Jumps)
	}
	for _, j := range run.Jumps {
		if j.Confirmed {
			t.Errorf("confirmed: %+v", j)
		}
	}
	good, _ := samplesOf(0.9, 1, piece{40000, 90})
	run.Confirm(0, [][]Sample{good, good, good})
	if run.Jumps[0].Confirmed {
		t.Error("readings that contradict a jump confirm it")
	}
	run.Confirm(0, [][]Sample{samples})
	if run.Jumps[0].Confirmed {
		t.Error("one other reading is enough")
	}
	run.Confirm(0, [][]Sample{samples, samples})
	if !run.Jumps[0].Confirmed {
		t.Error("two readings are not enough")
	}
}

func TestTwelveHours(t *testing.T) {
	t.Parallel()
	noon := hms(11, 59, 40)
	var samples []Sample
	var lines []Line
	for i := range 60 {
		at := 0.9 * float64(i)
		c := noon + int(at)
		shown := c % (day / 2)
		if shown < 3600 {
			shown += day / 2 // 12:00
		}
		samples = append(samples, Sample{At: at, Options: []int{shown}})
		half := " AM"
		if c >= day/2 {
			half = " PM"
		}
		if i%10 == 0 {
			lines = append(lines, Line{at, "07/27/2020 1:00" + half})
		}
	}
	run, ok := Fit(samples, true)
	if !ok || !run.Halves(lines) || len(run.Jumps) != 0 || math.Abs(run.Segments[0].Start-float64(noon)) > 0.6 {
		t.Fatalf("%v %+v %+v", ok, run.Segments, run.Jumps)
	}
	afternoon := slices.Clone(lines)
	for i := range afternoon {
		afternoon[i].Text = "02:00:00 PM"
	}
	if run, _ := Fit(samples, true); run.Halves(append(afternoon[:1:1], lines[0])) {
		t.Error("halves that contradict each other are settled")
	}
	if run.Halves(nil) {
		t.Error("nothing said, and settled")
	}
}

func TestDay(t *testing.T) {
	t.Parallel()
	latest := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	run := func(start float64) Run {
		s, _ := samplesOf(0.9, 1, piece{start, 80})
		r, ok := Fit(s, false)
		if !ok {
			t.Fatal("no line")
		}
		return r
	}
	day1 := run(40000)
	lines := func(texts ...string) (out []Line) {
		for i, x := range texts {
			out = append(out, Line{float64(5 * i), x})
		}
		return out
	}
	d := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		run    Run
		lines  []Line
		known  Order
		want   time.Time
		by     string
		others int
	}{
		"by values":      {day1, lines("27-07-2020", "27-07-2020", "27-97-2020"), "", d(2020, 7, 27), ByValues, 0},
		"by spelling":    {day1, lines("2020-05-06", "2020-05-06"), MDY, d(2020, 5, 6), BySpelling, 0},
		"open":           {day1, lines("05-06-2020", "05-06-2020"), "", d(2020, 6, 5), ByNobody, 1},
		"by folder":      {day1, lines("05-06-2020", "05-06-2020"), MDY, d(2020, 5, 6), ByFolder, 1},
		"same either":    {day1, lines("06-06-2020", "06-06-2020"), "", d(2020, 6, 6), ByValues, 0},
		"future is none": {day1, lines("05-12-2020", "05-12-2020", "12-05-2021"), "", d(2020, 12, 5), ByNobody, 1},
		"majority":       {day1, lines("24-07-2020", "27-07-2020", "27-07-2020", "27-07-2020"), "", d(2020, 7, 27), ByValues, 0},
		"one of many":    {day1, lines("24-07-2020", "25-07-2020", "26-07-2020"), "", time.Time{}, "", 0},
		"none":           {day1, lines("x"), "", time.Time{}, "", 0},
		// The day that changes at midnight tells which figure it is.
		"midnight": {run(day - 20), lines("05-06-2020", "05-06-2020", "05-06-2020", "05-06-2020", "06-06-2020", "06-06-2020", "06-06-2020", "06-06-2020"), "", d(2020, 6, 5), ByValues, 0},
	} {
		got := c.run.Day(c.lines, c.known, latest)
		if !got.Date.Equal(c.want) || got.By != c.by || len(got.Others) != c.others {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A value comes back as it went, is canonical, and one that is not whole is refused.
func TestValue(t *testing.T) {
	t.Parallel()
	s, _ := samplesOf(0.9, 1, piece{40000, 30}, piece{40050, 30})
	run, _ := Fit(s, false)
	v := NewValue(run, Day{Date: time.Date(2020, 7, 27, 0, 0, 0, 0, time.UTC), Order: DMY, By: ByNobody, Others: []Choice{{MDY, time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)}}}, [4]int{1, 2, 3, 4}, 0, 0.9)
	b := v.Encode()
	back, err := Decode(b)
	if err != nil || string(back.Encode()) != string(b) {
		t.Fatal(err)
	}
	var any map[string]any
	if err := json.Unmarshal(b, &any); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(any); string(again) != string(b) { // maps are written with their keys in order
		t.Errorf("not canonical: %s", b)
	}
	if v.Score() != 750 || v.Right() != len(v.Readings) {
		t.Errorf("score %d, right %d of %d", v.Score(), v.Right(), len(v.Readings))
	}
	if at, err := v.Began("2020-07-27"); err != nil || at.Sub(time.Date(2020, 7, 27, 11, 6, 40, 0, time.UTC)).Abs() > time.Second {
		t.Errorf("%v %v", at, err)
	}
	for _, bad := range []string{``, `{}`, `{"version":2,"rate":1,"segments":[{}]}`, `{"version":1,"rate":1,"segments":[]}`, `{"version":1,"rate":1,"segments":[{}],"day":"27.07.2020"}`} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}

// A digit that ticks is found; something that walks by, and something that blinks at every phase, are not.
func TestLocate(t *testing.T) {
	t.Parallel()
	const w, h = 320, 240
	r := rand.New(rand.NewPCG(3, 4))
	frames := make([][]byte, LocateRate*LocateFor)
	for i := range frames {
		f := make([]byte, w*h)
		for p := range f {
			f[p] = byte(90 + r.IntN(20))
		}
		box := func(x, y, ww, hh int, v byte) {
			for yy := y; yy < y+hh; yy++ {
				for xx := x; xx < min(w, x+ww); xx++ {
					f[yy*w+xx] = v
				}
			}
		}
		second := (i + 1) / LocateRate
		if second%2 == 0 { // the digit: what it shows does not matter
			box(200, 20, 8, 12, 250)
		} else {
			box(200, 20, 8, 6, 250)
		}
		box(10+4*i, 100, 30, 60, 240)         // walks by
		box(60, 200, 8, 12, byte(i%2)*200+30) // blinks
		frames[i] = f
	}
	found := Locate(frames, w, h)
	if len(found) != 1 || found[0].X0 < 198 || found[0].X1 > 210 || found[0].Y0 < 18 || found[0].Y1 > 34 {
		t.Fatalf("%+v", found)
	}
	if found[0].Score < 0.9 || math.Abs(found[0].Period-1) > 0.11 {
		t.Errorf("%+v", found[0])
	}
	if Locate(frames[:10], w, h) != nil || Locate(frames, w+1, h) != nil || Locate(nil, 0, 0) != nil {
		t.Error("too little, and something found")
	}
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	const w, h = 12, 10
	src := make([]byte, w*h)
	for y := 3; y < 8; y++ {
		src[y*w+3], src[y*w+4] = 255, 255 // a stroke
	}
	for y := range h {
		src[y*w+9] = 255 // the scene, from edge to edge
	}
	for _, m := range Modes() {
		if got := Prepare(src, w, m); len(got) != len(src) {
			t.Errorf("mode %d gives %d pixels", m, len(got))
		}
	}
	got := Prepare(src, w, BrightAlone)
	if got[4*w+3] != 0 || got[4*w+9] != 255 || got[0] != 255 {
		t.Error("the scene stays, or the stroke does not")
	}
	Prepare(nil, 0, BrightAlone)
}

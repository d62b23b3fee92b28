package fingerprint

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestAltersOfFootageAreFoundAtTheirPlace(t *testing.T) {
	t.Parallel()
	cam, people := newCamera(1), walkers(1, 4)
	whole := build(t, cam.film(1, 0, 80, people))
	const from = 23.6
	clip := cam.film(2, from, 24, people) // other noise: another encode
	r := rand.New(rand.NewPCG(9, 9))
	for name, film := range map[string][][]byte{
		"as it is":  clip,
		"cropped 5": cropped(clip, 0.05), "cropped 10": cropped(clip, 0.10), "cropped 20": cropped(clip, 0.20),
		"mirrored": change(clip, func(x, y int, at func(x, y float64) byte, _ int) byte { return at(float64(Width-1-x), float64(y)) }),
		"letterboxed": change(clip, func(x, y int, at func(x, y float64) byte, _ int) byte {
			if y < 10 || y >= 80 {
				return 16
			}
			return at(float64(x), (float64(y)-10)*90/70)
		}),
		"darker": change(clip, func(x, y int, at func(x, y float64) byte, _ int) byte {
			return byte(0.6 * float64(at(float64(x), float64(y))))
		}),
		"logo": change(clip, func(x, y int, at func(x, y float64) byte, _ int) byte {
			if x > 115 && x < 150 && y > 5 && y < 16 {
				return 235
			}
			return at(float64(x), float64(y))
		}),
		"noise": change(clip, func(x, y int, at func(x, y float64) byte, _ int) byte {
			return byte(min(max(float64(at(float64(x), float64(y)))+12*r.NormFloat64(), 0), 255))
		}),
	} {
		rel, ok := held(t, build(t, film), whole)
		if !ok || rel.Kind != Same || math.Abs(rel.Offset-from) > 0.2 {
			t.Errorf("%s: %v, %+v", name, ok, rel)
			continue
		}
		if rel.CoverA < 950 || rel.CoverB < 250 || rel.CoverB > 350 || len(rel.Spans) != 1 {
			t.Errorf("%s: covers %d of the clip, %d of the recording, %d spans", name, rel.CoverA, rel.CoverB, len(rel.Spans))
		}
		if rel.Mirrored != (name == "mirrored") {
			t.Errorf("%s: mirrored is %v", name, rel.Mirrored)
		}
		if name == "logo" && rel.Overlay < 10 || name == "as it is" && rel.Overlay > 5 {
			t.Errorf("%s: overlay %d", name, rel.Overlay)
		}
		// Seen from the other side, the same is said.
		back, ok := held(t, whole, build(t, film))
		if !ok || back.Kind != Same || math.Abs(back.Offset+rel.Offset) > 0.05 || back.CoverA != rel.CoverB {
			t.Errorf("%s from the other side: %v, %+v", name, ok, back)
		}
	}
}

// The trap that this package is about: on a fixed camera everything looks alike.
func TestAnotherMomentOfTheSameCameraIsNoCopy(t *testing.T) {
	t.Parallel()
	cam := newCamera(3)
	whole := build(t, cam.film(1, 0, 90, walkers(10, 4)))
	lamp := func(at float64) actor {
		return func(p *[Height][Width]float64, t float64) {
			if t < at {
				return
			}
			for y := range Height {
				for x := range Width / 2 { // lights one half of the room
					p[y][x] += 50 * float64(Width/2-x) / Width
				}
			}
		}
	}
	ticking := func(p *[Height][Width]float64, t float64) { // a clock that counts seconds, in a corner
		n := int(t)
		for d := range 4 {
			v := []int{n / 600, n / 60, n / 10, n}[d] % 10
			for s := range 7 {
				if []int{0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f}[v]&(1<<s) != 0 {
					blob(p, 8+float64(d)*6+float64(s%2)*2, 6+float64(s), 1.6, 1.2, 255)
				}
			}
		}
	}
	fan := func(p *[Height][Width]float64, t float64) {
		for blade := range 3 {
			a := 2 * math.Pi * (t/4 + float64(blade)/3)
			blob(p, 110+24*math.Cos(a), 40+20*math.Sin(a), 7, 7, 20)
		}
	}
	for name, c := range map[string]struct {
		a, b *Print
		not  []Kind
	}{
		"other people":          {build(t, cam.film(4, 0, 20, walkers(77, 4))), whole, []Kind{Same, Similar}},
		"the same people later": {build(t, cam.film(4, 400, 20, walkers(10, 4))), whole, []Kind{Same, Similar}},
		"a lamp is switched on": {build(t, cam.film(4, 0, 20, lamp(9))), build(t, cam.film(5, 0, 60, lamp(31))), []Kind{Same}},
		"a clock ticks":         {build(t, cam.film(4, 3600, 20, ticking)), build(t, cam.film(5, 0, 80, ticking)), []Kind{Same}},
		"a fan turns":           {build(t, cam.film(4, 1.3, 20, fan)), build(t, cam.film(5, 100, 60, fan)), []Kind{Same}},
		"nothing happens":       {build(t, cam.film(4, 0, 20)), build(t, cam.film(5, 0, 60)), []Kind{Same, Similar, Camera}},
	} {
		rel, ok := held(t, c.a, c.b)
		if !ok {
			t.Errorf("%s: not even alike", name)
		} else if slices.Contains(c.not, rel.Kind) {
			t.Errorf("%s: called %+v", name, rel)
		} else {
			t.Logf("%s: %s %d", name, rel.Kind, rel.Score)
		}
	}
	if _, ok := held(t, build(t, newCamera(8).film(1, 0, 20, walkers(10, 4))), whole); ok {
		t.Error("another camera looks like this one")
	}
}

// A film of pieces says which pieces lie where.
func TestPiecesOfACompilation(t *testing.T) {
	t.Parallel()
	cam, people := newCamera(5), walkers(5, 4)
	day := build(t, cam.film(1, 0, 120, people))
	other := newCamera(6).film(1, 0, 20, walkers(6, 4))
	var film [][]byte
	film = append(film, cam.film(2, 70, 24, people)...)
	film = append(film, other...)
	film = append(film, cam.film(3, 11, 24, people)...)
	rel, ok := held(t, build(t, film), day)
	if !ok || rel.Kind != Same || len(rel.Spans) != 2 {
		t.Fatalf("%v, %+v", ok, rel)
	}
	for i, want := range []Span{{A: 0, B: 70, Seconds: 24}, {A: 44, B: 11, Seconds: 24}} {
		s := rel.Spans[i]
		if math.Abs(s.B-s.A-(want.B-want.A)) > 0.2 || math.Abs(s.A-want.A) > 4 || math.Abs(s.Seconds-want.Seconds) > 6 {
			t.Errorf("piece %d is %+v, want %+v", i, s, want)
		}
	}
}

// Two recordings of which the one begins before the other one ends: the shared end is found, and where there is none, none is.
func TestSharedEnds(t *testing.T) {
	t.Parallel()
	cam, people := newCamera(12), walkers(12, 4)
	before := build(t, cam.film(1, 0, 50, people))
	for _, c := range []struct {
		from, shared float64
		same         bool
	}{{42, 8, true}, {37, 13, true}, {50.4, 0, false}, {90, 0, false}} {
		after := build(t, cam.film(2, c.from, 45, people))
		rel, ok := held(t, after, before)
		if !ok {
			t.Errorf("from %v: not even alike", c.from)
			continue
		}
		if !c.same {
			if rel.Kind == Same {
				t.Errorf("from %v: nothing is shared, called %+v", c.from, rel)
			}
			continue
		}
		if rel.Kind != Same || math.Abs(rel.Offset-c.from) > 0.2 || len(rel.Spans) != 1 || math.Abs(rel.Spans[0].Seconds-c.shared) > 1.1 || rel.Spans[0].A > 1 {
			t.Errorf("from %v: %+v", c.from, rel)
		}
		back, _ := held(t, before, after)
		if back.Kind != Same || math.Abs(back.Offset+rel.Offset) > 0.1 {
			t.Errorf("from %v, from the other side: %+v", c.from, back)
		}
	}
}

func TestTooLittleIsNotToldAgain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := NewBuilder(&out)
	if err := b.Frame(make([]byte, Width*Height)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Close(); !errors.Is(err, ErrShort) {
		t.Errorf("%v", err)
	}
	if err := b.Frame(make([]byte, 7)); !errors.Is(err, ErrFormat) {
		t.Errorf("a picture of seven points: %v", err)
	}
	// A black film has seconds and nothing by which it could be found.
	var black [][]byte
	for range 40 {
		black = append(black, make([]byte, Width*Height))
	}
	p := build(t, black)
	if len(p.Runs()) != 0 {
		t.Error("black looks like something")
	}
	if c := NewIndex().Scan(p, nil); c != nil {
		t.Errorf("%v", c)
	}
}

// What the index finds is what comparing everything with everything finds.
func TestIndexIsExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	random := func() (h Hash) {
		for i := range h {
			h[i] = r.Uint64()
		}
		return h
	}
	near := func(h Hash, bits int) Hash {
		for range bits {
			b := r.IntN(256)
			h[b/64] ^= 1 << (b % 64)
		}
		return h
	}
	var q Print
	for range 8 {
		var s second
		s.quality = 90
		for i := range s.hash {
			s.hash[i] = random()
		}
		q.seconds = append(q.seconds, s)
	}
	x := NewIndex()
	lib := map[string][]Run{}
	for i := range 300 {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		var runs []Run
		for k := range 20 {
			run := Run{From: k * 3, Seconds: 2}
			for l := range run.hash {
				run.hash[l] = random()
			}
			if r.IntN(40) == 0 {
				run.hash[r.IntN(layers)] = near(q.seconds[r.IntN(8)].hash[r.IntN(regions)], 20+r.IntN(90))
			}
			runs = append(runs, run)
		}
		lib[name] = runs
		x.Add(name, runs)
	}
	brute := func() map[string]int {
		out := map[string]int{}
		for name, runs := range lib {
			best := 999
			for _, mirrored := range []bool{false, true} {
				samples, _ := q.samples()
				for _, s := range samples {
					for _, p := range pairs {
						h := s.hash[p.query]
						if mirrored {
							h = h.mirror()
						}
						for _, run := range runs {
							g := run.hash[p.layer]
							if d := h.Distance(g); d <= found && (Hash{h[0] ^ g[0]}).Distance(Hash{}) <= low {
								best = min(best, d)
							}
						}
					}
				}
			}
			if best < 999 {
				out[name] = best
			}
		}
		return out
	}
	check := func(what string) {
		t.Helper()
		want, got := brute(), map[string]int{}
		for _, c := range x.Scan(&q, nil) {
			got[c.Name] = c.Distance
		}
		if len(want) < 3 {
			t.Fatalf("%s: the test finds %d itself", what, len(want))
		}
		if len(got) != len(want) {
			t.Errorf("%s: found %d, there are %d", what, len(got), len(want))
		}
		for name := range want {
			if _, ok := got[name]; !ok {
				t.Errorf("%s: %s was not found", what, name)
			}
		}
	}
	check("all")
	for _, c := range x.Scan(&q, nil)[:2] {
		x.Drop(c.Name)
		delete(lib, c.Name)
	}
	check("after two were taken out")
	for name := range lib {
		if len(lib) < 120 {
			break
		}
		if _, ok := brute()[name]; ok {
			continue
		}
		x.Drop(name)
		delete(lib, name)
	}
	check("after most were taken out")
	if n, runs, size := x.Size(); n != len(lib) || runs != len(lib)*20 || size < int64(runs*RunBytes) || x.Holds("zz") {
		t.Errorf("%d recordings, %d runs, %d bytes", n, runs, size)
	}
	if got := x.Scan(&q, func(string) bool { return false }); len(got) != 0 {
		t.Error("found what may not be found")
	}
}

// What is kept of a recording and what is asked of a question meet: whatever is looked for in three seconds in a row of it is held
// against one of the same three seconds, however fast the footage changes. And no more is kept than is said.
func TestThinnedSecondsMeet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var runs []Run
		at := 0
		for range rapid.IntRange(1, 60).Draw(t, "runs") {
			at += rapid.SampledFrom([]int{0, 0, 0, 0, 1, 5}).Draw(t, "nothing to see")
			r := Run{From: at, Seconds: rapid.SampledFrom([]int{1, 1, 1, 2, 3, 9}).Draw(t, "seconds")}
			runs, at = append(runs, r), at+r.Seconds
		}
		kept := thin(runs)
		if len(kept) > at/thinned+1 {
			t.Fatalf("%d runs are kept of %d seconds", len(kept), at)
		}
		shows, held := make([]bool, at), make([]bool, at)
		for i, set := range [][]Run{runs, kept} {
			for _, r := range set {
				for s := range r.Seconds {
					[][]bool{shows, held}[i][r.From+s] = true
				}
			}
		}
		for s := range at - thinned + 1 {
			if shows[s] && shows[s+1] && shows[s+2] && !held[s] && !held[s+1] && !held[s+2] {
				t.Fatalf("nothing is kept of the seconds from %d on", s)
			}
		}
	})
}

// Footage in which every second looks new, altered by about so many bits: what a plain scan of every second against every second finds
// is found by the index, too.
func TestIndexFindsWhatThePlainScanFinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ bits, least int }{{20, 80}, {40, 80}, {56, 80}, {64, 80}, {72, 78}} {
		r := rand.New(rand.NewPCG(uint64(c.bits), 6))
		asked, plainly, fast := 80, 0, 0
		for n := range asked {
			long := make([]second, 90)
			for i := range long {
				long[i] = second{quality: 90}
				for m := range long[i].hash {
					for w := range 4 {
						long[i].hash[m][w] = r.Uint64()
					}
				}
			}
			from := r.IntN(30)
			q := &Print{seconds: slices.Clone(long[from : from+60])}
			for i := range q.seconds {
				for m := range q.seconds[i].hash {
					for _, b := range r.Perm(256)[:max(0, c.bits+r.IntN(17)-8)] {
						q.seconds[i].hash[m][b/64] ^= 1 << (b % 64)
					}
				}
			}
			plain := false
			for _, a := range q.seconds {
				for _, b := range long {
					plain = plain || a.hash[0].Distance(b.hash[0]) <= found && bits.OnesCount64(a.hash[0][0]^b.hash[0][0]) <= low
				}
			}
			x := NewIndex()
			x.Add("x", runsOf(long))
			x.Add("another", runsOf([]second{{quality: 90, hash: [regions]Hash{{uint64(n) * 77}}}}))
			got := x.Scan(q, nil)
			if plain {
				plainly++
				if len(got) > 0 && got[0].Name == "x" {
					fast++
				}
			}
			if _, runs, _ := x.Size(); runs > 31 {
				t.Fatalf("%d runs of 90 seconds", runs)
			}
		}
		t.Logf("%d bits: %d of %d found plainly, %d of these fast", c.bits, plainly, asked, fast)
		if plainly < 78 || fast < c.least {
			t.Errorf("%d bits: %d of %d found plainly, %d of these fast, want %d", c.bits, plainly, asked, fast, c.least)
		}
	}
}

// A long film is asked about in more places, and always at both ends.
func TestSamplesReachBothEnds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	for _, long := range []int{1, 2, 3, 4, 7, 60, 3600, 30000} {
		q := &Print{}
		for range long {
			var s second
			s.quality = 90
			for m := range s.hash {
				for w := range 4 {
					s.hash[m][w] = r.Uint64()
				}
			}
			q.seconds = append(q.seconds, s)
		}
		samples, weight := q.samples()
		if len(weight) > stretches || len(samples) > stretches*thinned || long >= 3600 && len(weight) < stretches {
			t.Errorf("%d seconds: %d samples in %d stretches", long, len(samples), len(weight))
		}
		n := min(long, thinned)
		for i := range n {
			if samples[i].hash != q.seconds[i].hash || samples[len(samples)-n+i].hash != q.seconds[long-n+i].hash {
				t.Errorf("%d seconds: the ends are not asked about", long)
			}
		}
	}
}

// What was taken out leaves the memory, not only the answers.
func TestDroppedHashesLeaveTheMemory(t *testing.T) {
	t.Parallel()
	x := NewIndex()
	for i, name := range []string{"a", "b", "c", "d", "e", "f"} {
		run := Run{Seconds: 1}
		for l := range run.hash {
			run.hash[l] = Hash{uint64(i + 1), 0xdead, 0xbeef, 0xf00d}
		}
		x.Add(name, []Run{run})
	}
	x.Drop("b")
	x.Drop("e")
	for l := range layers {
		all := slices.Concat(x.lowest[l][:cap(x.lowest[l])])
		if slices.Contains(all, 2) || slices.Contains(all, 5) {
			t.Error("a hash that was dropped is still there")
		}
	}
}

func TestDamagedFingerprintsAreRefused(t *testing.T) {
	t.Parallel()
	_, good := open(t, newCamera(1).film(1, 0, 70, walkers(1, 3)))
	try := func(b []byte) error {
		p, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return err
		}
		for i := range p.frames {
			if _, err := p.thumbnail(i); err != nil {
				return err
			}
		}
		return nil
	}
	if err := try(good); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "head cut": good[1:], "another beginning": append([]byte("X"), good[1:]...), "longer": append(bytes.Clone(good), 0),
	} {
		if err := try(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []int{4, 12, 27} { // in the tail: frames, pieces…
		b := bytes.Clone(good)
		b[len(b)-tailSize+at-1] ^= 0x41
		if err := try(b); !errors.Is(err, ErrFormat) {
			t.Errorf("tail byte %d: %v", at, err)
		}
	}
	broken := bytes.Clone(good)
	for i := range 60 {
		broken[len(magic)+i] ^= 0xff
	}
	if err := try(broken); !errors.Is(err, ErrFormat) {
		t.Errorf("a broken piece: %v", err)
	}
}

func TestCompareStopsWhenCalledOff(t *testing.T) {
	t.Parallel()
	p := build(t, newCamera(1).film(1, 0, 30, walkers(1, 3)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ctx, p, p, Candidate{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func FuzzOpen(f *testing.F) {
	_, good := open(f, newCamera(1).film(1, 0, 3, walkers(1, 3)))
	f.Add(good)
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if p.frames > 2000 {
			return
		}
		x := NewIndex()
		x.Add("x", p.Runs())
		for _, c := range x.Scan(p, nil) {
			if _, err := Compare(t.Context(), p, p, c); err != nil && !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzRuns(f *testing.F) {
	f.Add(EncodeRuns([]Run{{From: 3, Seconds: 9}, {From: 20, Seconds: 1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		runs, err := DecodeRuns(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(EncodeRuns(runs), b) {
			t.Fatal("reads as something else")
		}
	})
}

func BenchmarkScan(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 5))
	film := func(n int) (out []second) {
		for range n {
			s := second{quality: 90}
			for m := range s.hash {
				for w := range 4 {
					s.hash[m][w] = r.Uint64()
				}
			}
			out = append(out, s)
		}
		return out
	}
	x := NewIndex()
	for i := range 1000 {
		x.Add(strconv.Itoa(i), runsOf(film(3600)))
	}
	q := &Print{seconds: film(60)}
	samples, _ := q.samples()
	_, runs, size := x.Size()
	b.Logf("%d samples, %d runs, %d MB", len(samples), runs, size>>20)
	for b.Loop() {
		x.Scan(q, nil)
	}
}

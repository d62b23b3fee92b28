package anchor

import (
	"bytes"
	"crypto/ed25519"
	"io/fs"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
)

// What an archive takes in must not show in its transparency log. The first test compares two worlds that differ in nothing but
// the intake: whatever an outsider sees has the same names, sizes, times and numbers of lines on every day. The second one asks a
// classifier that has every public byte to tell the days with intake from those without, and wants it to do no better than
// chance; the same classifier finds out a log that grows when something comes in.

// shown is a published folder as somebody sees it who cannot read.
type shown struct {
	size  int64
	lines int
	at    time.Time
	mode  fs.FileMode
}

func look(t *testing.T, dir string) map[string]shown {
	t.Helper()
	out := map[string]shown{}
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := shown{at: info.ModTime(), mode: info.Mode()}
		name, _ := filepath.Rel(dir, at)
		if !d.IsDir() {
			data, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			s.size = info.Size()
			// Line feeds in hashes are chance; in text they are not.
			if name == "checkpoint" || name == "keys" || name == "index.html" {
				s.lines = bytes.Count(data, []byte("\n"))
			}
		}
		out[name] = s
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTwoWorldsLookAlike(t *testing.T) {
	t.Parallel()
	const days = 62
	world := func(seed uint64) *rig {
		// The same keys, since their text is public and some of its characters are longer in a page; then another chance.
		r := rigOn(t, storetest.Open(t, store.SQLite), 1, func(r *rig, o *Options) { r.witness(o, "w.example/1") })
		r.clock = midnight(day0).Add(11 * time.Minute)
		r.init()
		r.seed.Seed([32]byte{byte(seed)})
		return r
	}
	busy, idle := world(1), world(2)
	busyDir, idleDir := busy.folder(), idle.folder()
	chance := rand.New(rand.NewPCG(3, 3))
	missed := map[int]bool{17: true, 18: true, 40: true} // the machine was off, in both worlds
	for day := range days {
		if chance.IntN(3) == 0 {
			// On a random hour of a random day a random amount comes in.
			busy.clock = midnight(busy.clock).Add(time.Duration(1+chance.IntN(86400)) * time.Second)
			busy.act(1 + chance.IntN(300))
		}
		for _, w := range []struct {
			r   *rig
			dir string
		}{{busy, busyDir}, {idle, idleDir}} {
			w.r.clock = midnight(day0).Add(time.Duration(day)*24*time.Hour + 11*time.Minute)
			if missed[day] {
				continue
			}
			w.r.tick()
			w.r.gather()
			if _, err := w.r.publishTo(w.dir); err != nil {
				t.Fatal(err)
			}
		}
		a, b := look(t, busyDir), look(t, idleDir)
		if len(a) != len(b) {
			t.Fatalf("day %d: %d names and %d", day, len(a), len(b))
		}
		for name, x := range a {
			if y := b[name]; x != y {
				t.Fatalf("day %d: %s is %+v in one world and %+v in the other", day, name, x, y)
			}
		}
	}
	// The comparison is not of empty things: the worlds differ inside.
	if busy.count("custody_leaf") <= idle.count("custody_leaf") {
		t.Fatal("nothing happened in the busy world")
	}
}

// sample is one day: everything public about it as numbers, and whether something came in.
type sample struct {
	x      []float64
	intake bool
}

// measure turns the public bytes of a day into features: every bit of the new entries, of the root and of the signature by itself, and what
// sums them up: how many bytes, files, entries and lines there are, how they changed, ones, runs, distances to the day before,
// the spread of byte values.
func measure(before, after memory) []float64 {
	entry := func(m memory) []byte {
		var last []byte
		for name, data := range m {
			if len(name) > 13 && name[:13] == "tile/entries/" && len(data) > len(last) {
				last = data
			}
		}
		return last
	}
	be, ae := entry(before), entry(after)
	fresh := ae[min(len(be), len(ae)):]
	newest := make([]byte, 32)
	copy(newest, ae[max(0, len(ae)-32):])
	previous := make([]byte, 32)
	copy(previous, ae[max(0, len(ae)-66):])
	text, sig := after["checkpoint"], make([]byte, ed25519.SignatureSize)
	if _, lines, err := tlog.SplitNote(text); err == nil {
		if l, err := tlog.ParseSignatureLine(lines[0]); err == nil {
			copy(sig, l.Signature)
		}
	}
	root := make([]byte, 32)
	if c, err := tlog.ParseCheckpoint(string(noteText(text))); err == nil {
		copy(root, c.Root[:])
	}
	total := func(m memory) (n float64) {
		for _, d := range m {
			n += float64(len(d))
		}
		return n
	}
	x := []float64{
		float64(len(fresh)), float64(len(after) - len(before)), total(after) - total(before),
		float64(bytes.Count(text, []byte("\n"))), float64(len(text)),
	}
	for _, b := range [][]byte{newest, root, sig} {
		ones, runs := 0, 0
		var histogram [16]float64
		for i, v := range b {
			ones += bits.OnesCount8(v)
			if i > 0 && v>>7 != b[i-1]>>7 {
				runs++
			}
			histogram[v>>4]++
		}
		spread := 0.0
		for _, n := range histogram {
			spread += n * n
		}
		x = append(x, float64(ones), float64(runs), spread, float64(b[0]), float64(b[len(b)-1]))
	}
	distance := 0
	for i := range newest {
		distance += bits.OnesCount8(newest[i] ^ previous[i])
	}
	x = append(x, float64(distance))
	for _, b := range [][]byte{newest, root, sig} {
		for _, v := range b {
			for i := range 8 {
				x = append(x, float64(v>>i&1))
			}
		}
	}
	return x
}

// classify learns on one half of the samples which features go with intake, and how strongly, and gives the share of the other
// half that it tells rightly, both kinds counting the same.
func classify(all []sample) (share float64, n int) {
	learn, judge := all[:len(all)/2], all[len(all)/2:]
	width := len(all[0].x)
	type feature struct {
		at                   int
		middle, scale, force float64
	}
	var fs []feature
	for f := range width {
		var sum, square, with, without float64
		var nw, no float64
		for _, s := range learn {
			sum += s.x[f]
			square += s.x[f] * s.x[f]
			if s.intake {
				with += s.x[f]
				nw++
			} else {
				without += s.x[f]
				no++
			}
		}
		m := float64(len(learn))
		variance := square/m - sum/m*sum/m
		if variance < 1e-12 || nw == 0 || no == 0 {
			continue
		}
		scale := math.Sqrt(variance)
		fs = append(fs, feature{f, sum / m, scale, (with/nw - without/no) / scale})
	}
	// The strongest ones only, or a thousand bits of noise would drown a real trace.
	slices.SortFunc(fs, func(a, b feature) int {
		if math.Abs(a.force) > math.Abs(b.force) {
			return -1
		}
		return 1
	})
	fs = fs[:min(len(fs), 12)]
	var right, count [2]float64
	for _, s := range judge {
		score := 0.0
		for _, f := range fs {
			score += f.force * (s.x[f.at] - f.middle) / f.scale
		}
		k := 0
		if s.intake {
			k = 1
		}
		count[k]++
		if (score > 0) == s.intake {
			right[k]++
		}
	}
	return (right[0]/count[0] + right[1]/count[1]) / 2, len(judge)
}

func TestIntakeCannotBeReadFromThePublicLog(t *testing.T) {
	t.Parallel()
	worlds, days := 12, 62
	if os.Getenv("ZAPIS_TEST_THOROUGH") != "" {
		worlds = 100
	}
	var honest, eager []sample
	for seed := range uint64(worlds) {
		r := rigOn(t, storetest.Open(t, store.SQLite), 100+seed)
		r.o.CheckPage = nil
		r.clock = midnight(day0).Add(11 * time.Minute)
		r.init()
		r.tick()
		// The eager log is what this one would be if it added a leaf when something came in.
		var leaves []tlog.Hash
		grow := func(n int) memory {
			for range n {
				h, _ := r.random()
				leaves = append(leaves, h)
			}
			data := make([]byte, 34*len(leaves))
			_, _ = r.seed.Read(data)
			return memory{"tile/entries/000": data, "checkpoint": {}}
		}
		set, err := r.files(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before, eagerBefore := set.memory(), grow(1)
		chance := rand.New(rand.NewPCG(seed, 8))
		for range days {
			intake := chance.IntN(2) == 0
			if intake {
				r.act(1 + chance.IntN(40))
			}
			r.days(1)
			set, err := r.files(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			after := set.memory()
			honest = append(honest, sample{measure(before, after), intake})
			n := 1
			if intake {
				n = 2
			}
			eagerAfter := grow(n)
			eager = append(eager, sample{measure(eagerBefore, eagerAfter), intake})
			before, eagerBefore = after, eagerAfter
		}
	}
	// Under chance the share is 1/2 with a deviation of at most 1/(2·sqrt(n)) for equal halves; four of them are exceeded once in
	// 16,000 seeds, and the seeds are fixed.
	share, n := classify(honest)
	bound := 4 * 0.5 / math.Sqrt(float64(n))
	t.Logf("%d days judged: %.3f told rightly, chance is 0.5 ± %.3f", n, share, bound)
	if math.Abs(share-0.5) > bound {
		t.Errorf("the classifier tells %.3f of the days rightly, chance is 0.5 ± %.3f", share, bound)
	}
	if share, _ := classify(eager); share < 0.95 {
		t.Errorf("a log that grows with the intake is found out on %.3f of the days only: the classifier sees nothing", share)
	}
}

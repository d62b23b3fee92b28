package fingerprint

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync"
)

// Run is a stretch of footage that looks the same: its seconds are within runWidth bits of the first one, whose hashes stand for all.
// It is the natural form of what a fixed camera records.
type Run struct {
	From, Seconds int // seconds
	hash          [layers]Hash
}

const (
	runWidth = 32 // bits
	runLong  = 600
	// found is how many of 256 bits may differ, and low how many of the 64 lowest frequencies, which is asked first.
	found = 80
	low   = 20
)

func runsOf(seconds []second) []Run {
	var out []Run
	open := false
	for i, s := range seconds {
		if !s.shows() {
			open = false
			continue
		}
		if n := len(out) - 1; open && out[n].Seconds < runLong && out[n].hash[0].Distance(s.hash[0]) <= runWidth {
			out[n].Seconds = i - out[n].From + 1
			continue
		}
		r := Run{From: i, Seconds: 1}
		for l, m := range indexed {
			r.hash[l] = s.hash[m]
		}
		out, open = append(out, r), true
	}
	return out
}

const runSize = 4 + 2 + layers*32

// EncodeRuns writes runs for the catalogue.
func EncodeRuns(runs []Run) []byte {
	out := make([]byte, 0, len(runs)*runSize)
	for _, r := range runs {
		out = binary.BigEndian.AppendUint32(out, uint32(r.From))
		out = binary.BigEndian.AppendUint16(out, uint16(r.Seconds))
		for _, h := range r.hash {
			for _, w := range h {
				out = binary.BigEndian.AppendUint64(out, w)
			}
		}
	}
	return out
}

// DecodeRuns reads what EncodeRuns wrote; ErrFormat.
func DecodeRuns(b []byte) ([]Run, error) {
	if len(b)%runSize != 0 || len(b)/runSize > maxFrames {
		return nil, fmt.Errorf("%w: runs of %d bytes", ErrFormat, len(b))
	}
	out := make([]Run, 0, len(b)/runSize)
	end := 0
	for ; len(b) > 0; b = b[runSize:] {
		r := Run{From: int(binary.BigEndian.Uint32(b)), Seconds: int(binary.BigEndian.Uint16(b[4:]))}
		if r.Seconds < 1 || r.Seconds > runLong || r.From < end || r.From > maxFrames {
			return nil, fmt.Errorf("%w: runs out of order", ErrFormat)
		}
		end = r.From + r.Seconds
		for l := range r.hash {
			for w := range 4 {
				r.hash[l][w] = binary.BigEndian.Uint64(b[6+32*l+8*w:])
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// Index finds recordings that look alike. It takes 108 bytes for every run, in memory: at most so much for every second of footage,
// and far less for fixed cameras. It is safe for concurrent use.
type Index struct {
	mu    sync.RWMutex
	names []string
	known map[string]int
	dead  int // runs of recordings that were taken out

	// By run. The lowest frequencies lie by themselves, since all of them are read for every question.
	lowest [layers][]uint64
	rest   [layers][][3]uint64
	owner  []int32
	from   []int32
	long   []int32
}

// RunBytes is the memory of one run in an Index.
const RunBytes = layers*32 + 12

// NewIndex gives an empty index.
func NewIndex() *Index { return &Index{known: map[string]int{}} }

// Add puts a recording in, in the place of what was known under its name.
func (x *Index) Add(name string, runs []Run) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(name)
	owner := int32(len(x.names))
	x.names = append(x.names, name)
	x.known[name] = int(owner)
	for _, r := range runs {
		for l, h := range r.hash {
			x.lowest[l] = append(x.lowest[l], h[0])
			x.rest[l] = append(x.rest[l], [3]uint64{h[1], h[2], h[3]})
		}
		x.owner, x.from, x.long = append(x.owner, owner), append(x.from, int32(r.From)), append(x.long, int32(r.Seconds))
	}
}

// Drop takes a recording out. Its hashes leave the memory at once.
func (x *Index) Drop(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(name)
}

func (x *Index) drop(name string) {
	owner, ok := x.known[name]
	if !ok {
		return
	}
	delete(x.known, name)
	x.names[owner] = ""
	for i, o := range x.owner {
		if int(o) != owner {
			continue
		}
		for l := range layers {
			x.lowest[l][i], x.rest[l][i] = 0, [3]uint64{}
		}
		x.owner[i] = -1
		x.dead++
	}
	if x.dead*4 > len(x.owner) {
		x.compact()
	}
}

func (x *Index) compact() {
	n := 0
	for i, o := range x.owner {
		if o < 0 {
			continue
		}
		for l := range layers {
			x.lowest[l][n], x.rest[l][n] = x.lowest[l][i], x.rest[l][i]
		}
		x.owner[n], x.from[n], x.long[n] = o, x.from[i], x.long[i]
		n++
	}
	for l := range layers {
		clear(x.lowest[l][n:])
		clear(x.rest[l][n:])
		x.lowest[l], x.rest[l] = x.lowest[l][:n], x.rest[l][:n]
	}
	x.owner, x.from, x.long, x.dead = x.owner[:n], x.from[:n], x.long[:n], 0
}

// Names gives what is in the index, in no order.
func (x *Index) Names() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]string, 0, len(x.known))
	for n := range x.known {
		out = append(out, n)
	}
	return out
}

// Holds says whether a recording is in the index.
func (x *Index) Holds(name string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, ok := x.known[name]
	return ok
}

// Size gives the number of recordings, of runs, and the bytes of memory that these take.
func (x *Index) Size() (recordings, runs int, bytes int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.known), len(x.owner) - x.dead, int64(cap(x.owner)) * RunBytes
}

// Candidate is a recording that looks like what is looked for somewhere.
type Candidate struct {
	Name string
	// Share of the sampled seconds of what is looked for that look like it, in thousandths.
	Share    int
	Distance int  // of the nearest pair, in bits of 256
	Mirrored bool // it looks alike in a mirror only
	// Query and Layer are the regions of the nearest pair.
	query, layer Region
}

// sampled is how many different-looking stretches of a question are looked for.
const sampled = 12

type sample struct {
	hash   [regions]Hash
	weight int
}

// samples chooses evenly from the runs of a fingerprint.
func (p *Print) samples() []sample {
	runs := runsOf(p.seconds)
	out := make([]sample, 0, sampled)
	step := max(1, float64(len(runs))/sampled)
	for f := 0.0; int(f) < len(runs); f += step {
		r := runs[int(f)]
		out = append(out, sample{p.seconds[r.From].hash, r.Seconds})
	}
	return out
}

// Scan gives all recordings that look like q somewhere and for which may says yes, most alike first. Where q itself is in the index,
// it is found, too.
func (x *Index) Scan(q *Print, may func(name string) bool) []Candidate {
	samples := q.samples()
	out := x.scan(samples, pairs, may, false)
	// Who turns footage round hides it, and crops little: a third of the samples and the regions that stand most.
	var turned []sample
	for i := 0; i < len(samples); i += 3 {
		s := samples[i]
		for r := range s.hash {
			s.hash[r] = s.hash[r].mirror()
		}
		turned = append(turned, s)
	}
	for _, c := range x.scan(turned, pairs[:5], may, true) {
		if i := slices.IndexFunc(out, func(o Candidate) bool { return o.Name == c.Name }); i < 0 {
			out = append(out, c)
		} else if c.Distance < out[i].Distance-16 {
			out[i] = c
		}
	}
	slices.SortFunc(out, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// hit gathers what is found of one recording.
type hit struct {
	seen     uint32 // which samples
	distance int
	pair     int
}

func (x *Index) scan(samples []sample, pairs []pair, may func(string) bool, mirrored bool) []Candidate {
	if len(samples) == 0 {
		return nil
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	total := 0
	for _, s := range samples {
		total += s.weight
	}
	workers := max(1, min(runtime.GOMAXPROCS(0), len(x.owner)/50_000+1))
	parts := make([]map[int32]*hit, workers)
	var wg sync.WaitGroup
	for w := range workers {
		lo, hi := len(x.owner)*w/workers, len(x.owner)*(w+1)/workers
		wg.Go(func() { parts[w] = x.part(samples, pairs, lo, hi) })
	}
	wg.Wait()
	merged := map[int32]*hit{}
	for _, p := range parts {
		for owner, h := range p {
			m := merged[owner]
			if m == nil {
				merged[owner] = h
				continue
			}
			m.seen |= h.seen
			if h.distance < m.distance {
				m.distance, m.pair = h.distance, h.pair
			}
		}
	}
	var out []Candidate
	for owner, h := range merged {
		name := x.names[owner]
		if may != nil && !may(name) {
			continue
		}
		part := 0
		for i, s := range samples {
			if h.seen&(1<<i) != 0 {
				part += s.weight
			}
		}
		out = append(out, Candidate{
			Name: name, Share: part * 1000 / total, Distance: h.distance, Mirrored: mirrored,
			query: margins[pairs[h.pair].query], layer: margins[indexed[pairs[h.pair].layer]],
		})
	}
	return out
}

// part scans the runs from lo to hi. Blocks of runs stay in the cache while all samples are held against them, four at a time.
func (x *Index) part(samples []sample, pairs []pair, lo, hi int) map[int32]*hit {
	const block = 4096
	out := map[int32]*hit{}
	take := func(n, i, at int) {
		p := pairs[n]
		q, r := samples[i].hash[p.query], &x.rest[p.layer][at]
		l := bits.OnesCount64(x.lowest[p.layer][at] ^ q[0])
		owner := x.owner[at]
		if l > low || owner < 0 {
			return
		}
		d := l + bits.OnesCount64(r[0]^q[1]) + bits.OnesCount64(r[1]^q[2]) + bits.OnesCount64(r[2]^q[3])
		if d > found {
			return
		}
		h := out[owner]
		if h == nil {
			h = &hit{distance: 257}
			out[owner] = h
		}
		h.seen |= 1 << i
		if d < h.distance {
			h.distance, h.pair = d, n
		}
	}
	for a := lo; a < hi; a += block {
		b := min(a+block, hi)
		for n, p := range pairs {
			lows := x.lowest[p.layer][a:b]
			for i := 0; i < len(samples); i += 4 {
				// The last four may overlap with those before: nothing is counted twice, since hits are a set.
				four := min(i, max(len(samples)-4, 0))
				last := len(samples) - 1
				q0, q1 := samples[four].hash[p.query][0], samples[min(four+1, last)].hash[p.query][0]
				q2, q3 := samples[min(four+2, last)].hash[p.query][0], samples[min(four+3, last)].hash[p.query][0]
				for j, w := range lows {
					// Negative if one of the four is near enough.
					if (bits.OnesCount64(w^q0)-low-1)|(bits.OnesCount64(w^q1)-low-1)|(bits.OnesCount64(w^q2)-low-1)|(bits.OnesCount64(w^q3)-low-1) < 0 {
						for k := four; k <= min(four+3, last); k++ {
							take(n, k, a+j)
						}
					}
				}
			}
		}
	}
	return out
}

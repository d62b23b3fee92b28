package fingerprint

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
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
	// What is laid over a picture (a logo, a line of text) changes the lowest frequencies most. Who does that rarely crops as well, so that
	// one pair of regions is asked more widely; all of them would take twice as long.
	foundWhole = 84
	lowWhole   = 23
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

// thinned is of how many seconds in a row one is met by what the index keeps. A question has as many in a row.
const thinned = 3

// thin leaves out runs that end less than thinned seconds behind the end of one that is kept. Of any thinned seconds in a row that are
// in runs, at least one is in a run that stays; and no more than one run stays for every thinned seconds.
func thin(runs []Run) []Run {
	out := make([]Run, 0, len(runs))
	kept := -thinned
	for _, r := range runs {
		if end := r.From + r.Seconds; end >= kept+thinned {
			out, kept = append(out, r), end
		}
	}
	return out
}

// Index finds recordings that look alike. It takes 108 bytes of memory for every run that it keeps: at most one for every three seconds
// of footage, and far fewer for fixed cameras. It is safe for concurrent use.
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
	runs = thin(runs)
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

// How much of a question is looked for: stretches of up to thinned seconds in a row, in about sampled seconds altogether, or more of a
// long one, so that pieces of a film of an hour are met, too.
const (
	sampled   = 12
	apart     = 20 // seconds between two stretches of a long question
	stretches = 96 // at most
)

// sample is one second that is looked for.
type sample struct {
	hash  [regions]Hash
	group int // of which stretch
}

// samples chooses stretches evenly from the runs of a fingerprint, the first and the last seconds among them. It gives how many seconds
// of footage each of them stands for.
func (p *Print) samples() (out []sample, weight []int) {
	runs := runsOf(p.seconds)
	if len(runs) == 0 {
		return nil, nil
	}
	single := 0
	for _, r := range runs {
		if r.Seconds == 1 {
			single++
		}
	}
	// What looks the same for a while is one sample, and what does not is thinned of them.
	cost := 1 + (thinned-1)*float64(single)/float64(len(runs))
	n := min(max(int(math.Ceil(sampled/cost)), len(p.seconds)/apart), stretches, len(runs))
	done := 0 // seconds before are taken
	for g := range n {
		i := 0
		if n > 1 {
			i = g * (len(runs) - 1) / (n - 1)
		}
		if last := runs[len(runs)-1]; g > 0 && g == n-1 { // as many as there are before the end
			for i > 0 && runs[i-1].From >= last.From+min(last.Seconds, thinned)-thinned {
				i--
			}
		}
		from, to := max(runs[i].From, done), runs[i].From+thinned
		group, taken := len(weight), false
		for ; i < len(runs) && runs[i].From < to; i++ {
			r := runs[i]
			if r.From < done {
				continue
			}
			for at := r.From; at < r.From+r.Seconds && at < to; at++ {
				out, taken = append(out, sample{p.seconds[at].hash, group}), true
				if r.Seconds >= thinned {
					break // the first stands for all
				}
			}
			done = r.From + r.Seconds
		}
		if taken {
			weight = append(weight, done-from)
		}
	}
	return out, weight
}

// Scan gives all recordings that look like q somewhere and for which may says yes, most alike first. Where q itself is in the index,
// it is found, too.
func (x *Index) Scan(q *Print, may func(name string) bool) []Candidate {
	samples, weight := q.samples()
	out := x.scan(samples, weight, pairs, may, false)
	// Who turns footage round hides it, and crops little: a part of the stretches and the regions that stand most.
	var turned []sample
	for _, s := range samples {
		if len(weight) > 3 && s.group%2 == 1 {
			continue
		}
		for r := range s.hash {
			s.hash[r] = s.hash[r].mirror()
		}
		turned = append(turned, s)
	}
	for _, c := range x.scan(turned, weight, pairs[:5], may, true) {
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
	seen     [2]uint64 // which stretches
	distance int
	pair     int
}

func (x *Index) scan(samples []sample, weight []int, pairs []pair, may func(string) bool, mirrored bool) []Candidate {
	if len(samples) == 0 {
		return nil
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	total := 0
	asked := map[int]bool{}
	for _, s := range samples {
		if !asked[s.group] {
			asked[s.group] = true
			total += weight[s.group]
		}
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
			m.seen[0] |= h.seen[0]
			m.seen[1] |= h.seen[1]
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
		for g, w := range weight {
			if h.seen[g/64]&(1<<(g%64)) != 0 {
				part += w
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
		lowest, all := p.within()
		if l > lowest || owner < 0 {
			return
		}
		d := l + bits.OnesCount64(r[0]^q[1]) + bits.OnesCount64(r[1]^q[2]) + bits.OnesCount64(r[2]^q[3])
		if d > all {
			return
		}
		h := out[owner]
		if h == nil {
			h = &hit{distance: 257}
			out[owner] = h
		}
		g := samples[i].group
		h.seen[g/64] |= 1 << (g % 64)
		if d < h.distance {
			h.distance, h.pair = d, n
		}
	}
	for a := lo; a < hi; a += block {
		b := min(a+block, hi)
		for n, p := range pairs {
			lows := x.lowest[p.layer][a:b]
			lowest, _ := p.within()
			limit := lowest + 1
			for i := 0; i < len(samples); i += 4 {
				// The last four may overlap with those before: nothing is counted twice, since hits are a set.
				four := min(i, max(len(samples)-4, 0))
				last := len(samples) - 1
				q0, q1 := samples[four].hash[p.query][0], samples[min(four+1, last)].hash[p.query][0]
				q2, q3 := samples[min(four+2, last)].hash[p.query][0], samples[min(four+3, last)].hash[p.query][0]
				for j, w := range lows {
					// Negative if one of the four is near enough.
					if (bits.OnesCount64(w^q0)-limit)|(bits.OnesCount64(w^q1)-limit)|(bits.OnesCount64(w^q2)-limit)|(bits.OnesCount64(w^q3)-limit) < 0 {
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

package clock

import (
	"math"
	"slices"
)

// Sample is what was read at one moment of the recording.
type Sample struct {
	At float64 // seconds from the beginning of the recording
	// Options are the times of day that it can be read as, in seconds; none if nothing was read.
	Options []int
}

// Reading is a sample with what it is taken for.
type Reading struct {
	At    float64
	Clock int  // seconds since midnight of the first day on this clock, beyond 86,400 on later ones; -1: not read
	OK    bool // agrees with the line
}

// Segment is a stretch in which the clock runs evenly: at t it says Start + Rate·t.
type Segment struct {
	From, To float64
	Start    float64 // seconds since midnight of the first day, carried back to the beginning of the recording
	Rate     float64
	N        int // readings
}

// What a jump is.
const (
	JumpMissing = "missing" // the clock leaps forward: a stretch is not in the recording
	JumpBack    = "back"    // it goes back: repeated footage, or a clock that was set
	JumpFreeze  = "freeze"  // it stands still while the recording runs on
)

// Jump is a place where the clock does not run evenly.
type Jump struct {
	From, To float64 // it lies between these moments of the recording
	By       float64 // seconds that the clock leaps beyond what went by
	Kind     string
	// Digit: one misread digit would explain it. Such a jump counts as Confirmed only if other ways of reading agree.
	Digit     bool
	Confirmed bool
	// Clock before and after, seconds as in Reading.
	Before, After float64
}

// Run is what the readings say together.
type Run struct {
	Readings []Reading
	Segments []Segment
	Jumps    []Jump
	Rate     float64 // seconds of the clock in a second of the recording
	RateErr  float64 // about one standard deviation
	Twelve   bool    // read as a clock of twelve hours
}

// Share is the part of the samples that was read and agrees with the line.
func (r Run) Share() float64 {
	if len(r.Readings) == 0 {
		return 0
	}
	n := 0
	for _, v := range r.Readings {
		if v.OK {
			n++
		}
	}
	return float64(n) / float64(len(r.Readings))
}

const (
	window  = 1.35 // seconds within which clock minus time lies on one line: it shows whole seconds, and frames are not exact
	least   = 3    // readings that make a line
	nearby  = 12   // samples on each side that vote
	recent  = 60   // seconds of a line that a reading is held against: a slow drift leads further away
	minimum = 6    // readings below which nothing is claimed
)

// rates that are tried when a clock does not run as the recording does.
var rates = []float64{1, 1.05, 0.95, 1.1, 0.9, 24.0 / 25, 25.0 / 24, 1.2, 0.8, 1.25, 0.75, 1.5, 2, 0.5, 4.0 / 3, 2.0 / 3}

// Fit puts piecewise lines through what was read; false if it does not amount to a clock. With twelve the hours repeat after
// half a day.
func Fit(samples []Sample, twelve bool) (Run, bool) {
	cycle := float64(day)
	if twelve {
		cycle /= 2
		folded := make([]Sample, len(samples))
		for i, s := range samples {
			folded[i].At = s.At
			for _, o := range s.Options {
				if v := o % (day / 2); !slices.Contains(folded[i].Options, v) {
					folded[i].Options = append(folded[i].Options, v)
				}
			}
		}
		samples = folded
	}
	var points []point
	rate := 1.0
	for _, r := range rates {
		p := choose(samples, r, cycle)
		if len(p) > len(points)+len(samples)/20 {
			points, rate = p, r
		}
		if len(points) > len(samples)*3/4 {
			break
		}
	}
	if len(points) < minimum || len(points)*4 < len(samples) {
		return Run{}, false
	}
	unwrap(points, cycle)
	segments, guess := lines(points, rate)
	if len(segments) == 0 {
		return Run{}, false
	}
	run := Run{Twelve: twelve, Readings: make([]Reading, len(samples))}
	run.Rate, run.RateErr = refine(segments, guess)
	// Once more, now that the rate is known better.
	if again := merge(split(moving(points, run.Rate), run.Rate), run.Rate); len(again) > 0 && len(again) <= len(segments) {
		segments = again
		run.Rate, run.RateErr = refine(segments, run.Rate)
	}
	rate = run.Rate
	for i, s := range samples {
		run.Readings[i] = Reading{At: s.At, Clock: -1}
	}
	for i := range segments {
		run.Segments = append(run.Segments, segments[i].line(rate))
	}
	run.agree(samples, points, cycle)
	run.jumps(points)
	return run, true
}

// point is a reading that its neighbours bear out.
type point struct {
	i    int // of the sample
	t, c float64
}

// choose takes for every sample the reading whose distance from the time most neighbours share.
func choose(samples []Sample, rate, cycle float64) []point {
	var out []point
	for i, s := range samples {
		votes, best := 0, -1
		for _, c := range s.Options {
			off := float64(c) - rate*s.At
			n := 0
			for j := max(0, i-nearby); j < min(len(samples), i+nearby+1); j++ {
				for _, d := range samples[j].Options {
					e := math.Mod(math.Abs(float64(d)-rate*samples[j].At-off), cycle)
					if min(e, cycle-e) <= 1.2 {
						n++
						break
					}
				}
			}
			if n > votes {
				votes, best = n, c
			}
		}
		if votes >= least {
			out = append(out, point{i, s.At, float64(best)})
		}
	}
	return out
}

// unwrap carries the clock over midnight.
func unwrap(p []point, cycle float64) {
	turns := 0.0
	for i := 1; i < len(p); i++ {
		p[i].c += turns
		for p[i].c-p[i-1].c < -cycle/2 {
			p[i].c += cycle
			turns += cycle
		}
		for turns > 0 && p[i].c-p[i-1].c > cycle/2 {
			p[i].c -= cycle
			turns -= cycle
		}
	}
}

// lines finds the rate at which the fewest stretches hold the most readings. Jumps do not move it, as they would a slope.
func lines(p []point, guess float64) ([]stretch, float64) {
	var best []stretch
	rate, most := guess, math.Inf(-1)
	try := func(r, bonus float64) {
		s := merge(split(moving(p, r), r), r)
		n := bonus - 4*float64(len(s))
		for _, x := range s {
			n += float64(len(x.p))
		}
		if n > most {
			best, rate, most = s, r, n
		}
	}
	try(1, 0.2*float64(len(p))) // recorders do run evenly: another rate must explain much more
	if len(best) > 1 || most < 0.9*float64(len(p)) {
		try(guess, 0)
		for i := -24; i <= 24; i++ {
			try(guess*(1+0.005*float64(i)), 0)
		}
	}
	return best, rate
}

// stretch is the points of a segment.
type stretch struct{ p []point }

// fits says whether a point lies on the line with the latest points of a stretch.
func (s *stretch) fits(q point, rate float64) bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := len(s.p) - 1; i >= 0; i-- {
		if x := s.p[i]; len(s.p)-i <= 8 || q.t-x.t <= recent {
			d := x.c - rate*x.t
			lo, hi = min(lo, d), max(hi, d)
			continue
		}
		break
	}
	d := q.c - rate*q.t
	return max(hi, d)-min(lo, d) <= window
}

// split puts points into stretches. What does not fit the running one waits until three of its kind have come.
func split(points []point, rate float64) []stretch {
	var out []stretch
	var cur stretch
	var waiting []point
	for _, q := range points {
		if len(cur.p) > 0 && cur.fits(q, rate) {
			cur.p = append(cur.p, q)
			waiting = waiting[:0]
			continue
		}
		// Of those that wait, only a tail that agrees with the new one can begin a line.
		waiting = append(waiting, q)
		for len(waiting) > 1 {
			s := stretch{waiting[:len(waiting)-1]}
			if s.fits(q, rate) {
				break
			}
			waiting = waiting[1:]
		}
		if len(waiting) >= least {
			if len(cur.p) >= least {
				out = append(out, cur)
			}
			cur = stretch{slices.Clone(waiting)}
			waiting = waiting[:0]
		}
	}
	if len(cur.p) >= least {
		out = append(out, cur)
	}
	return out
}

// moving leaves out readings in which the clock stands still: the same second for longer than a second lasts.
func moving(p []point, rate float64) []point {
	var out []point
	for i := 0; i < len(p); {
		j := i
		for j+1 < len(p) && p[j+1].c == p[i].c {
			j++
		}
		if p[j].t-p[i].t < 1.3/rate+0.4 {
			out = append(out, p[i:j+1]...)
		} else {
			out = append(out, p[i])
		}
		i = j + 1
	}
	return out
}

// merge joins neighbours on one line: less than a second cannot be told from what the clock hides.
func merge(s []stretch, rate float64) []stretch {
	var out []stretch
	for _, x := range s {
		if n := len(out); n > 0 && math.Abs(middle(x.p[:min(len(x.p), 40)], rate)-middle(out[n-1].p[max(0, len(out[n-1].p)-40):], rate)) < 0.95 {
			out[n-1].p = append(out[n-1].p, x.p...)
			continue
		}
		out = append(out, x)
	}
	return out
}

// middle is how far a clock is ahead of the recording, between the least and the most of what it shows.
func middle(p []point, rate float64) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range p {
		lo, hi = min(lo, x.c-rate*x.t), max(hi, x.c-rate*x.t)
	}
	return (lo + hi) / 2
}

// refine measures the rate over all stretches, each with a beginning of its own.
func refine(s []stretch, rate float64) (measured, deviation float64) {
	var sxx, sxy, n float64
	for _, x := range s {
		var mt, mc float64
		for _, p := range x.p {
			mt, mc = mt+p.t, mc+p.c
		}
		k := float64(len(x.p))
		mt, mc = mt/k, mc/k
		for _, p := range x.p {
			sxx += (p.t - mt) * (p.t - mt)
			sxy += (p.t - mt) * (p.c - mc)
		}
		n += k
	}
	if sxx == 0 {
		return rate, 1
	}
	// A clock of whole seconds is off by up to one, evenly: a deviation of √(1/12).
	deviation = 0.29 / math.Sqrt(sxx)
	measured = sxy / sxx
	if math.Abs(measured-1) < 3*deviation || math.Abs(measured-1) < 0.0005 {
		measured = 1
	}
	return measured, deviation
}

// line is the segment of a stretch.
func (s *stretch) line(rate float64) Segment {
	var sum float64
	for _, p := range s.p {
		sum += p.c - rate*p.t
	}
	// It shows whole seconds, cut off: the middle of what it hides is half a second.
	return Segment{From: s.p[0].t, To: s.p[len(s.p)-1].t, Start: sum/float64(len(s.p)) + 0.5, Rate: rate, N: len(s.p)}
}

// agree takes for each sample the option that lies on the line, or else keeps what it was taken for.
func (r *Run) agree(samples []Sample, points []point, cycle float64) {
	for _, p := range points {
		r.Readings[p.i].Clock = int(p.c)
	}
	for i, s := range samples {
		for k, g := range r.Segments {
			// A moment between two segments may belong to either.
			if k > 0 && s.At <= r.Segments[k-1].To || k < len(r.Segments)-1 && s.At >= r.Segments[k+1].From {
				continue
			}
			want := g.Start + g.Rate*s.At
			for _, o := range s.Options {
				c := float64(o) + cycle*math.Round((want-0.5-float64(o))/cycle)
				if want >= c-0.3 && want <= c+1.3 {
					r.Readings[i].Clock, r.Readings[i].OK = int(c), true
				}
			}
		}
	}
}

// jumps lists what lies between segments, and stretches in which the clock stands still.
func (r *Run) jumps(points []point) {
	for k := 1; k < len(r.Segments); k++ {
		a, b := r.Segments[k-1], r.Segments[k]
		j := Jump{From: a.To, To: b.From, By: b.Start - a.Start, Confirmed: true}
		j.Before, j.After = a.Start+a.Rate*a.To, b.Start+b.Rate*b.From
		if j.Kind = JumpBack; j.By > 0 {
			j.Kind = JumpMissing
		}
		if from, to, still := standstill(points, a.To, b.From); still && j.By < 0 && math.Abs(to-from+j.By) < 3 {
			j.Kind = JumpFreeze
			for i := range r.Readings {
				if v := &r.Readings[i]; v.At >= from && v.At <= to && v.Clock >= 0 {
					v.OK = true
				}
			}
		}
		j.Digit = oneDigit(j.By) && j.Kind != JumpFreeze
		j.Confirmed = !j.Digit
		r.Jumps = append(r.Jumps, j)
	}
	// A digit misread for a while leads away from the line and back to it.
	for k := 1; k < len(r.Jumps); k++ {
		a, b := &r.Jumps[k-1], &r.Jumps[k]
		if math.Abs(a.By+b.By) < 0.7 && b.From-a.To < 120 && a.Kind != JumpFreeze && b.Kind != JumpFreeze && (a.Digit || b.Digit) {
			a.Digit, b.Digit, a.Confirmed, b.Confirmed = true, true, false, false
		}
	}
}

// standstill finds the longest run of equal readings between two moments.
func standstill(p []point, from, to float64) (a, b float64, ok bool) {
	for i := range p {
		if p[i].t < from-0.01 || p[i].t > to+0.01 {
			continue
		}
		j := i
		for j+1 < len(p) && p[j+1].c == p[i].c && p[j+1].t <= to+0.01 {
			j++
		}
		if p[j].t-p[i].t > b-a {
			a, b = p[i].t, p[j].t
		}
	}
	return a, b, b-a >= 1.7
}

// oneDigit says whether one misread digit can make a clock leap so: a tens digit of the seconds, a digit of the minutes or of the
// hours. The units of the seconds tick, so that nobody misreads them all alike.
func oneDigit(by float64) bool {
	by = math.Abs(by)
	for _, unit := range []struct {
		length float64
		most   int
	}{{10, 5}, {60, 9}, {600, 5}, {3600, 9}, {36000, 2}} {
		n := math.Round(by / unit.length)
		if n >= 1 && int(n) <= unit.most && math.Abs(by-n*unit.length) < 0.7 {
			return true
		}
	}
	return false
}

// Confirm holds a jump against other ways of reading the same moments: each of them gives what it read before and after the jump.
// Two that agree with both sides confirm it.
func (r *Run) Confirm(k int, others [][]Sample) {
	j := &r.Jumps[k]
	if !j.Digit || k+1 >= len(r.Segments) {
		return
	}
	a, b := r.Segments[k], r.Segments[k+1]
	cycle := float64(day)
	if r.Twelve {
		cycle /= 2
	}
	holds := 0
	for _, samples := range others {
		before, after := 0, 0
		for _, s := range samples {
			on := func(g Segment) int {
				want := g.Start + g.Rate*s.At
				for _, o := range s.Options {
					c := float64(o) + cycle*math.Round((want-0.5-float64(o))/cycle)
					if want >= c-0.3 && want <= c+1.3 {
						return 1
					}
				}
				return 0
			}
			if s.At <= a.To {
				before += on(a)
			} else if s.At >= b.From {
				after += on(b)
			}
		}
		if before >= 2 && after >= 2 {
			holds++
		}
	}
	j.Confirmed = holds >= 2
}

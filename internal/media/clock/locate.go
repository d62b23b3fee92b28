package clock

import (
	"math"
	"slices"
)

// Frames for Locate: how many a second, how many lines at most, and how long a stretch is looked at.
const (
	LocateRate  = 4
	LocateLines = 576
	LocateFor   = 16 // seconds
)

// Box is a place in a picture in pixels; X1 and Y1 lie outside it.
type Box struct {
	X0, Y0, X1, Y1 int
	// Score is how much of the changes in the box falls into one phase of the second, 0 to 1.
	Score float64
	// Period is the length of the second on this clock in seconds of the recording: below 1 if the recording was sped up.
	Period float64
	area   int
}

const (
	flip     = 50   // least change of brightness of a pixel that is written over
	leastDot = 5    // pixels, least height of a digit
	accepted = 0.75 // least Score
	boxes    = 6    // most boxes that are given
)

// Locate finds places that change as the last digit of the seconds of a clock does, the likeliest first. frames are grey
// pictures of w × h at LocateRate a second; fewer than six seconds of them give nothing.
//
// A person who walks by changes pixels at every phase of the second, a digit at one.
func Locate(frames [][]byte, w, h int) []Box {
	n := len(frames) - 1
	if n < 6*LocateRate || w < 16 || h < 16 {
		return nil
	}
	for _, f := range frames {
		if len(f) != w*h {
			return nil
		}
	}
	count := make([]uint16, w*h)
	for i := range n {
		a, b := frames[i], frames[i+1][:len(frames[i])]
		for p, v := range a {
			if d := int(v) - int(b[p]); d > flip || d < -flip {
				count[p]++
			}
		}
	}
	seconds := float64(n) / LocateRate
	lo, hi := uint16(max(2, seconds*0.25)), uint16(seconds*1.3)
	seen := make([]bool, w*h)
	gap := max(2, h/220)
	var found []Box
	var stack []int
	for p := range count {
		if seen[p] || count[p] < lo || count[p] > hi {
			continue
		}
		b := Box{X0: w, Y0: h}
		stack = append(stack[:0], p)
		seen[p] = true
		for len(stack) > 0 {
			q := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			x, y := q%w, q/w
			b.area++
			b.X0, b.X1, b.Y0, b.Y1 = min(b.X0, x), max(b.X1, x+1), min(b.Y0, y), max(b.Y1, y+1)
			for yy := max(0, y-gap); yy <= min(h-1, y+gap); yy++ {
				for xx := max(0, x-gap); xx <= min(w-1, x+gap); xx++ {
					if r := yy*w + xx; !seen[r] && count[r] >= lo && count[r] <= hi {
						seen[r] = true
						stack = append(stack, r)
					}
				}
			}
		}
		high, wide := float64(b.Y1-b.Y0), float64(b.X1-b.X0)
		if high < max(leastDot, 0.014*float64(h)) || high > 0.12*float64(h) || wide > 1.5*high || wide < 0.2*high {
			continue
		}
		b.phase(frames, w)
		if b.Score > accepted {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b Box) int {
		x, y := a.Score*math.Sqrt(float64(a.area)), b.Score*math.Sqrt(float64(b.area))
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	// What is far behind the likeliest is noise.
	weight := func(b Box) float64 { return b.Score * math.Sqrt(float64(b.area)) }
	for i, b := range found {
		if i == boxes || weight(b) < 0.3*weight(found[0]) {
			return found[:i]
		}
	}
	return found
}

// phase finds the period at which the changes of the box fall together best. Recordings that were sped up or slowed down have
// others than one second.
func (b *Box) phase(frames [][]byte, w int) {
	n := len(frames) - 1
	events, total := make([]float64, n), 0.0
	for i := range n {
		for y := b.Y0; y < b.Y1; y++ {
			for x := b.X0; x < b.X1; x++ {
				if d := int(frames[i][y*w+x]) - int(frames[i+1][y*w+x]); d > flip || d < -flip {
					events[i]++
				}
			}
		}
		total += events[i]
	}
	if total == 0 {
		return
	}
	for step := range 101 {
		period := 0.8 + 0.005*float64(step)
		var phases [LocateRate]float64
		for i, e := range events {
			_, f := math.Modf(float64(i) / (period * LocateRate))
			phases[int(f*LocateRate)] += e
		}
		for k := range phases { // a tick may lie between two frames
			s := (phases[k] + phases[(k+1)%LocateRate]/2) / total
			if s > b.Score || s == b.Score && math.Abs(period-1) < math.Abs(b.Period-1) {
				b.Score, b.Period = s, period
			}
		}
	}
}

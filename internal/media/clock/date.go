package clock

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Line is a whole line of writing at one moment of the recording, as it was recognised.
type Line struct {
	At   float64
	Text string
}

// How the order of day and month was decided.
const (
	BySpelling = "spelling" // the year stands in front, or the month in words
	ByValues   = "values"   // only one order gives dates that exist, follow each other and are not in the future
	ByFolder   = "folder"   // other recordings of the same accession
	ByNobody   = "open"     // a person must say
)

// Day is the date of the first day on the clock.
type Day struct {
	Date  time.Time // midnight; zero if none was read
	Order Order
	By    string
	Votes int // lines that say so
	Lines int // lines that say any date
	// Others are the dates that other orders would give.
	Others []Choice
}

// Choice is a date in another order.
type Choice struct {
	Order Order
	Date  time.Time
}

// at is what the clock says at a moment, by the segment nearest to it.
func (r *Run) at(t float64) float64 {
	best := r.Segments[0]
	distance := func(s Segment) float64 { return max(s.From-t, t-s.To, 0) }
	for _, s := range r.Segments[1:] {
		if distance(s) < distance(best) {
			best = s
		}
	}
	return best.Start + best.Rate*t
}

// Halves sets a clock of twelve hours right by the halves of the day in lines, and says whether they agree.
func (r *Run) Halves(lines []Line) bool {
	if !r.Twelve {
		return true
	}
	var votes [2]int // as it is, twelve hours later
	for _, l := range lines {
		h := HalfOf(l.Text)
		if h == NoHalf {
			continue
		}
		c := math.Mod(r.at(l.At), day)
		if c < 0 {
			c += day
		}
		if (c >= day/2) == (h == PM) {
			votes[0]++
		} else {
			votes[1]++
		}
	}
	if votes[0] == votes[1] {
		return false
	}
	if votes[1] > votes[0] {
		for i := range r.Segments {
			r.Segments[i].Start += day / 2
		}
		for i := range r.Jumps {
			r.Jumps[i].Before += day / 2
			r.Jumps[i].After += day / 2
		}
		for i := range r.Readings {
			if r.Readings[i].Clock >= 0 {
				r.Readings[i].Clock += day / 2
			}
		}
	}
	return max(votes[0], votes[1]) >= 3*min(votes[0], votes[1])
}

// Day finds the date of the first day on the clock from whole lines. known is the order of other recordings of the same source,
// or empty; dates after latest are no dates.
func (r *Run) Day(lines []Line, known Order, latest time.Time) Day {
	type key struct {
		order Order
		date  time.Time
	}
	votes, sure := map[key]int{}, map[Order]int{}
	var out Day
	for _, l := range lines {
		spelled := Dates(l.Text)
		passed := int(math.Floor(r.at(l.At) / day))
		seen := map[key]bool{}
		for _, s := range spelled {
			k := key{s.Order, s.Date.AddDate(0, 0, -passed)}
			if k.date.After(latest) || seen[k] {
				continue
			}
			seen[k] = true
			votes[k]++
			if s.Sure {
				sure[s.Order]++
			}
		}
		if len(seen) > 0 {
			out.Lines++
		}
	}
	best := map[Order]key{}
	for k, n := range votes {
		if b, ok := best[k.order]; !ok || n > votes[b] || n == votes[b] && k.date.Before(b.date) {
			best[k.order] = k
		}
	}
	var ranked []key
	for _, k := range best {
		ranked = append(ranked, k)
	}
	slices.SortFunc(ranked, func(a, b key) int {
		return cmp.Or(cmp.Compare(votes[b], votes[a]), cmp.Compare(sure[b.order], sure[a.order]), cmp.Compare(a.order, b.order))
	})
	// One line may be misread; two lines alike are a beginning.
	if len(ranked) == 0 || votes[ranked[0]] < 2 && out.Lines > 1 {
		return out
	}
	top := votes[ranked[0]]
	even := slices.DeleteFunc(slices.Clone(ranked), func(k key) bool { return votes[k]*10 < top*7 })
	pick := even[0]
	switch {
	case sure[pick.order]*2 > votes[pick]:
		out.By = BySpelling
		even = even[:1]
	case len(even) == 1:
		out.By = ByValues
	default:
		out.By = ByNobody
		for _, k := range even {
			if k.order == known {
				pick, out.By = k, ByFolder
			}
		}
	}
	out.Date, out.Order, out.Votes = pick.date, pick.order, votes[pick]
	for _, k := range even {
		if k != pick && !k.date.Equal(pick.date) {
			out.Others = append(out.Others, Choice{k.order, k.date})
		}
	}
	if len(out.Others) == 0 && out.By == ByNobody {
		out.By = ByValues // both orders say the same day
	}
	return out
}

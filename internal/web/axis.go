package web

import (
	"math"
	"slices"
	"strconv"
	"time"

	"zapis/internal/web/locale"
	"zapis/internal/web/template"
)

// axis puts moments on a line of units.
type axis struct {
	from, to time.Time
	left     float64 // where from lies
	width    float64
}

func (a axis) x(t time.Time) float64 {
	if !a.to.After(a.from) {
		return a.left
	}
	f := float64(t.Sub(a.from)) / float64(a.to.Sub(a.from))
	return round1(a.left + max(0, min(1, f))*a.width)
}

// bar gives where a stretch begins and how wide it is: at least a unit and a half, so that it can be seen.
func (a axis) bar(from, to time.Time) (x, w float64) {
	x = a.x(from)
	return x, max(1.5, round1(a.x(to)-x))
}

func round1(f float64) float64 { return math.Round(f*10) / 10 }

// years gives marks for years, or for months where there are few of them.
func (a axis) years(words *locale.Catalogue) (out []template.Tick) {
	defer func() {
		// Words at the very end would be cut off.
		out = slices.DeleteFunc(out, func(t template.Tick) bool { return t.X > a.left+a.width-32 })
	}()
	span := a.to.Year() - a.from.Year() + 1
	step := 1
	for span/step > 14 {
		step *= map[bool]int{true: 2, false: 5}[step%5 != 0 || step == 1]
		if step > 1000 {
			break
		}
	}
	if span <= 2 {
		for t := time.Date(a.from.Year(), a.from.Month(), 1, 0, 0, 0, 0, time.UTC); !t.After(a.to); t = t.AddDate(0, 1, 0) {
			if t.Before(a.from) || span == 2 && t.Month()%3 != 1 {
				continue
			}
			name, err := words.T("cat.month." + strconv.Itoa(int(t.Month())))
			if err != nil {
				name = t.Format("01")
			}
			if t.Month() == time.January || len(out) == 0 {
				name += " " + strconv.Itoa(t.Year())
			}
			out = append(out, template.Tick{X: a.x(t), Label: name})
		}
		return out
	}
	for y := (a.from.Year() + step - 1) / step * step; y <= a.to.Year(); y += step {
		t := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
		if !t.Before(a.from) {
			out = append(out, template.Tick{X: a.x(t), Label: strconv.Itoa(y)})
		}
	}
	return out
}

// clock gives marks for a stretch of hours or minutes.
func (a axis) clock() (out []template.Tick) {
	span := a.to.Sub(a.from)
	for _, step := range []time.Duration{
		time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour,
	} {
		if span/step > 9 {
			continue
		}
		layout := "15:04:05"
		switch {
		case step >= 24*time.Hour:
			layout = time.DateOnly
		case step >= time.Minute:
			layout = "15:04"
		}
		for t := a.from.Truncate(step); !t.After(a.to); t = t.Add(step) {
			if !t.Before(a.from) {
				out = append(out, template.Tick{X: a.x(t), Label: t.UTC().Format(layout)})
			}
		}
		return out
	}
	return nil
}

// padded widens a stretch so that nothing lies on its edge.
func padded(from, to time.Time, least time.Duration) (time.Time, time.Time) {
	pad := max(to.Sub(from)/25, least)
	return from.Add(-pad), to.Add(pad)
}

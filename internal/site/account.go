package site

import (
	"fmt"
	"html/template"
	"slices"
	"sort"
	"strings"
	"time"
)

// total is one of the figures at the head of the page of accountability, with how it grew.
type total struct {
	Key  string
	N    int
	Line template.HTML
}

// lanes are the rows of the figure, from the top.
var lanes = []string{"release", "press", "answer", "case", "dismissal", "law"}

// mostUnits is how many marks a lane of the figure may have; a mark stands for a month, a quarter or a year.
const mostUnits = 48

// mostRows is how many things that followed are in the table of the page; the CSV file has all.
const mostRows = 40

// dates gives the days of a lane, in order.
func (s *site) dates(lane string) []string {
	var out []string
	for _, h := range s.all {
		if lane == "release" {
			out = append(out, h.Release.FirstPublished[:10])
			continue
		}
		for _, f := range h.Release.Followed {
			if f.Kind == lane {
				out = append(out, f.Date)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (s *site) totals() []total {
	clips := 0
	for _, h := range s.all {
		if !h.Gone() {
			clips++
		}
	}
	out := []total{{Key: "clips", N: clips, Line: stepLine(s.dates("release"))}}
	for _, lane := range []string{"press", "answer", "case", "dismissal", "law"} {
		d := s.dates(lane)
		out = append(out, total{Key: lane, N: len(d), Line: stepLine(d)})
	}
	return out
}

func day(s string) int {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0
	}
	return int(t.Unix() / 86400)
}

// stepLine draws how a number grew, in at most 30 steps.
func stepLine(days []string) template.HTML {
	if len(days) < 2 {
		return ""
	}
	const width, height, steps = 180, 27, 30
	first, last := day(days[0]), day(days[len(days)-1])
	if last == first {
		return ""
	}
	var b strings.Builder
	b.WriteString("M0 28")
	n, at := 0, 0
	for i := range steps {
		until := first + (last-first)*(i+1)/steps
		for n < len(days) && day(days[n]) <= until {
			n++
		}
		if y := height - n*(height-3)/len(days); y != at || i == 0 {
			fmt.Fprintf(&b, "H%dV%d", i*width/steps, y+1)
			at = y
		}
	}
	fmt.Fprintf(&b, "H%d", width)
	line := b.String()
	return template.HTML(`<svg class="grow" viewBox="0 0 180 30" preserveAspectRatio="none" aria-hidden="true"><path class="a" d="` + line + `V30H0Z"/><path class="l" d="` + line + `"/></svg>`) // #nosec: numbers
}

// row is a line of the table of what followed.
type row struct {
	Followed
	Slug, Title string
}

// silence is a place without an answer.
type silence struct {
	Name Words
	File string
	N    int
	Days int
}

func (s *site) accountData(v *view) any {
	var rows []row
	for _, h := range s.all {
		if h.Gone() {
			continue
		}
		t, _ := h.text(v.Lang)
		for _, f := range h.Release.Followed {
			rows = append(rows, row{f, h.Release.Slug, t.Title})
		}
	}
	all := len(rows)
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Date > rows[j].Date })
	rows = rows[:min(len(rows), mostRows)]
	silent := s.silent()
	longest := 1
	for _, q := range silent {
		longest = max(longest, q.Days)
	}
	return map[string]any{"Totals": s.totals(), "Figure": s.figure(v.t), "AsOf": s.day, "Rows": rows, "All": all, "Silent": silent, "Longest": longest}
}

// silent lists places of which no release has had an answer, with the days since the first one, the longest first, ten at most.
func (s *site) silent() []silence {
	at, heard := map[string]*silence{}, map[string]bool{}
	var keys []string
	for _, h := range s.all {
		if h.Gone() {
			continue
		}
		key := h.placeKey()
		heard[key] = heard[key] || h.Answered()
		q, ok := at[key]
		if !ok {
			q = &silence{Name: h.where()}
			if key != "" {
				q.File = "releases-place-" + key + ".html"
			}
			at[key] = q
			keys = append(keys, key)
		}
		q.N++
		q.Days = max(q.Days, day(s.day)-day(h.Release.FirstPublished[:10]))
	}
	var out []silence
	for _, k := range keys {
		if !heard[k] {
			out = append(out, *at[k])
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Days > out[j].Days })
	return out[:min(len(out), 10)]
}

// figure draws the lanes: one mark to a month, a quarter or a year, as large as what happened in it, from the first thing that happened to the
// day of the build. A table beside it says the same. Time runs in the direction of the language.
func (s *site) figure(t *table) template.HTML {
	now, err := time.Parse(time.DateOnly, s.day)
	if err != nil || len(s.all) == 0 {
		return ""
	}
	month := func(d string) int {
		x, err := time.Parse(time.DateOnly, d)
		if err != nil {
			return 0
		}
		return x.Year()*12 + int(x.Month()) - 1
	}
	last := now.Year()*12 + int(now.Month()) - 1
	oldest := last
	for _, lane := range lanes {
		if d := s.dates(lane); len(d) > 0 {
			oldest = min(oldest, month(d[0]))
		}
	}
	unit := 1
	for _, u := range []int{3, 12} {
		if (last-oldest)/unit >= mostUnits {
			unit = u
		}
	}
	last /= unit
	first := min(max(oldest/unit, last-mostUnits+1), last-5)
	counts := map[string]map[int]int{}
	for _, lane := range lanes {
		counts[lane] = map[int]int{}
		for _, d := range s.dates(lane) {
			if m := month(d) / unit; m >= first && m <= last {
				counts[lane][m]++
			}
		}
	}
	const left, right, top, lane = 150, 1090, 34, 64
	step := float64(right-left) / float64(last-first+1)
	rtl := direction(t.lang) == "rtl"
	x := func(m int) int {
		at := left + int(step*(float64(m-first)+0.5))
		if rtl {
			at = 1100 - at
		}
		return at
	}
	anchor, labels := "start", 0
	if rtl {
		anchor, labels = "start", 1100 // start is on the right where writing begins there
	}
	high := top + lane*len(lanes)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 1100 %d" role="img" aria-label="%s">`, high+6, template.HTMLEscapeString(t.text("acc.figure")))
	for m := first; m <= last; m++ {
		year := m * unit / 12
		if m*unit%12 == 0 || m == first && (first+4)*unit/12 == year {
			fmt.Fprintf(&b, `<path class="g" d="M%d 22V%d"/><text x="%d" y="14" text-anchor="middle">%d</text>`, x(m)-sign(rtl)*int(step/2), high, x(m), year)
		}
	}
	for i, name := range lanes {
		y := top + lane*i
		fmt.Fprintf(&b, `<path class="g" d="M0 %dH1100"/><text class="n" x="%d" y="%d" text-anchor="%s">%s</text>`, y+lane, labels, y+lane/2+5, anchor, template.HTMLEscapeString(t.text("acc.lane."+name)))
		most := 1
		for _, n := range counts[name] {
			most = max(most, n)
		}
		for m := first; m <= last; m++ {
			if n := counts[name][m]; n > 0 {
				mark(&b, name, x(m), y+lane/2, n, most, step)
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // #nosec: numbers, and words that are escaped
}

func sign(rtl bool) int {
	if rtl {
		return -1
	}
	return 1
}

// mark draws what happened in a month. Each lane has its own shape, so that colour is not needed.
func mark(b *strings.Builder, lane string, x, y, n, most int, step float64) {
	r := min(4+7*n/most, 11)
	switch lane {
	case "release":
		fmt.Fprintf(b, `<circle class="p" cx="%d" cy="%d" r="%d"/>`, x, y, r)
	case "press":
		w := max(3, min(18, int(step)-3))
		h := 6 + 38*n/most
		fmt.Fprintf(b, `<rect class="b" x="%d" y="%d" width="%d" height="%d"/>`, x-w/2, y+28-h, w, h)
	case "answer":
		fmt.Fprintf(b, `<path class="q" d="m%d %d 8 8-8 8-8-8z"/>`, x, y-8)
	case "case":
		fmt.Fprintf(b, `<circle class="c" cx="%d" cy="%d" r="6"/>`, x, y)
	case "dismissal":
		fmt.Fprintf(b, `<rect class="d" x="%d" y="%d" width="14" height="14" rx="3"/>`, x-7, y-7)
	case "law":
		fmt.Fprintf(b, `<path class="w" d="M%d %dv22"/><circle class="v" cx="%d" cy="%d" r="4"/>`, x, y-8, x, y-10)
	}
	if n > 1 && lane != "press" {
		fmt.Fprintf(b, `<text class="k" x="%d" y="%d" text-anchor="middle">%d</text>`, x, y+26, n)
	}
}

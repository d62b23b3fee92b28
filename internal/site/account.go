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

// mostRows is how many things that followed are in the table of the page; the CSV file has all. mostCases is how many cases and how many promises are
// on it; they have pages of their own.
const (
	mostRows  = 24
	mostCases = 8
)

// dates gives the days of a lane, in order.
func (s *site) dates(lane string) []string {
	var out []string
	for _, h := range s.all {
		if lane == "release" {
			out = append(out, h.Release.FirstPublished[:10])
			continue
		}
		if h.Gone() {
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
		if lane == "case" && len(s.outcomes.Cases) > 0 { // these are cases, the others are news about cases
			d = d[:0]
			for _, c := range s.outcomes.Cases {
				d = append(d, c.Stages[0].Date)
			}
			slices.Sort(d)
		}
		out = append(out, total{Key: lane, N: len(d), Line: stepLine(d)})
		if lane == "case" {
			if n := s.sentenced(); n > 0 {
				out = append(out, total{Key: "sentenced", N: n})
			}
		}
	}
	if n := len(s.outcomes.Promises); n > 0 {
		var d []string
		for _, p := range s.outcomes.Promises {
			d = append(d, p.Date)
		}
		slices.Sort(d)
		out = append(out, total{Key: "promise", N: n, Line: stepLine(d)})
	}
	return out
}

// sentenced counts the people of each case whose sentence stands, as the last sentence says it.
func (s *site) sentenced() int {
	n := int64(0)
	for _, c := range s.outcomes.Cases {
		stands := int64(0)
		for _, x := range c.Stages {
			switch x.Stage {
			case "sentenced":
				stands = x.People
			case "reversed", "acquitted":
				stands = 0
			}
		}
		n += stands
	}
	return int(n)
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
	Slug, Title, Lang string
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
		t, lang := h.text(v.Lang)
		for _, f := range h.Release.Followed {
			rows = append(rows, row{f, h.Release.Slug, t.Title, lang})
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
	return map[string]any{"Totals": s.totals(), "Figure": s.figure(v), "AsOf": s.day, "Rows": rows, "All": all, "Silent": silent, "Longest": longest, "Checked": s.outcomes.Checked,
		"Cases": s.outcomes.Cases[:min(len(s.outcomes.Cases), mostCases)], "Promises": s.outcomes.Promises[:min(len(s.outcomes.Promises), mostCases)]}
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
		heard[key] = heard[key] || s.answered(h)
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

// Sizes of the figure in its units; its lanes lie below each other.
const (
	figureWidth = 1100
	figureLeft  = 150
	figureRight = 1090
	figureTop   = 34
	laneHeight  = 64
	caseHeight  = 24
)

// timeline puts days on the figure. Time runs in the direction of the language. A mark stands for a month, a quarter or a year.
type timeline struct {
	unit, first, last int // months to a mark; the first and the last mark, counted from the year 0
	step              float64
	rtl               bool
}

// months counts months from the year 0, with the part of the month that is over.
func months(d string) float64 {
	x, err := time.Parse(time.DateOnly, d)
	if err != nil {
		return 0
	}
	return float64(x.Year()*12+int(x.Month())-1) + float64(x.Day()-1)/31
}

func (l timeline) of(d string) int { return int(months(d)) / l.unit }

// x is where the middle of a mark lies, at where a day lies.
func (l timeline) x(m int) int { return l.turn(figureLeft + l.step*(float64(m-l.first)+0.5)) }
func (l timeline) at(d string) int {
	return l.turn(min(figureRight, max(figureLeft, figureLeft+l.step*(months(d)/float64(l.unit)-float64(l.first)))))
}

func (l timeline) turn(x float64) int {
	if l.rtl {
		return figureWidth - int(x)
	}
	return int(x)
}

func (s *site) timeline(rtl bool) timeline {
	l := timeline{unit: 1, rtl: rtl}
	last, oldest := int(months(s.day)), int(months(s.day))
	begin := func(d string) { oldest = min(oldest, int(months(d))) }
	for _, lane := range lanes {
		if d := s.dates(lane); len(d) > 0 {
			begin(d[0])
		}
	}
	for _, c := range s.outcomes.Cases {
		begin(c.Stages[0].Date)
	}
	for _, p := range s.outcomes.Promises {
		begin(p.Date)
	}
	for _, u := range []int{3, 12} {
		if (last-oldest)/l.unit >= mostUnits {
			l.unit = u
		}
	}
	l.last = last / l.unit
	l.first = min(max(oldest/l.unit, l.last-mostUnits+1), l.last-5)
	l.step = float64(figureRight-figureLeft) / float64(l.last-l.first+1)
	return l
}

// figure draws the lanes: marks as large as what happened in their time, from the first thing that happened to the day of the build, and a line for
// each of the cases that changed last. Tables beside it say the same.
func (s *site) figure(v *view) template.HTML {
	if _, err := time.Parse(time.DateOnly, s.day); err != nil || len(s.all) == 0 {
		return ""
	}
	t, l := v.t, s.timeline(direction(v.Lang) == "rtl")
	labels := 0
	if l.rtl {
		labels = figureWidth // the start of writing is on the right
	}
	rows := s.caseRows(l)
	tops, high := make([]int, len(lanes)), figureTop
	for i, name := range lanes {
		tops[i] = high
		high += laneHeight
		if name == "case" && len(rows) > 2 {
			high += caseHeight * (len(rows) - 2)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, figureWidth, high+6, template.HTMLEscapeString(t.text("acc.figure")))
	for m := l.first; m <= l.last; m++ {
		year := m * l.unit / 12
		if m*l.unit%12 == 0 || m == l.first && (l.first+4)*l.unit/12 == year {
			fmt.Fprintf(&b, `<path class="g" d="M%d 22V%d"/><text x="%d" y="14" text-anchor="middle">%d</text>`, x0(l, m), high, l.x(m), year)
		}
	}
	for i, name := range lanes {
		y, end := tops[i], high
		if i+1 < len(tops) {
			end = tops[i+1]
		}
		fmt.Fprintf(&b, `<path class="g" d="M0 %dH%d"/><text class="n" x="%d" y="%d" text-anchor="start">%s</text>`, end, figureWidth, labels, y+laneHeight/2+5, template.HTMLEscapeString(t.text("acc.lane."+name)))
		if name == "case" && len(rows) > 0 {
			s.drawCases(&b, v, l, rows, y)
			continue
		}
		counts, most := map[int]int{}, 1
		for _, d := range s.dates(name) {
			if m := l.of(d); m >= l.first && m <= l.last {
				counts[m]++
				most = max(most, counts[m])
			}
		}
		for m := l.first; m <= l.last; m++ {
			if n := counts[m]; n > 0 {
				drawMark(&b, name, l.x(m), y+laneHeight/2, n, most, l.step)
			}
		}
		if name == "answer" {
			for _, p := range s.outcomes.Promises {
				if m := l.of(p.Date); m >= l.first && m <= l.last {
					drawPromise(&b, p, l.at(p.Date), y+16)
				}
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // #nosec: numbers, and words that are escaped
}

// x0 is the edge of a mark at which it begins.
func x0(l timeline, m int) int { return l.turn(figureLeft + l.step*float64(m-l.first)) }

// caseLine is a case on the figure, from its first step to its last, or to the day of the build while it is open.
type caseLine struct {
	Case
	from, to, text int // where it begins and ends, and where its label ends
}

// caseRows puts the cases that changed last into rows in which they do not meet.
func (s *site) caseRows(l timeline) [][]caseLine {
	list := slices.Clone(s.outcomes.Cases[:min(len(s.outcomes.Cases), mostCases)])
	sort.SliceStable(list, func(i, j int) bool { return list[i].Stages[0].Date < list[j].Stages[0].Date })
	var rows [][]caseLine
	for _, c := range list {
		until := c.Current().Date
		if runsOn(c) {
			until = s.day
		}
		x := caseLine{Case: c, from: l.at(c.Stages[0].Date), to: l.at(until)}
		x.text = max(abs(x.to-x.from), 260)
		i := slices.IndexFunc(rows, func(r []caseLine) bool { last := r[len(r)-1]; return abs(x.from-last.from) > last.text+14 })
		if i < 0 {
			rows, i = append(rows, nil), len(rows)
		}
		rows[i] = append(rows[i], x)
	}
	return rows
}

// runsOn says whether the line of a case goes on to today: nothing has been decided.
func runsOn(c Case) bool {
	switch c.Current().Stage {
	case "sentenced", "acquitted", "paused":
		return false
	}
	return c.Open()
}

func abs(n int) int { return max(n, -n) }

func (s *site) drawCases(b *strings.Builder, v *view, l timeline, rows [][]caseLine, y int) {
	for i, row := range rows {
		for _, c := range row {
			at := y + 24 + i*caseHeight
			now := c.Current()
			fmt.Fprintf(b, `<path class="o" d="M%d %dH%d"/><circle class="c" cx="%d" cy="%d" r="4"/>`, c.from, at, c.to, c.from, at)
			switch now.Stage {
			case "sentenced", "final":
				fmt.Fprintf(b, `<rect class="e" x="%d" y="%d" width="10" height="10" rx="2"/>`, c.to-5, at-5)
			case "closed", "refused", "acquitted":
				fmt.Fprintf(b, `<path class="z" d="m%d %d 8 8m0-8-8 8"/>`, c.to-4, at-4)
			case "paused":
				fmt.Fprintf(b, `<path class="y" d="M%d %dv10m5-10v10"/>`, c.to-2, at-5)
			default:
				if runsOn(c.Case) {
					side := -6
					if l.rtl {
						side = 6
					}
					fmt.Fprintf(b, `<path class="o" d="m%d %d%+d -4m%+d 4%+d 4"/>`, c.to, at, side, -side, side)
				}
			}
			// Near the end of time the label ends where the line does.
			x, anchor := c.from, "start"
			if (l.rtl && c.from < 270) || (!l.rtl && c.from > figureWidth-270) {
				x, anchor = c.to, "end"
			}
			label := c.Code + " · " + v.T("stage."+now.Stage)
			if now.People > 0 {
				label += v.Comma() + v.N("n.people", now.People)
			}
			fmt.Fprintf(b, `<text class="k" x="%d" y="%d" text-anchor="%s">%s</text>`, x, at-7, anchor, template.HTMLEscapeString(label))
		}
	}
}

func drawPromise(b *strings.Builder, p Promise, x, y int) {
	class, cross := "r", ""
	switch p.State() {
	case "kept":
		class = "k2"
	case "broken", "false":
		cross = fmt.Sprintf(`m-3.500 4.500 7 7m0-7-7 7`)
	}
	fmt.Fprintf(b, `<path class="%s" d="M%d %dl8 8-8 8-8-8z%s"/>`, class, x, y, cross)
}

// drawMark draws what happened in a month. Each lane has its own shape, so that colour is not needed.
func drawMark(b *strings.Builder, lane string, x, y, n, most int, step float64) {
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

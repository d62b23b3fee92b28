package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/machine"
	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// MachineRoom is what the pages ask of the room of findings; *machine.Service. It asks policy itself.
type MachineRoom interface {
	List(ctx context.Context, who policy.Subject, q machine.Query) ([]machine.Suggestion, string, error)
	OfItem(ctx context.Context, who policy.Subject, item string) ([]machine.Suggestion, error)
	Confirm(ctx context.Context, who policy.Subject, id string, d machine.Decision) error
	Dismiss(ctx context.Context, who policy.Subject, id, why string) error
	Undo(ctx context.Context, who policy.Subject, id string) error
	Coverage(ctx context.Context, who policy.Subject, q machine.CoverageQuery) (machine.Coverage, error)
	Numbers(ctx context.Context, who policy.Subject, accession string) (machine.Inventory, error)
}

const clockTime = "15:04:05"

// clockPanel is what the page of an item shows of its clock; nil if none was read.
func (s *Server) clockPanel(r *request, it archive.Item) (*template.ClockPanel, error) {
	if s.o.Machine == nil || it.Kind != archive.KindVideo {
		return nil, nil
	}
	list, err := s.o.Machine.OfItem(r.Context(), r.reader.Subject, it.ID)
	if err != nil {
		return nil, err
	}
	var show *machine.Suggestion
	others := 0
	for i := range list { // newest first; what stands confirmed comes before everything else
		g := &list[i]
		if g.Kind != machine.KindClock || g.Clock == nil {
			continue
		}
		others++
		if show == nil || g.State == archive.Confirmed || show.State == archive.Dismissed && g.State == archive.Suggested {
			show = g
		}
	}
	if show == nil {
		return nil, nil
	}
	v := clockView(*show, it.Duration)
	v.Others = others - 1
	return &v, nil
}

func clockView(g machine.Suggestion, length time.Duration) template.ClockPanel {
	c := g.Clock
	v := template.ClockPanel{
		ID: g.ID, State: string(g.State), MayDecide: g.MayDecide, TimeOfDay: timeOfDay(c.Start), Order: string(c.Order), OrderBy: c.OrderBy, Twelve: c.Twelve,
		Right: c.Right(), Of: len(c.Readings), Score: g.Score, Recipe: fmt.Sprintf("%s %d", g.Recipe, g.RecipeVersion), Tool: g.Tool, DecidedAt: g.DecidedAt, Why: g.Why,
		NeedDay: c.Day == "" || c.OrderBy == machine.OrderOpen,
	}
	v.Start, _ = c.Began(c.Day) // zero without a date
	if c.Day != "" && len(c.Choices) > 0 {
		v.Choices = append(v.Choices, template.ClockChoice{Day: c.Day, Order: string(c.Order), At: v.Start})
		for _, o := range c.Choices {
			if at, err := c.Began(o.Day); err == nil {
				v.Choices = append(v.Choices, template.ClockChoice{Day: o.Day, Order: string(o.Order), At: at})
			}
		}
	}
	// Seconds a day that the clock runs fast or slow.
	v.Drift = int64(math.Round(float64(c.Rate-1_000_000) * 86400 / 1e6))
	v.Even = c.Rate == 1_000_000
	for _, j := range c.Jumps {
		by := time.Duration(j.By) * time.Millisecond
		if by < 0 {
			by = -by
		}
		v.Jumps = append(v.Jumps, template.ClockJump{Kind: j.Kind, At: time.Duration(j.From) * time.Millisecond, By: by.Round(time.Second), Confirmed: j.Confirmed,
			Before: timeOfDay(j.Before), After: timeOfDay(j.After)})
	}
	v.Plot = clockPlot(c, length)
	return v
}

// timeOfDay writes milliseconds since a midnight.
func timeOfDay(ms int64) string {
	return time.UnixMilli(ms).UTC().Format(clockTime)
}

// Where the plot lies in its view box.
const (
	plotLeft, plotRight = 56, 338
	plotTop, plotBottom = 8, 146
)

// clockPlot draws the readings. Paths of dots have no length: their caps are round.
func clockPlot(c *machine.Clock, length time.Duration) template.ClockPlot {
	end := max(length.Milliseconds(), 1)
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for _, x := range c.Readings {
		end = max(end, x[0])
		if x[2] == 1 {
			lo, hi = min(lo, x[1]*1000), max(hi, x[1]*1000)
		}
	}
	if lo > hi {
		return template.ClockPlot{}
	}
	hi = max(hi, lo+1000)
	px := func(t int64) int { return plotLeft + int(int64(plotRight-plotLeft)*t/end) }
	py := func(v int64) int {
		return min(plotBottom, max(plotTop, plotBottom-int(int64(plotBottom-plotTop)*(v-lo)/(hi-lo))))
	}
	var dots, odd, lines, jumps strings.Builder
	apart := max(1, len(c.Readings)/600)
	for i, x := range c.Readings {
		switch {
		case x[2] == 1 && i%apart == 0:
			fmt.Fprintf(&dots, "M%d %dh0", px(x[0]), py(x[1]*1000))
		case x[2] == 0 && x[1] >= 0 && x[1]*1000 >= lo && x[1]*1000 <= hi:
			fmt.Fprintf(&odd, "M%d %dh0", px(x[0]), py(x[1]*1000))
		}
	}
	at := func(s machine.ClockStretch, t int64) int64 { return s.Start + int64(float64(t)*float64(c.Rate)/1e6) }
	for _, s := range c.Segments {
		fmt.Fprintf(&lines, "M%d %dL%d %d", px(s.From), py(at(s, s.From)), px(s.To), py(at(s, s.To)))
	}
	for _, j := range c.Jumps {
		fmt.Fprintf(&jumps, "M%d %dV%d", px((j.From+j.To)/2), plotTop, plotBottom)
	}
	p := template.ClockPlot{Dots: dots.String(), Odd: odd.String(), Lines: lines.String(), Jumps: jumps.String()}
	for i := range int64(4) {
		d := time.Duration(end*i/3) * time.Millisecond
		p.X = append(p.X, template.ClockTick{At: px(end * i / 3), Text: placeText(d)})
		v := lo + (hi-lo)*i/3
		p.Y = append(p.Y, template.ClockTick{At: py(v), Text: timeOfDay(v)})
	}
	return p
}

// placeText writes a place in a recording as the player does.
func placeText(d time.Duration) string {
	n := int64(d.Round(time.Second) / time.Second)
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%02d:%02d", n/60, n%60)
}

// deciding reads the form of a decision, and finds the item of the suggestion to go back to.
func (s *Server) deciding(r *request) (id, item string, err error) {
	if s.o.Machine == nil {
		return "", "", archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return "", "", badForm(err)
	}
	id, item = r.PathValue("suggestion"), r.PostForm.Get("item")
	if archive.CheckID(archive.PrefixSuggestion, id) != nil || archive.CheckID(archive.PrefixItem, item) != nil {
		return "", "", archive.ErrNotFound
	}
	return id, item, nil
}

func (s *Server) decided(w http.ResponseWriter, r *request, item, notice string, err error) error {
	switch {
	case errors.Is(err, archive.ErrConflict):
		return redirect(w, r, "/items/"+item, "clock-late")
	case errors.Is(err, archive.ErrInvalid):
		return redirect(w, r, "/items/"+item, "clock-day")
	case err != nil:
		return err
	}
	return redirect(w, r, "/items/"+item, notice)
}

// suggestionConfirm serves POST /suggestions/{suggestion}/confirm.
func (s *Server) suggestionConfirm(w http.ResponseWriter, r *request) error {
	id, item, err := s.deciding(r)
	if err != nil {
		return err
	}
	d := machine.Decision{Why: strings.TrimSpace(r.PostForm.Get("why")), Day: r.PostForm.Get("day")}
	return s.decided(w, r, item, "clock-confirmed", s.o.Machine.Confirm(r.Context(), r.reader.Subject, id, d))
}

// suggestionDismiss serves POST /suggestions/{suggestion}/dismiss.
func (s *Server) suggestionDismiss(w http.ResponseWriter, r *request) error {
	id, item, err := s.deciding(r)
	if err != nil {
		return err
	}
	return s.decided(w, r, item, "clock-dismissed", s.o.Machine.Dismiss(r.Context(), r.reader.Subject, id, strings.TrimSpace(r.PostForm.Get("why"))))
}

// suggestionUndo serves POST /suggestions/{suggestion}/undo.
func (s *Server) suggestionUndo(w http.ResponseWriter, r *request) error {
	id, item, err := s.deciding(r)
	if err != nil {
		return err
	}
	return s.decided(w, r, item, "clock-undone", s.o.Machine.Undo(r.Context(), r.reader.Subject, id))
}

// findingsPage serves GET /findings?state=…&before=….
func (s *Server) findingsPage(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	v := template.MachineFindings{State: q.Get("state")}
	switch archive.SuggestionState(v.State) {
	case archive.Suggested, archive.Confirmed, archive.Dismissed:
	default:
		v.State = string(archive.Suggested)
	}
	before := q.Get("before")
	if before != "" && archive.CheckID(archive.PrefixSuggestion, before) != nil {
		return archive.ErrNotFound
	}
	if s.o.Machine != nil {
		list, next, err := s.o.Machine.List(r.Context(), r.reader.Subject, machine.Query{State: archive.SuggestionState(v.State), Limit: 50, After: before})
		if err != nil {
			return err
		}
		for _, g := range list {
			f := template.MachineFinding{ID: g.ID, Item: g.Item, Ref: g.Reference, Kind: g.Kind, State: string(g.State), At: g.CreatedAt, Score: g.Score,
				Recipe: fmt.Sprintf("%s %d", g.Recipe, g.RecipeVersion)}
			if c := g.Clock; c != nil {
				f.TimeOfDay, f.Jumps, f.NeedDay = timeOfDay(c.Start), len(c.Jumps), c.Day == "" || c.OrderBy == machine.OrderOpen
				f.Start, _ = c.Began(c.Day)
			}
			v.List = append(v.List, f)
		}
		if next != "" {
			v.Older = "/findings?state=" + v.State + "&before=" + next
		}
	}
	return s.page(w, r, "findings", "coverage", v)
}

// dayWidth is the width of a day in the chart: ten seconds a unit.
const dayWidth = 8640

// coveragePage serves GET /coverage?day=…&accession=….
func (s *Server) coveragePage(w http.ResponseWriter, r *request) error {
	if s.o.Machine == nil {
		return archive.ErrNotFound
	}
	q := r.URL.Query()
	ask := machine.CoverageQuery{}
	v := template.Coverage{Accession: q.Get("accession")}
	status := http.StatusOK
	if d := q.Get("day"); d != "" {
		day, err := time.Parse(time.DateOnly, d)
		if err != nil || day.Year() < 1970 {
			v.Error, status = "day", http.StatusBadRequest
		} else {
			ask.Day = day
		}
	}
	if v.Accession != "" {
		if archive.CheckID(archive.PrefixAccession, v.Accession) != nil {
			return archive.ErrNotFound
		}
		ask.Accessions = []string{v.Accession}
	}
	c, err := s.o.Machine.Coverage(r.Context(), r.reader.Subject, ask)
	if err != nil {
		return err
	}
	v.Truncated, v.Narrow = c.Truncated, c.Narrow
	if !c.First.IsZero() {
		v.DayTime, v.Day, v.First, v.Last = c.Day, c.Day.Format(time.DateOnly), c.First.Format(time.DateOnly), c.Last.Format(time.DateOnly)
		if c.Day.After(c.First) {
			v.Before = c.Day.AddDate(0, 0, -1).Format(time.DateOnly)
		}
		if c.Day.Before(c.Last) {
			v.After = c.Day.AddDate(0, 0, 1).Format(time.DateOnly)
		}
	}
	for h := 0; h <= 24; h += 6 {
		v.Hours = append(v.Hours, template.ClockTick{At: h * 360, Text: fmt.Sprintf("%02d:00", h)})
	}
	for _, cam := range c.Cameras {
		v.Cameras = append(v.Cameras, coverageView(cam, c.Day))
		v.Gaps += len(cam.Gaps)
	}
	inv, err := s.o.Machine.Numbers(r.Context(), r.reader.Subject, v.Accession)
	if err != nil {
		return err
	}
	v.SeriesCut = inv.Truncated
	for _, n := range inv.Series {
		if n.Missing == 0 || len(v.Series) >= 100 {
			continue
		}
		one := template.CoverageSeries{Camera: n.Camera, First: n.First, Last: n.Last, Files: n.Files, Missing: n.Missing, More: n.More}
		for i, g := range n.Gaps {
			if i == 30 {
				one.More += len(n.Gaps) - i
				break
			}
			one.Gaps = append(one.Gaps, template.CoverageNumbers{From: g.From, To: g.To, Before: g.Before, BeforeItem: g.BeforeItem, After: g.After, AfterItem: g.AfterItem})
		}
		v.Series = append(v.Series, one)
	}
	s.draw(w, r, status, "coverage", "coverage", v)
	return nil
}

func coverageView(c machine.Camera, day time.Time) template.CoverageCamera {
	out := template.CoverageCamera{Name: c.Name, Covered: c.Covered}
	place := func(from, to time.Time) (x, w int) {
		x = min(dayWidth, max(0, int(from.Sub(day)/(10*time.Second))))
		end := min(dayWidth, max(0, int((to.Sub(day)+10*time.Second-1)/(10*time.Second))))
		return x, max(1, end-x)
	}
	for _, s := range c.Strips {
		one := template.CoverageStrip{Item: s.Item, Ref: s.Reference, Source: s.Source, From: wallTime(s.From, day), To: wallTime(s.To, day), Length: s.To.Sub(s.From),
			Weak: s.Source == "file-time"}
		one.X, one.W = place(s.From, s.To)
		out.Strips = append(out.Strips, one)
	}
	for _, g := range c.Gaps {
		one := template.CoverageGap{From: wallTime(g.From, day), To: wallTime(g.To, day), Length: g.To.Sub(g.From), Before: g.Before, BeforeItem: g.BeforeItem,
			After: g.After, AfterItem: g.AfterItem, Inside: g.Before != "" && g.Before == g.After}
		one.X, one.W = place(g.From, g.To)
		out.Gaps = append(out.Gaps, one)
	}
	return out
}

// wallTime writes a time of a day; on other days with the distance.
func wallTime(t, day time.Time) string {
	switch d := t.Sub(day); {
	case d == 24*time.Hour:
		return "24:00:00"
	case d < 0:
		return t.Format(clockTime) + " −" + strconv.Itoa(int((-d+24*time.Hour-1)/(24*time.Hour)))
	case d > 24*time.Hour:
		return t.Format(clockTime) + " +" + strconv.Itoa(int(d/(24*time.Hour)))
	}
	return t.Format(clockTime)
}

package web

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/web/template"
)

// Measures of the timeline, in units.
const (
	timeWidth = 1160.0
	timeName  = 320.0
	timeLine  = 22.0
	timeTop   = 26.0
	timeMost  = 300 // rows of a page
	timeRead  = 5000
)

// timelinePage serves GET /timeline?year=2020: incidents and acts by date, uncertain ones as stretches.
func (s *Server) timelinePage(w http.ResponseWriter, r *request) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	type entry struct {
		template.TimelineRow
		from, to time.Time
	}
	var all []entry
	v := template.Timeline{Width: timeWidth}
	years := map[int]bool{}
	after, read := "", 0
	for read < timeRead {
		list, next, total, err := c.List(r.Context(), who, knowledge.Query{Kinds: []archive.EntityKind{catalogue.Incident, catalogue.Act}, Limit: 500, After: after, Lang: lang})
		if err != nil {
			return err
		}
		read += len(list)
		for _, e := range list {
			row := entry{TimelineRow: template.TimelineRow{EntityLink: summaryLink(e), Act: e.Kind == catalogue.Act}}
			for _, x := range e.Values {
				if x.Property == "date" {
					row.Date, row.Certainty = x.Text, string(x.Certainty)
				}
			}
			row.from, row.OpenFrom = bound(row.Date, false)
			row.to, row.OpenTo = bound(row.Date, true)
			if row.OpenFrom && row.OpenTo {
				v.Undated = append(v.Undated, row.EntityLink)
				continue
			}
			if row.OpenFrom {
				row.from = row.to
			}
			if row.OpenTo {
				row.to = row.from
			}
			row.Sure = row.to.Sub(row.from) < 25*time.Hour && !row.OpenFrom && !row.OpenTo
			years[row.from.Year()] = true
			all = append(all, row)
		}
		if next == "" {
			break
		}
		after = next
		v.More = total - read
	}
	slices.SortStableFunc(all, func(a, b entry) int { return a.from.Compare(b.from) })
	year, _ := strconv.Atoi(r.URL.Query().Get("year"))
	if !years[year] {
		year = 0
	}
	var list []int
	for y := range years {
		list = append(list, y)
	}
	slices.Sort(list)
	if len(list) > 1 {
		v.Years = append(v.Years, template.Choice{Value: "/timeline", Chosen: year == 0})
		for _, y := range list {
			v.Years = append(v.Years, template.Choice{Value: "/timeline?year=" + strconv.Itoa(y), Label: strconv.Itoa(y), Chosen: y == year})
		}
	}
	if year != 0 {
		v.Year = strconv.Itoa(year)
		all = slices.DeleteFunc(all, func(e entry) bool { return e.from.Year() > year || e.to.Year() < year })
	}
	if len(all) > timeMost {
		v.More += len(all) - timeMost
		all = all[:timeMost]
	}
	if len(all) > 0 {
		from, to := all[0].from, all[0].to
		for _, e := range all {
			if e.to.After(to) {
				to = e.to
			}
		}
		if year != 0 {
			from, to = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC)
		} else {
			from, to = padded(from, to, 15*24*time.Hour)
		}
		x := axis{from.UTC(), to.UTC(), timeName, timeWidth - timeName - 14}
		v.Ticks = x.years(s.words.For(lang))
		for i, e := range all {
			a, b := e.from, e.to
			if e.OpenFrom {
				a = from
			}
			if e.OpenTo {
				b = to
			}
			e.X, e.W = x.bar(a, b)
			e.Short = shorten(e.Label, 38)
			e.Y = timeTop + float64(i)*timeLine
			v.Rows = append(v.Rows, e.TimelineRow)
		}
		v.Height = timeTop + float64(len(all))*timeLine + 6
	}
	return s.page(w, r, "timeline", "incidents", v)
}

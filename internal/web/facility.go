package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"zapis/internal/knowledge"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// facilityPage serves GET /places/{entity}.
func (s *Server) facilityPage(w http.ResponseWriter, r *request) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	f, err := c.Facility(r.Context(), who, r.PathValue("entity"), lang)
	if err != nil {
		return err
	}
	d := s.describe(r, c)
	v := template.FacilityDesk{EntityHead: d.head(f.View), Agency: summaryLinkOrNil(f.Agency), Locations: d.places(f.Locations)}
	for _, p := range f.Properties {
		shown := d.property(f.View, p)
		if len(shown.Claims)+len(shown.Gone) > 0 || shown.Finding != nil {
			v.Properties = append(v.Properties, shown)
		}
	}
	for _, room := range f.Rooms {
		v.Rooms = append(v.Rooms, summaryLink(room))
	}
	for _, x := range f.Incidents {
		v.Incidents = append(v.Incidents, entityRow(x))
	}
	v.Postings = s.postings(d, f.Postings, lang)
	v.Questions = d.questions(f.Questions, f.MayEdit, v.Href)
	v.Contradictions = d.contradictions(f.Contradictions, f.MayEdit, v.Href)
	if v.Heat, err = s.heat(r, f.Cameras, lang); err != nil {
		return err
	}
	if v.Map, err = s.placesMap(r, f.Locations); err != nil {
		return err
	}
	if f.MayEdit {
		v.AddAbout = additions(f.Kind, f.Code, f.ID)
	}
	return s.page(w, r, "facility", "places", v)
}

// Measures of the coverage strip, in units.
const (
	heatWidth = 1160.0
	heatName  = 170.0
	heatLine  = 26.0
	heatTop   = 26.0
	heatMost  = 240 // months; earlier ones are left out
)

// heat shows how much there is of each camera, month by month, counted from what this reader may see.
func (s *Server) heat(r *request, cameras []knowledge.CameraView, lang string) (template.Heat, error) {
	v := template.Heat{Width: heatWidth}
	type month struct {
		items int64
		hours float64
	}
	counts := make([]map[int]*month, len(cameras)) // by year × 12 + month
	first, last := 0, 0
	for i, cam := range cameras {
		counts[i] = map[int]*month{}
		row := template.HeatRow{Camera: summaryLink(cam.Summary), Labels: cam.Labels, Room: summaryLinkOrNil(cam.Room), Offset: cam.ClockOffset}
		if len(cam.Labels) > 0 {
			days, sum, err := s.o.Reading.Days(r.Context(), r.reader, reading.Query{Cameras: cam.Labels})
			if err != nil {
				return v, err
			}
			row.Items, row.Length = sum.Count, sum.Duration
			for _, day := range days {
				t, err := time.Parse(time.DateOnly, day.Day)
				if err != nil {
					continue
				}
				n := t.Year()*12 + int(t.Month()) - 1
				if counts[i][n] == nil {
					counts[i][n] = &month{}
				}
				counts[i][n].items += day.Count
				counts[i][n].hours += day.Duration.Hours()
				if first == 0 || n < first {
					first = n
				}
				last = max(last, n)
			}
		}
		v.Rows = append(v.Rows, row)
	}
	if last == 0 {
		return v, nil
	}
	first = max(first, last-heatMost+1)
	months := last - first + 1
	v.Cell = round1(min(34, (heatWidth-heatName-10)/float64(months)))
	words := s.words.For(lang)
	name := func(n int) string {
		text, err := words.T("cat.month." + strconv.Itoa(n%12+1))
		if err != nil {
			return strconv.Itoa(n%12 + 1)
		}
		return text + " " + strconv.Itoa(n/12)
	}
	for n := first; n <= last; n++ {
		if n == first || n%12 == 0 && n-first > 1 {
			v.Ticks = append(v.Ticks, template.Tick{X: round1(heatName + float64(n-first)*v.Cell), Label: strconv.Itoa(n / 12)})
		}
	}
	for i := range v.Rows {
		row := &v.Rows[i]
		row.Y = heatTop + float64(i)*heatLine
		seen := 0
		for n := range counts[i] {
			seen = max(seen, n)
		}
		begun := false
		for n := first; n <= last; n++ {
			cell := template.HeatCell{X: round1(heatName + float64(n-first)*v.Cell), Label: name(n)}
			if m := counts[i][n]; m != nil {
				begun = true
				cell.Items, cell.Hours = int(m.items), round1(m.hours)
				cell.Level = level(m.hours, m.items)
				q := url.Values{"camera": row.Labels, "at": {time.Date(n/12, time.Month(n%12+1), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 1, -1).Format(time.DateOnly)}}
				cell.Href = "/archive?" + q.Encode()
			} else if begun && n < seen {
				row.Empty = append(row.Empty, cell.Label)
			}
			row.Cells = append(row.Cells, cell)
		}
	}
	v.Height = heatTop + float64(len(v.Rows))*heatLine + 6
	return v, nil
}

// level is how dark a month is drawn: any at all, and above 10, 50 and 200 hours.
func level(hours float64, items int64) int {
	switch {
	case items == 0:
		return 0
	case hours < 10:
		return 1
	case hours < 50:
		return 2
	case hours < 200:
		return 3
	}
	return 4
}

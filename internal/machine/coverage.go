package machine

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media/clock"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Strip is a stretch of time that an item covers. Times of recorders have no zone: they are kept as if UTC.
type Strip struct {
	Item, Reference string
	From, To        time.Time
	Source          string // where the recording time is known from: "clock", "recorder", "container", "file-time"…
}

// Gap is a stretch of which nothing is held that the reader may see.
type Gap struct {
	From, To time.Time
	// Before and After are the references of the items on both sides; empty where the gap goes beyond the day. They are the same
	// where the gap lies inside one recording, as its confirmed clock says.
	Before, After         string
	BeforeItem, AfterItem string
}

// Camera is what is held of one camera on a day.
type Camera struct {
	Name    string // as the items say; empty: items without one
	Strips  []Strip
	Gaps    []Gap
	Covered time.Duration // of the day, overlaps counted once
}

// Coverage is what is held of a day. It is computed from what the reader may see and from nothing else: what lies outside the
// scope looks like a gap.
type Coverage struct {
	Day         time.Time // midnight
	Cameras     []Camera
	First, Last time.Time // days of the first and the last recording
	Truncated   bool      // there is more than could be looked at
	Narrow      bool      // the reader sees a part of the archive only
}

// CoverageQuery asks for the coverage of a day.
type CoverageQuery struct {
	Day        time.Time // any moment of it; zero: the day of the latest recording
	Cameras    []string
	Accessions []string
	LeastGap   time.Duration // shorter ones are not listed; 0: five seconds
}

const (
	dayLength   = 24 * time.Hour
	leastGap    = 5 * time.Second
	maxStrips   = 20_000
	around      = 31 * dayLength // a camera that recorded within so many days of a day is expected on it
	maxNumbers  = 50_000
	leastSeries = 3
)

// Coverage says what is held of a day by camera, and where there are gaps.
func (s *Service) Coverage(ctx context.Context, who policy.Subject, q CoverageQuery) (Coverage, error) {
	if !policy.Could(who, policy.Browse) {
		return Coverage{}, archive.ErrNotFound
	}
	scope := policy.ScopeOf(who)
	out := Coverage{Narrow: !scope.All || scope.MaxDifficulty >= 0}
	least := q.LeastGap
	if least <= 0 {
		least = leastGap
	}
	sq := store.CoverageQuery{Cameras: q.Cameras, Accessions: q.Accessions}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out.Cameras = nil
		first, last, err := tx.CoverageSpan(ctx, scope, sq)
		if err != nil || first.IsZero() {
			return err
		}
		out.First, out.Last = first.Truncate(dayLength), last.Truncate(dayLength)
		if out.Day = q.Day.UTC().Truncate(dayLength); q.Day.IsZero() {
			out.Day = out.Last
		}
		near, day := sq, sq
		near.From, near.To = out.Day.Add(-around), out.Day.Add(dayLength+around)
		cameras, err := tx.CoveredCameras(ctx, scope, near)
		if err != nil {
			return err
		}
		day.From, day.To = out.Day, out.Day.Add(dayLength)
		covered, err := tx.Coverage(ctx, scope, day, maxStrips+1)
		if err != nil {
			return err
		}
		if out.Truncated = len(covered) > maxStrips; out.Truncated {
			covered = covered[:maxStrips]
		}
		strips, err := s.strips(ctx, tx, scope, covered)
		if err != nil {
			return err
		}
		for _, c := range cameras {
			out.Cameras = append(out.Cameras, onDay(c, strips[c.Camera], out.Day, least))
		}
		return nil
	})
	if err != nil {
		return Coverage{}, fmt.Errorf("coverage: %w", err)
	}
	return out, nil
}

// strips gives the stretches by camera. A recording whose confirmed clock leaps forward covers what its clock says, and not what
// lies between.
func (s *Service) strips(ctx context.Context, tx *store.Tx, scope archive.Scope, covered []store.Covered) (map[string][]Strip, error) {
	var read []string
	for _, c := range covered {
		if c.Source == archive.RecordedByClock {
			read = append(read, c.Item)
		}
	}
	values, err := tx.ConfirmedValues(ctx, scope, clock.Kind, read)
	if err != nil {
		return nil, err
	}
	out := map[string][]Strip{}
	for _, c := range covered {
		one := Strip{Item: c.Item, Reference: archive.Reference(c.AccessionNo, c.ItemNo), From: c.From, To: c.To(), Source: c.Source}
		v, err := clock.Decode(values[c.Item])
		if err != nil {
			out[c.Camera] = append(out[c.Camera], one)
			continue
		}
		out[c.Camera] = append(out[c.Camera], byClock(one, v, c.Duration)...)
	}
	return out, nil
}

// byClock cuts a strip where its clock leaps. Leaps that are not confirmed by a second reading do not count.
func byClock(whole Strip, v clock.Value, length time.Duration) []Strip {
	var out []Strip
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	rate := float64(v.Rate) / 1e6
	from, shift := time.Duration(0), time.Duration(0)
	add := func(to time.Duration) {
		if to <= from {
			return
		}
		s := whole
		s.From = whole.From.Add(time.Duration(float64(from)*rate) + shift)
		s.To = whole.From.Add(time.Duration(float64(to)*rate) + shift)
		out = append(out, s)
	}
	for _, j := range v.Jumps {
		if !j.Confirmed {
			continue
		}
		at := ms((j.From + j.To) / 2)
		add(at)
		from, shift = at, shift+ms(j.By)
		if j.Kind == clock.JumpFreeze { // the clock stood: what was recorded meanwhile has no time of its own
			from = ms(j.To)
		}
	}
	add(length)
	slices.SortFunc(out, func(a, b Strip) int { return a.From.Compare(b.From) })
	return out
}

// onDay lays the strips of a camera on a day.
func onDay(c store.CoveredCamera, strips []Strip, day time.Time, least time.Duration) Camera {
	out := Camera{Name: c.Camera}
	end := day.Add(dayLength)
	slices.SortStableFunc(strips, func(a, b Strip) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Item, b.Item)) })
	upTo, last := day, Strip{}
	gap := func(to time.Time, next Strip) {
		// Before the first and after the last recording of all nothing is missing, as far as anybody knows.
		if to.Sub(upTo) < least || last.Item == "" && !c.First.Before(day) || next.Item == "" && !c.Last.After(end) {
			return
		}
		out.Gaps = append(out.Gaps, Gap{From: upTo, To: to, Before: last.Reference, BeforeItem: last.Item, After: next.Reference, AfterItem: next.Item})
	}
	for _, s := range strips {
		if !s.To.After(day) || !s.From.Before(end) {
			continue
		}
		out.Strips = append(out.Strips, s)
		from, to := s.From, s.To
		if from.Before(day) {
			from = day
		}
		if to.After(end) {
			to = end
		}
		if from.After(upTo) {
			gap(from, s)
		}
		if to.After(upTo) {
			if from.Before(upTo) {
				from = upTo
			}
			out.Covered += to.Sub(from)
			upTo, last = to, s
		}
	}
	if end.After(upTo) {
		gap(end, Strip{})
	}
	return out
}

// DayStrip is how much of each day is covered.
type DayStrip struct {
	Camera string
	From   time.Time       // the first day
	Days   []time.Duration // covered, one for each day
}

// Days says how much of each day from the day of from to the day before to is covered, by camera: for heat strips. At most 400 days;
// archive.ErrInvalid. What lies outside the reader's scope counts as not covered.
func (s *Service) Days(ctx context.Context, who policy.Subject, cameras []string, from, to time.Time) ([]DayStrip, error) {
	if !policy.Could(who, policy.Browse) {
		return nil, archive.ErrNotFound
	}
	from, to = from.UTC().Truncate(dayLength), to.UTC().Truncate(dayLength)
	days := int(to.Sub(from) / dayLength)
	if days < 1 || days > 400 {
		return nil, fmt.Errorf("%w: from 1 to 400 days", archive.ErrInvalid)
	}
	scope := policy.ScopeOf(who)
	var covered []store.Covered
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		covered, err = tx.Coverage(ctx, scope, store.CoverageQuery{Cameras: cameras, From: from, To: to}, 10*maxStrips)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("coverage: %w", err)
	}
	var out []DayStrip
	var upTo time.Time
	for _, c := range covered { // by camera and time
		if len(out) == 0 || out[len(out)-1].Camera != c.Camera {
			out = append(out, DayStrip{Camera: c.Camera, From: from, Days: make([]time.Duration, days)})
			upTo = from
		}
		at, end := c.From, c.To()
		if at.Before(upTo) {
			at = upTo
		}
		for at.Before(end) && at.Before(to) {
			d := at.Truncate(dayLength)
			stop := d.Add(dayLength)
			if end.Before(stop) {
				stop = end
			}
			out[len(out)-1].Days[int(d.Sub(from)/dayLength)] += stop.Sub(at)
			at = stop
		}
		if end.After(upTo) {
			upTo = end
		}
	}
	return out, nil
}

// Series is a run of numbers that a recorder gave its files.
type Series struct {
	Camera      string // if all files have the same
	Accession   string
	First, Last int64
	Files       int
	Missing     int64
	Gaps        []NumberGap
	More        int // gaps that are not listed
}

// NumberGap is numbers of which no file is held that the reader may see.
type NumberGap struct {
	From, To              int64
	Before, After         string // references of the items on both sides
	BeforeItem, AfterItem string
}

// Inventory is what numbers in the names of files tell.
type Inventory struct {
	Series    []Series
	Truncated bool
	Narrow    bool
}

// maxGaps is how many gaps of one series are listed.
const maxGaps = 200

// Numbers looks for gaps in the numbers that recorders gave their files, in one accession or in all. Series of fewer than three
// files, and numbers that are so far apart that they cannot be counted up, are left out.
func (s *Service) Numbers(ctx context.Context, who policy.Subject, accession string) (Inventory, error) {
	if !policy.Could(who, policy.Browse) {
		return Inventory{}, archive.ErrNotFound
	}
	scope := policy.ScopeOf(who)
	out := Inventory{Narrow: !scope.All || scope.MaxDifficulty >= 0}
	var all []store.SeriesNumber
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.FileNumbers(ctx, scope, accession, nil, maxNumbers+1)
		return err
	})
	if err != nil {
		return Inventory{}, fmt.Errorf("file numbers: %w", err)
	}
	if out.Truncated = len(all) > maxNumbers; out.Truncated {
		// The last series may be cut off, and its end would look like the end of the numbers: it is left out.
		cut := all[maxNumbers-1].Series
		all = slices.DeleteFunc(all[:maxNumbers], func(n store.SeriesNumber) bool { return bytes.Equal(n.Series, cut) })
	}
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && bytes.Equal(all[to].Series, all[from].Series) {
			to++
		}
		if one, ok := seriesOf(all[from:to]); ok {
			out.Series = append(out.Series, one)
		}
		from = to
	}
	slices.SortStableFunc(out.Series, func(a, b Series) int {
		return cmp.Or(cmp.Compare(b.Missing, a.Missing), cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.First, b.First))
	})
	return out, nil
}

func seriesOf(n []store.SeriesNumber) (Series, bool) {
	out := Series{Camera: n[0].Camera, Accession: n[0].Accession, First: n[0].Number, Last: n[len(n)-1].Number}
	for i, v := range n {
		if v.Camera != out.Camera {
			out.Camera = ""
		}
		if i > 0 && v.Number == n[i-1].Number {
			continue
		}
		out.Files++
		if i == 0 || v.Number == n[i-1].Number+1 {
			continue
		}
		b := n[i-1]
		out.Missing += v.Number - b.Number - 1
		if len(out.Gaps) == maxGaps {
			out.More++
			continue
		}
		out.Gaps = append(out.Gaps, NumberGap{From: b.Number + 1, To: v.Number - 1, Before: archive.Reference(b.AccessionNo, b.ItemNo), BeforeItem: b.Item,
			After: archive.Reference(v.AccessionNo, v.ItemNo), AfterItem: v.Item})
	}
	// Fewer than one in five numbers held: these do not count up.
	return out, out.Files >= leastSeries && (out.Last-out.First+1) <= 5*int64(out.Files)
}

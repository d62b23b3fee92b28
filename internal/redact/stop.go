package redact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
)

// Why somebody looks at a moment, the gravest first.
const (
	StopCut     = "cut"     // the beginning of a cut
	StopBlocker = "blocker" // the gap check named it
	StopKey     = "key"     // a box of a track stands here
	StopEnd     = "end"     // the last frame of a cut
	StopMiddle  = "middle"  // halfway between two boxes
	StopBetween = "between" // nothing else is near
)

var stopRank = []string{StopCut, StopBlocker, StopKey, StopEnd, StopMiddle, StopBetween}

// Stop is a moment of a version at which its second person has to look.
type Stop struct {
	Cut, Source int
	US          int64 // from the beginning of the source
	Why         string
	Seen        bool // it was shown to who asks
}

// Stepping is how far somebody has stepped through a version.
type Stepping struct {
	Checked bool // the gap check of exactly this version is done: before, the list of stops is not whole
	Stops   []Stop
	Left    int   // not shown yet
	Seconds int64 // between the first moment that was shown and the last one
}

// stopGap is the longest stretch of a cut without a stop.
const stopGap = 5 * time.Second

// frameOf is how long one frame of an item lasts.
func frameOf(it archive.Item) time.Duration {
	if it.FrameRate <= 0 {
		return 40 * time.Millisecond
	}
	return time.Duration(float64(time.Second) / it.FrameRate)
}

// place is a moment of a source.
type place struct {
	source int
	us     int64
}

// stopsOf lists the moments of a plan that a second person has to see: the edges of each cut, each key frame in it, halfway between two of
// them, whatever the check named, dismissed or not, and one every few seconds. Moments within half a frame of each other are one.
func stopsOf(p plan.Plan, items []archive.Item, blockers []store.PlanBlocker) []Stop {
	rank := func(why string) int { return slices.Index(stopRank, why) }
	var out []Stop
	seen := map[place]bool{}
	for i, c := range p.Cuts {
		if c.Source < 0 || c.Source >= len(items) {
			continue
		}
		frame := frameOf(items[c.Source]).Microseconds()
		end := c.ToUS
		if d := items[c.Source].Duration.Microseconds(); d > 0 {
			end = min(end, d)
		}
		last := max(c.FromUS, end-frame)
		list := []Stop{{Cut: i, Source: c.Source, US: c.FromUS, Why: StopCut}, {Cut: i, Source: c.Source, US: last, Why: StopEnd}}
		put := func(us int64, why string) {
			if us >= c.FromUS && us < end {
				list = append(list, Stop{Cut: i, Source: c.Source, US: us, Why: why})
			}
		}
		for _, t := range p.Tracks {
			if t.Source != c.Source {
				continue
			}
			for n, k := range t.Keys {
				put(k.AtUS, StopKey)
				if n+1 < len(t.Keys) && !k.Off && t.Keys[n+1].AtUS-k.AtUS > time.Second.Microseconds() {
					put((k.AtUS+t.Keys[n+1].AtUS)/2, StopMiddle)
				}
			}
		}
		for _, b := range blockers {
			if b.Source == c.Source && (b.Cut == i || b.Cut < 0) {
				put(b.AtUS, StopBlocker)
			}
		}
		slices.SortStableFunc(list, func(a, b Stop) int {
			return cmp.Or(cmp.Compare(a.US, b.US), cmp.Compare(rank(a.Why), rank(b.Why)))
		})
		var kept []Stop
		for _, x := range list {
			if n := len(kept); n > 0 && x.US-kept[n-1].US < max(1, frame/2) {
				if rank(x.Why) < rank(kept[n-1].Why) {
					kept[n-1].Why = x.Why
				}
				continue
			}
			for n := len(kept); n > 0 && x.US-kept[n-1].US > stopGap.Microseconds(); n = len(kept) {
				gap := x.US - kept[n-1].US
				parts := (gap + stopGap.Microseconds() - 1) / stopGap.Microseconds()
				kept = append(kept, Stop{Cut: i, Source: c.Source, US: kept[n-1].US + gap/parts, Why: StopBetween})
			}
			kept = append(kept, x)
		}
		for _, x := range kept {
			if at := (place{x.Source, x.US}); !seen[at] {
				seen[at] = true
				out = append(out, x)
			}
		}
	}
	return out
}

// stepping says how far somebody has stepped through a version, by what is kept of what they were shown.
func (s *Service) stepping(ctx context.Context, tx *store.Tx, who policy.Subject, h held) (Stepping, error) {
	var out Stepping
	run, err := tx.PlanRun(ctx, h.row.Plan, h.row.Version, store.PlanGapCheck)
	if err != nil && !errors.Is(err, archive.ErrNotFound) {
		return out, err
	}
	var blockers []store.PlanBlocker
	if out.Checked = err == nil && run.State == store.PlanDone && slices.Equal(run.SHA256, h.row.SHA256); out.Checked {
		if blockers, err = tx.PlanBlockers(ctx, run.ID); err != nil {
			return out, err
		}
	}
	shown, err := tx.PlanStops(ctx, h.row.Plan, h.row.Version, who.Agent)
	if err != nil {
		return out, err
	}
	when := map[place]time.Time{}
	for _, x := range shown {
		if slices.Equal(x.SHA256, h.row.SHA256) {
			when[place{x.Source, x.AtUS}] = x.SeenAt
		}
	}
	out.Stops = stopsOf(h.says, h.items, blockers)
	var first, last time.Time
	for i := range out.Stops {
		x := &out.Stops[i]
		at, ok := when[place{x.Source, x.US}]
		if !ok {
			out.Left++
			continue
		}
		x.Seen = true
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	out.Seconds = int64(last.Sub(first) / time.Second)
	return out, nil
}

// Stops gives the moments at which the second person of a version has to look, and which of them were shown to who asks. Asks for policy.ApprovePlan on
// every item.
func (s *Service) Stops(ctx context.Context, who policy.Subject, id string, version int) (out Stepping, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		h, err := s.version(ctx, tx, who, policy.ApprovePlan, id, version)
		if err != nil {
			return err
		}
		out, err = s.stepping(ctx, tx, who, h)
		return err
	})
	if err != nil {
		return Stepping{}, fmt.Errorf("list stops of plan: %w", err)
	}
	return out, nil
}

// ShowStop gives the frame of a stop of the newest version as Preview does, once it is noted that who asks was shown it. Asks for policy.ApprovePlan on every
// item; refuses whoever wrote a part of the version. A moment that is no stop is archive.ErrNotFound.
func (s *Service) ShowStop(ctx context.Context, who policy.Subject, id string, version, source int, us int64) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("show stop of plan: %w", conflict(err)) }
	var h held
	var stop Stop
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if h, err = s.version(ctx, tx, who, policy.ApprovePlan, id, version); err != nil {
			return err
		}
		if h.row.Version != h.plan.Head {
			return refuse(CodeNotNewest, archive.ErrConflict, "version %d is the newest", h.plan.Head)
		}
		if err := s.second(ctx, tx, who, h); err != nil {
			return err
		}
		st, err := s.stepping(ctx, tx, who, h)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(st.Stops, func(x Stop) bool { return x.Source == source && x.US == us })
		if n < 0 {
			return fmt.Errorf("%w: there is no such stop", archive.ErrNotFound)
		}
		stop = st.Stops[n]
		return nil
	})
	if err != nil {
		return fail(err)
	}
	picture, err := s.Preview(ctx, who, id, h.row.Version, stop.Source, stop.US)
	if err != nil || stop.Seen {
		return picture, err
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		return tx.AddPlanStop(ctx, store.PlanStop{Plan: id, Version: h.row.Version, Agent: who.Agent, Source: stop.Source, AtUS: stop.US, SHA256: h.row.SHA256, SeenAt: s.now()})
	})
	if err != nil {
		return fail(err)
	}
	return picture, nil
}

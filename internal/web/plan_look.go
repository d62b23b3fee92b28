package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact"
	"zapis/internal/redact/plan"
	"zapis/internal/web/template"
)

// The second person's look: which moments they have to see, and which they have been shown. Only frames that the server handed out count: what a
// page says about itself proves nothing.

// planStop is a moment at which the second person looks.
type planStop struct {
	cut, source int
	us          int64
	why         string // cut, blocker, key, end, middle, between
}

func (p planStop) key() string { return fmt.Sprintf("%d-%d", p.source, p.us) }

// stopGap is the longest stretch of a cut without a stop.
const stopGap = 5 * time.Second

// stopsOf lists the moments of a plan that a second person has to see: the edges of each cut, each key frame in it, halfway between two of
// them, whatever the check named, dismissed or not, and one every few seconds. Moments within one frame of each other are one.
func stopsOf(p plan.Plan, items []archive.Item, blockers []redact.Blocker) []planStop {
	rank := []string{"cut", "blocker", "key", "end", "middle", "between"}
	var out []planStop
	seen := map[string]bool{}
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
		list := []planStop{{cut: i, source: c.Source, us: c.FromUS, why: "cut"}, {cut: i, source: c.Source, us: last, why: "end"}}
		put := func(us int64, why string) {
			if us >= c.FromUS && us < end {
				list = append(list, planStop{cut: i, source: c.Source, us: us, why: why})
			}
		}
		for _, t := range p.Tracks {
			if t.Source != c.Source {
				continue
			}
			for n, k := range t.Keys {
				put(k.AtUS, "key")
				if n+1 < len(t.Keys) && !k.Off && t.Keys[n+1].AtUS-k.AtUS > time.Second.Microseconds() {
					put((k.AtUS+t.Keys[n+1].AtUS)/2, "middle")
				}
			}
		}
		for _, b := range blockers {
			if b.Source == c.Source && (b.Cut == i || b.Cut < 0) {
				put(b.AtUS, "blocker")
			}
		}
		slices.SortStableFunc(list, func(a, b planStop) int {
			return cmp.Or(cmp.Compare(a.us, b.us), cmp.Compare(slices.Index(rank, a.why), slices.Index(rank, b.why)))
		})
		var kept []planStop
		for _, x := range list {
			if n := len(kept); n > 0 && x.us-kept[n-1].us < max(1, frame/2) {
				if slices.Index(rank, x.why) < slices.Index(rank, kept[n-1].why) {
					kept[n-1].why = x.why
				}
				continue
			}
			for n := len(kept); n > 0 && x.us-kept[n-1].us > stopGap.Microseconds(); n = len(kept) {
				gap := x.us - kept[n-1].us
				parts := (gap + stopGap.Microseconds() - 1) / stopGap.Microseconds()
				kept = append(kept, planStop{cut: i, source: c.Source, us: kept[n-1].us + gap/parts, why: "between"})
			}
			kept = append(kept, x)
		}
		for _, x := range kept {
			if !seen[x.key()] {
				seen[x.key()] = true
				out = append(out, x)
			}
		}
	}
	return out
}

// looks remembers who has been shown which moments of which version. It lives as long as the server: after a restart one steps through again.
type looks struct {
	mu sync.Mutex
	by map[lookKey]*looked
}

type lookKey struct {
	agent, plan string
	version     int
}

type looked struct {
	first, last time.Time
	seen        map[string]bool
}

// maxLooks is how many looks are remembered at once. The one that was idle longest goes first.
const maxLooks = 256

// show notes that a moment was shown.
func (l *looks) show(k lookKey, stop string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[lookKey]*looked{}
	}
	x := l.by[k]
	if x == nil {
		if len(l.by) >= maxLooks {
			var oldest lookKey
			for id, o := range l.by {
				if oldest.plan == "" || o.last.Before(l.by[oldest].last) {
					oldest = id
				}
			}
			delete(l.by, oldest)
		}
		x = &looked{first: now, seen: map[string]bool{}}
		l.by[k] = x
	}
	x.seen[stop] = true
	x.last = now
}

// of says which moments were shown, and for how long.
func (l *looks) of(k lookKey) (seen map[string]bool, seconds int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.by[k]
	if x == nil {
		return nil, 0
	}
	seen = make(map[string]bool, len(x.seen))
	for s := range x.seen {
		seen[s] = true
	}
	return seen, max(0, int64(x.last.Sub(x.first)/time.Second))
}

// stepping is a plan as its second person sees it.
type stepping struct {
	redact.View
	checked bool
	stops   []planStop
	seen    map[string]bool
	seconds int64
	left    int
}

// stepAt finds the plan of an address for its second person.
func (s *Server) stepAt(r *request) (st stepping, err error) {
	if st.View, err = s.planAt(r); err != nil {
		return st, err
	}
	c, err := s.o.Plan.Checks(r.Context(), r.reader.Subject, st.ID, st.Head)
	if err != nil && !errors.Is(err, archive.ErrNotFound) {
		return st, err
	}
	st.checked = err == nil && c.State == "done"
	st.stops = stopsOf(st.Version.Body, st.Items, c.Blockers)
	st.seen, st.seconds = s.looks.of(lookKey{r.reader.Subject.Agent, st.ID, st.Head})
	for _, x := range st.stops {
		if !st.seen[x.key()] {
			st.left++
		}
	}
	return st, nil
}

// planLookPage serves GET /plans/{plan}/look?stop=KEY.
func (s *Server) planLookPage(w http.ResponseWriter, r *request) error {
	st, err := s.stepAt(r)
	if err != nil {
		return err
	}
	return s.drawLook(w, r, http.StatusOK, st, "")
}

func (s *Server) drawLook(w http.ResponseWriter, r *request, status int, st stepping, code string) error {
	who := r.reader.Subject
	v := template.PlanStep{
		ID: st.ID, Title: st.Title, Version: st.Head, Who: s.nameOf(r.Context(), st.Names, st.Author), Left: st.left, Checked: st.checked, Why: st.Why, Error: code,
		Own: slices.Contains(st.Authors, who.Agent), MayDecide: st.MayApprove && st.Version.Approved == nil && st.Version.Rejected == nil,
	}
	here := r.URL.Query().Get("stop")
	for i, x := range st.stops {
		one := template.PlanStop{N: i + 1, Key: x.key(), Cut: x.cut + 1, Ref: st.Items[x.source].Reference(), At: stamp(x.us), Why: x.why, Seen: st.seen[x.key()], Here: x.key() == here}
		v.Stops = append(v.Stops, one)
		if !one.Here {
			continue
		}
		v.Here = &one
		if i > 0 {
			v.Prev = st.stops[i-1].key()
		}
		if i+1 < len(st.stops) {
			v.Next = st.stops[i+1].key()
		}
	}
	if !v.Own {
		b, err := s.planBoot(r, st.View, map[string]string{})
		if err != nil {
			return err
		}
		b.Edit = false
		for _, x := range st.stops {
			b.Stops = append(b.Stops, planStopJSON{N: x.key(), Cut: x.cut, Source: x.source, US: x.us, Why: x.why, Seen: st.seen[x.key()]})
		}
		v.Boot = b
	}
	s.draw(w, r, status, "plan-look", "plans", v)
	return nil
}

// planFrame serves GET /plans/{plan}/look/{version}/{stop}: one frame with its masks. That it was seen goes into the record before it leaves.
func (s *Server) planFrame(w http.ResponseWriter, r *request) error {
	st, err := s.stepAt(r)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("version"))
	if err != nil || n != st.Head || !st.MayApprove {
		return archive.ErrNotFound
	}
	at := slices.IndexFunc(st.stops, func(x planStop) bool { return x.key() == r.PathValue("stop") })
	if at < 0 {
		return archive.ErrNotFound
	}
	stop := st.stops[at]
	item, err := s.o.Reading.Peek(r.Context(), r.reader, st.Items[stop.source].ID)
	if err != nil {
		return err
	}
	proxy := slices.IndexFunc(item.Derivatives, func(d archive.Derivative) bool { return d.Kind == archive.DerivativeProxy })
	if proxy < 0 {
		return archive.ErrNotFound
	}
	c, err := s.o.Reading.OpenDerivative(r.Context(), r.reader, item.Derivatives[proxy].ID, item.Visit)
	if err != nil {
		return err
	}
	c.Close()
	picture, err := s.o.Plan.Preview(r.Context(), r.reader.Subject, st.ID, n, stop.source, stop.us)
	if err != nil {
		return err
	}
	s.looks.show(lookKey{r.reader.Subject.Agent, st.ID, n}, stop.key(), s.o.Now())
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(picture) // the browser has gone: nothing to do about it
	return nil
}

// codeNotSeen: not every stop was shown to the one who wants to approve.
const codeNotSeen = "not_seen"

// planDecide serves POST /plans/{plan}/look: version, act (approve, reject), why.
func (s *Server) planDecide(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	st, err := s.stepAt(r)
	if err != nil {
		return err
	}
	who, f := r.reader.Subject, r.PostForm
	n, err := strconv.Atoi(f.Get("version"))
	if err != nil || n < 1 {
		return archive.ErrInvalid
	}
	again := func(err error) error {
		code := planCode(err)
		if code == "" {
			return err
		}
		status := problemOf(err).status
		if code == redact.CodeOwn {
			status = http.StatusForbidden // who asks may see the plan, so nothing is hidden
		}
		now, found := s.stepAt(r)
		if found != nil {
			return found
		}
		return s.drawLook(w, r, status, now, code)
	}
	if slices.Contains(st.Authors, who.Agent) {
		return again(archive.Explain(archive.ErrForbidden, redact.CodeOwn, ""))
	}
	switch f.Get("act") {
	case "reject":
		if err := s.o.Plan.Reject(r.Context(), who, st.ID, n, f.Get("why")); err != nil {
			return again(err)
		}
		return redirect(w, r, "/plans/"+st.ID, "plan-rejected")
	case "approve":
	default:
		return archive.ErrInvalid
	}
	if n != st.Head {
		return again(archive.Explain(archive.ErrConflict, redact.CodeNotNewest, ""))
	}
	// The list of stops is whole only when the check has said what it found.
	if !st.checked {
		return again(archive.Explain(archive.ErrConflict, redact.CodeNotChecked, ""))
	}
	if st.left > 0 {
		return s.drawLook(w, r, http.StatusConflict, st, codeNotSeen)
	}
	if !policy.Could(who, policy.ApprovePlan) {
		return archive.ErrNotFound
	}
	if !slices.ContainsFunc(st.Looks, func(l redact.Look) bool { return l.Agent == who.Agent }) {
		if err := s.o.Plan.LookedAt(r.Context(), who, st.ID, n, redact.Stepped{Seconds: min(st.seconds, 7*24*3600), Steps: int64(len(st.stops))}); err != nil {
			return again(err)
		}
	}
	if err := s.o.Plan.Approve(r.Context(), who, st.ID, n, f.Get("why")); err != nil {
		return again(err)
	}
	return redirect(w, r, "/plans/"+st.ID, "plan-approved")
}

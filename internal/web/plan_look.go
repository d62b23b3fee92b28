package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact"
	"zapis/internal/web/template"
)

// The second person's look. Which moments they have to see, and which they were shown, is for the room: it counts only frames that it handed out, and
// keeps them. What a page says about itself proves nothing.

// stopKey names a stop in an address.
func stopKey(x redact.Stop) string { return fmt.Sprintf("%d-%d", x.Source, x.US) }

// stepping is a plan as its second person sees it.
type stepping struct {
	redact.View
	redact.Stepping
}

// stepAt finds the plan of an address for its second person.
func (s *Server) stepAt(r *request) (st stepping, err error) {
	if st.View, err = s.planAt(r); err != nil {
		return st, err
	}
	st.Stepping, err = s.o.Plan.Stops(r.Context(), r.reader.Subject, st.ID, st.Head)
	return st, err
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
		ID: st.ID, Title: st.Title, Version: st.Head, Who: s.nameOf(r.Context(), st.Names, st.Author), Left: st.Left, Checked: st.Checked, Why: st.Why, Error: code,
		Own: slices.Contains(st.Authors, who.Agent), MayDecide: st.MayApprove && st.Version.Approved == nil && st.Version.Rejected == nil,
	}
	if code != "" {
		v.Typed = typed(r, r.PostForm.Get("act"))
	}
	here := r.URL.Query().Get("stop")
	for i, x := range st.Stops {
		one := template.PlanStop{N: i + 1, Key: stopKey(x), Cut: x.Cut + 1, Ref: st.Items[x.Source].Reference(), At: stamp(x.US), Why: x.Why, Seen: x.Seen, Here: stopKey(x) == here}
		v.Stops = append(v.Stops, one)
		if !one.Here {
			continue
		}
		v.Here = &one
		if i > 0 {
			v.Prev = stopKey(st.Stops[i-1])
		}
		if i+1 < len(st.Stops) {
			v.Next = stopKey(st.Stops[i+1])
		}
	}
	if !v.Own {
		b, err := s.planBoot(r, st.View, map[string]string{})
		if err != nil {
			return err
		}
		b.Edit = false
		for _, x := range st.Stops {
			b.Stops = append(b.Stops, planStopJSON{N: stopKey(x), Cut: x.Cut, Source: x.Source, US: x.US, Why: x.Why, Seen: x.Seen})
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
	// Whoever asks for the headers alone is shown nothing, so nothing may be noted.
	if err != nil || n != st.Head || !st.MayApprove || r.Method != http.MethodGet {
		return archive.ErrNotFound
	}
	at := slices.IndexFunc(st.Stops, func(x redact.Stop) bool { return stopKey(x) == r.PathValue("stop") })
	if at < 0 {
		return archive.ErrNotFound
	}
	stop := st.Stops[at]
	item, err := s.o.Reading.Peek(r.Context(), r.reader, st.Items[stop.Source].ID)
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
	picture, err := s.o.Plan.ShowStop(r.Context(), r.reader.Subject, st.ID, n, stop.Source, stop.US)
	if err != nil {
		return err
	}
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
		status, code := planRefusal(err)
		if code == "" {
			return err
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
	if !st.Checked {
		return again(archive.Explain(archive.ErrConflict, redact.CodeNotChecked, ""))
	}
	if st.Left > 0 {
		return s.drawLook(w, r, http.StatusConflict, st, codeNotSeen)
	}
	if !policy.Could(who, policy.ApprovePlan) {
		return archive.ErrNotFound
	}
	if !slices.ContainsFunc(st.Looks, func(l redact.Look) bool { return l.Agent == who.Agent }) {
		if err := s.o.Plan.LookedAt(r.Context(), who, st.ID, n); err != nil {
			return again(err)
		}
	}
	if err := s.o.Plan.Approve(r.Context(), who, st.ID, n, f.Get("why")); err != nil {
		return again(err)
	}
	return redirect(w, r, "/plans/"+st.ID, "plan-approved")
}

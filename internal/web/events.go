package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/reading"
)

// Limits of streams of server-sent events.
const (
	streamsPerPerson = 8
	streamsInAll     = 256
	streamLife       = time.Hour        // then the browser connects again by itself
	heartbeat        = 15 * time.Second // so that a proxy or a browser does not think the line dead
	recheck          = 10 * time.Second // how often it is asked whether the person is still signed in
)

// streams counts the open ones.
type streams struct {
	mu  sync.Mutex
	per map[string]int
	all int
}

func (c *streams) open(who string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.per == nil {
		c.per = map[string]int{}
	}
	if c.all >= streamsInAll || c.per[who] >= streamsPerPerson {
		return false
	}
	c.all++
	c.per[who]++
	return true
}

func (c *streams) close(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.per[who]--; c.per[who] <= 0 {
		delete(c.per, who)
	}
}

type jobsJSON struct {
	Counts  map[string]int64 `json:"counts"`
	Running []runningJSON    `json:"running"`
}

type runningJSON struct {
	ID       int64  `json:"id"`
	Kind     string `json:"kind"`
	Item     string `json:"item"`
	Progress int    `json:"progress"` // percent, -1 if not known
}

// events serves GET /api/events (HTML living standard, server-sent events): "accession" and "jobs" whenever they have changed. What
// is sent is decided anew each time, so that a right that was taken away ends the stream.
func (s *Server) events(w http.ResponseWriter, r *request) error {
	who := r.account.ID
	if !s.streams.open(who) {
		return archive.ErrBusy
	}
	defer s.streams.close(who)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the request has been read; the line stays open
	out := &eventWriter{w: w, control: control, sent: map[string]string{}}
	out.text("retry: 3000\n\n")
	ctx := r.Context()
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	end := time.NewTimer(streamLife)
	defer end.Stop()
	beat, check := time.Now(), time.Now()
	for {
		live, err := s.o.Reading.Live(ctx, r.reader)
		if err != nil {
			if ctx.Err() == nil {
				s.o.Logger.WarnContext(ctx, "stream ends", "incident", r.id, "error", err)
			}
			return nil
		}
		out.live(live)
		if time.Since(beat) >= heartbeat {
			out.text(": still here\n\n")
			beat = time.Now()
		}
		if out.err != nil {
			return nil // the browser has gone
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.done:
			return nil
		case <-end.C:
			return nil
		case <-tick.C:
		}
		if time.Since(check) >= recheck {
			if !s.stillSignedIn(r) {
				return nil
			}
			check = time.Now()
		}
	}
}

// stillSignedIn asks again whether the session and the account of a long request stand.
func (s *Server) stillSignedIn(r *request) bool {
	ctx := r.Context()
	_, found, err := s.o.Account.Sessions().FindCtx(ctx, s.sessions.Token(ctx))
	if err != nil || !found {
		return false
	}
	a, err := s.o.Account.Account(ctx, r.account.ID)
	if err != nil || a.Disabled {
		return false
	}
	r.account, r.reader.Subject = a, a.Subject()
	return true
}

// eventWriter sends what has changed.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	sent    map[string]string
	err     error
}

func (e *eventWriter) text(s string) {
	if e.err != nil {
		return
	}
	if _, e.err = e.w.Write([]byte(s)); e.err == nil {
		e.err = e.control.Flush()
	}
}

// event sends v under a name unless the same was sent last for that key.
func (e *eventWriter) event(name, key string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		e.err = fmt.Errorf("write event: %w", err)
		return
	}
	if e.sent[name+key] == string(b) {
		return
	}
	e.sent[name+key] = string(b)
	e.text("event: " + name + "\ndata: " + string(b) + "\n\n")
}

func (e *eventWriter) live(l reading.Live) {
	for _, a := range l.Accessions {
		e.event("accession", a.ID, tally(a))
	}
	if l.Counts == nil {
		return
	}
	j := jobsJSON{Counts: map[string]int64{}, Running: []runningJSON{}}
	for _, state := range jobStates {
		j.Counts[string(state)] = l.Counts[state]
	}
	for _, one := range l.Running {
		j.Running = append(j.Running, runningJSON{ID: one.ID, Kind: one.Kind, Item: one.Item, Progress: progress(one)})
	}
	e.event("jobs", "", j)
}

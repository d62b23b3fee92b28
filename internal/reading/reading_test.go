package reading_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/reading"
	"zapis/internal/reading/readingtest"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

func world(t *testing.T) *readingtest.World {
	t.Helper()
	return readingtest.New(t, storetest.Open(t, store.SQLite))
}

// displayed lists what the record says that an agent saw, from an index on.
func displayed(w *readingtest.World, from int64, agent string) []string {
	var out []string
	for _, e := range w.Events(from) {
		if e.Type == archive.EventDisplaying && e.Agent == agent {
			out = append(out, e.Detail["what"])
		}
	}
	return out
}

func TestEveryLookIsRecordedOncePerVisit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := readingtest.New(t, db)
		ctx, r, from := t.Context(), w.Reader(archive.RoleReviewer, false), w.Size()
		proxy := w.Derivatives["ready"][archive.DerivativeProxy]
		page, err := w.Reading.Item(ctx, r, w.Items["ready"].ID)
		if err != nil {
			t.Fatal(err)
		}
		// A player asks for many ranges, several at once.
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				c, err := w.Reading.OpenDerivative(context.Background(), r, proxy.ID, page.Visit)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				got, err := io.ReadAll(c)
				if err != nil || !bytes.Equal(got, w.Bytes[proxy.Object.Object]) {
					t.Errorf("bytes of the proxy are wrong: %v", err)
				}
			})
		}
		wg.Wait()
		for range 2 {
			c, err := w.Reading.Look(ctx, r, w.Items["ready"].ID, page.Visit)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			if _, err := w.Reading.Item(ctx, r, w.Items["ready"].ID); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(displayed(w, from, r.Agent), ", "); got != "item page, proxy, still" {
			t.Fatalf("the record says: %s", got)
		}

		// A room that was started anew remembers nothing and still does not record twice.
		again, err := reading.New(w.ReadingOptions())
		if err != nil {
			t.Fatal(err)
		}
		c, err := again.OpenDerivative(ctx, r, proxy.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if n := len(displayed(w, from, r.Agent)); n != 3 {
			t.Fatalf("after a restart the record says %d times that it was shown", n)
		}

		// The film that runs over the end of the half hour is one visit; what comes later is another.
		w.Advance(reading.VisitLength)
		if c, err = w.Reading.OpenDerivative(ctx, r, proxy.ID, page.Visit); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if c.Visit != page.Visit || len(displayed(w, from, r.Agent)) != 3 {
			t.Fatal("a visit was cut in two")
		}
		w.Advance(reading.VisitLength)
		if c, err = w.Reading.OpenDerivative(ctx, r, proxy.ID, page.Visit); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if c.Visit == page.Visit || len(displayed(w, from, r.Agent)) != 4 {
			t.Fatal("an old visit went on")
		}

		// Somebody else, and the same person in another session, are other visits, whatever they send along.
		other := reading.Reader{Subject: r.Subject, Session: archive.NewID(archive.PrefixSession)}
		if c, err = w.Reading.OpenDerivative(ctx, other, proxy.ID, page.Visit); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if len(displayed(w, from, r.Agent)) != 5 {
			t.Fatal("another session went under the visit of the first")
		}
	})
}

func TestListsAndLanesAreNoLooks(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx, r, from := t.Context(), w.Reader(archive.RoleReviewer, false), w.Size()
	items, _, err := w.Reading.Browse(ctx, r, reading.Query{}, reading.Cursor{}, 200)
	micro := 0
	for _, it := range items {
		micro += len(it.Micro)
	}
	if err != nil || micro != 4*144 {
		t.Fatalf("%d items with %d bytes of micro-thumbnails, %v", len(items), micro, err)
	}
	if _, err := w.Reading.Peek(ctx, r, w.Items["ready"].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Reading.Lanes(ctx, r, w.Items["ready"].ID); err != nil {
		t.Fatal(err)
	}
	if w.Size() != from {
		t.Fatal("a list, a peek or the lanes were recorded as a look")
	}
}

func TestNothingIsShownThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	db, so := storetest.OpenWith(t, store.SQLite, nil)
	w := readingtest.New(t, db)
	so.ReadOnly = true
	readOnly, err := store.Open(t.Context(), so)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	o := w.ReadingOptions()
	o.DB = readOnly // a database that takes no events
	room, err := reading.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, r := t.Context(), w.Reader(archive.RoleAdmin, true)
	for kind, d := range w.Derivatives["ready"] {
		c, err := room.OpenDerivative(ctx, r, d.ID, "")
		if kind == archive.DerivativeLanes {
			if err != nil {
				t.Errorf("lanes need no event: %v", err)
			}
			continue
		}
		if err == nil {
			_ = c.Close()
			t.Errorf("%s was opened without an event", kind)
		}
	}
	if _, err := room.Look(ctx, r, w.Items["ready"].ID, ""); err == nil {
		t.Error("a still was opened without an event")
	}
	if _, err := room.Item(ctx, r, w.Items["ready"].ID); err == nil {
		t.Error("an item's page was opened without an event")
	}
	var out bytes.Buffer
	if _, err := room.Extract(ctx, r, w.Items["ready"].ID, "court order 12", &out); err == nil || out.Len() > 0 {
		t.Errorf("an original left without an event: %d bytes, %v", out.Len(), err)
	}
}

// What each reader may do with each item, by asking the room in every way it has.
func TestScope(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx := t.Context()
	type ask func(r reading.Reader, what string) error
	closing := func(c *reading.Content, err error) error {
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	asks := map[string]ask{
		"peek": func(r reading.Reader, what string) error {
			_, err := w.Reading.Peek(ctx, r, w.Items[what].ID)
			return err
		},
		"page": func(r reading.Reader, what string) error {
			_, err := w.Reading.Item(ctx, r, w.Items[what].ID)
			return err
		},
		"custody": func(r reading.Reader, what string) error {
			_, _, _, err := w.Reading.Custody(ctx, r, w.Items[what].ID, -1, 10)
			return err
		},
		"look": func(r reading.Reader, what string) error {
			return closing(w.Reading.Look(ctx, r, w.Items[what].ID, ""))
		},
		"lanes": func(r reading.Reader, what string) error {
			_, err := w.Reading.Lanes(ctx, r, w.Items[what].ID)
			return err
		},
		"proxy": func(r reading.Reader, what string) error {
			return closing(w.Reading.OpenDerivative(ctx, r, w.Derivatives[what][archive.DerivativeProxy].ID, ""))
		},
		"technical": func(r reading.Reader, what string) error {
			return closing(w.Reading.OpenDerivative(ctx, r, w.Derivatives[what][archive.DerivativeTechnical].ID, ""))
		},
		"extract": func(r reading.Reader, what string) error {
			_, err := w.Reading.Extract(ctx, r, w.Items[what].ID, "court order 12", io.Discard)
			return err
		},
		"list": func(r reading.Reader, what string) error {
			items, _, err := w.Reading.Browse(ctx, r, reading.Query{}, reading.Cursor{}, 200)
			if err != nil {
				return err
			}
			for _, it := range items {
				if it.ID == w.Items[what].ID {
					return nil
				}
			}
			return archive.ErrNotFound
		},
	}
	gentle := w.Reader(archive.RoleReviewer, false)
	gentle.Scope.MaxDifficulty = 2
	readers := map[string]reading.Reader{
		"nobody": {}, "reviewer": w.Reader(archive.RoleReviewer, false), "gentle": gentle, "archivist": w.Reader(archive.RoleArchivist, false), "admin": w.Reader(archive.RoleAdmin, false),
	}
	// The oracle, in words: see = peek, page, custody, list; bytes = look, lanes, proxy; inside = technical, extract.
	allowed := func(who, what, how string) bool {
		switch {
		case who == "nobody", what == "erased":
			return false
		case what == "foreign" && who != "admin":
			return false
		case what == "hard" && who == "gentle":
			return false
		case what == "quarantined" && (who == "reviewer" || who == "gentle"):
			return false
		}
		switch how {
		case "look", "lanes", "proxy":
			return what != "quarantined" && what != "sealed"
		case "technical":
			return what != "quarantined" && what != "sealed" && (who == "archivist" || who == "admin")
		case "extract":
			return what != "quarantined" && (who == "archivist" || who == "admin")
		}
		return true
	}
	n := 0
	for who, r := range readers {
		for what := range w.Items {
			for how, f := range asks {
				err := f(r, what)
				if (err == nil) != allowed(who, what, how) {
					t.Errorf("%s, %s, %s: %v", who, how, what, err)
				}
				if err != nil && who != "nobody" && what != "quarantined" && !errors.Is(err, archive.ErrNotFound) {
					t.Errorf("%s, %s, %s: refused by %v, which is not absence", who, how, what, err)
				}
				n++
			}
		}
	}
	if n != len(readers)*len(w.Items)*len(asks) {
		t.Fatal("cases are missing")
	}
	for how, id := range map[string]string{"malformed": "it_x", "absent": archive.NewID(archive.PrefixItem), "other kind": w.Mine.ID, "empty": ""} {
		if _, err := w.Reading.Peek(ctx, readers["admin"], id); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%s identifier: %v", how, err)
		}
	}
}

// A page that the scope thinned out afterwards would tell by its holes how much there is that may not be seen.
func TestPagesHaveNoHoles(t *testing.T) {
	t.Parallel()
	w := world(t)
	for _, role := range []archive.Role{archive.RoleReviewer, archive.RoleArchivist} {
		r := w.Reader(role, false)
		want, err := w.Reading.Count(t.Context(), r, reading.Query{})
		if err != nil {
			t.Fatal(err)
		}
		at, n := reading.Cursor{}, int64(0)
		for {
			items, next, err := w.Reading.Browse(t.Context(), r, reading.Query{}, at, 1)
			if err != nil || len(items) != 1 {
				t.Fatalf("%s: page %d has %d items, %v", role, n+1, len(items), err)
			}
			n++
			if at = next; at.IsZero() {
				break
			}
		}
		if n != want.Count {
			t.Errorf("%s: %d pages of one for %d items", role, n, want.Count)
		}
	}
}

func TestFacetsAndDaysStayInScope(t *testing.T) {
	t.Parallel()
	w := world(t)
	r := w.Reader(archive.RoleReviewer, false)
	f, titles, err := w.Reading.Facets(t.Context(), r, reading.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Accessions {
		if v.Value != w.Mine.ID {
			t.Errorf("facets name accession %s", v.Value)
		}
	}
	if len(titles) != 1 || titles[w.Mine.ID].Title == "" {
		t.Errorf("titles of %d accessions", len(titles))
	}
	for _, v := range f.States {
		if v.Value == string(archive.ItemQuarantined) || v.Value == string(archive.ItemErased) {
			t.Errorf("facets count %s items", v.Value)
		}
	}
	days, sum, err := w.Reading.Days(t.Context(), r, reading.Query{Accessions: []string{w.Theirs.ID}})
	if err != nil || len(days) != 0 || sum.Count != 0 {
		t.Errorf("days of a foreign accession: %v %v %v", days, sum, err)
	}
	all, err := w.Reading.Accessions(t.Context(), r)
	if err != nil || len(all) != 1 {
		t.Errorf("%d accessions, %v", len(all), err)
	}
	for how, id := range map[string]string{"foreign": w.Theirs.ID, "absent": archive.NewID(archive.PrefixAccession), "malformed": "x"} {
		if _, err := w.Reading.Accession(t.Context(), r, id, true); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%s accession: %v", how, err)
		}
		if _, err := w.Reading.Receipt(t.Context(), r, id); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("receipt of a %s accession: %v", how, err)
		}
	}
}

func TestOriginsAreForArchivists(t *testing.T) {
	t.Parallel()
	w := world(t)
	for role, sees := range map[archive.Role]bool{archive.RoleReviewer: false, archive.RoleArchivist: true, archive.RoleAdmin: true} {
		r := w.Reader(role, false)
		p, err := w.Reading.Item(t.Context(), r, w.Items["ready"].ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Copies) != 1 || (p.Copies[0].Origin != nil) != sees {
			t.Errorf("%s: copies %+v", role, p.Copies)
		}
		if len(p.Anomalies) != 1 || p.Anomalies[0].Code != "truncated" || (p.Anomalies[0].Detail != "") != sees {
			t.Errorf("%s: anomalies %+v", role, p.Anomalies)
		}
		technical := false
		for _, d := range p.Derivatives {
			technical = technical || d.Kind == archive.DerivativeTechnical
		}
		if technical != sees {
			t.Errorf("%s: the technical derivative is named: %v", role, technical)
		}
		a, err := w.Reading.Accession(t.Context(), r, w.Mine.ID, true)
		if err != nil {
			t.Fatal(err)
		}
		if (len(a.Troubles) > 0) != sees {
			t.Errorf("%s: %d troubles", role, len(a.Troubles))
		}
		if sees && !strings.Contains(a.Troubles[0].Name, readingtest.FileName) {
			t.Errorf("%s: trouble without its name", role)
		}
	}
	for _, e := range w.Events(0) {
		if text, _ := e.Canonical(); bytes.Contains(text, []byte("canary")) {
			t.Fatal("a file name is in the custody record")
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	w := world(t)
	d := w.Derivatives["ready"][archive.DerivativeProxy]
	c, err := w.Reading.OpenDerivative(t.Context(), w.Reader(archive.RoleAdmin, true), d.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := w.Bytes[d.Object.Object]
	for _, at := range []int64{0, 1, 65535, 65536, 131071, d.Size - 1, d.Size} {
		if _, err := c.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.LimitReader(c, 1000))
		if err != nil || !bytes.Equal(got, want[at:min(at+1000, d.Size)]) {
			t.Fatalf("range at %d: %v", at, err)
		}
	}
}

func TestDamagedBytesAreNotShown(t *testing.T) {
	t.Parallel()
	w := world(t)
	d := w.Derivatives["ready"][archive.DerivativeProxy]
	var segment store.Segment
	storetest.Read(t, w.DB, func(tx *store.Tx) error {
		o, err := tx.Object(t.Context(), d.Object.Object)
		if err == nil {
			segment = o.Segments[0]
		}
		return err
	})
	name := vault.BlobName(segment.Blob)
	rd, err := w.Storage.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, rd.Size())
	if _, err := rd.ReadAt(body, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	body[segment.Offset+segment.Length/2] ^= 1
	if err := w.Storage.Replace(t.Context(), name, body); err != nil {
		t.Fatal(err)
	}
	c, err := w.Reading.OpenDerivative(t.Context(), w.Reader(archive.RoleAdmin, true), d.ID, "")
	if err == nil {
		_, err = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	if !errors.Is(err, archive.ErrIntegrity) {
		t.Fatalf("damaged bytes: %v", err)
	}
}

// order remembers the size of the record at the first byte.
type order struct {
	bytes.Buffer
	w     *readingtest.World
	first int64
}

func (o *order) Write(p []byte) (int, error) {
	if o.first == 0 {
		o.first = o.w.Size()
	}
	return o.Buffer.Write(p)
}

func TestExtractRecordsFirst(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx, r, it := t.Context(), w.Reader(archive.RoleArchivist, false), w.Items["ready"]
	from := w.Size()
	out := &order{w: w}
	got, err := w.Reading.Extract(ctx, r, it.Reference(), "  court   order 12 ", out)
	if err != nil || got.ID != it.ID || !bytes.Equal(out.Bytes(), w.Bytes[it.Object.Object]) {
		t.Fatalf("extract: %v", err)
	}
	if out.first != from+1 {
		t.Fatalf("at the first byte the record had %d events, before %d", out.first, from)
	}
	e := w.Events(from)[0]
	if e.Type != archive.EventExtraction || e.Detail["reason"] != "court order 12" || e.Agent != r.Agent {
		t.Fatalf("%+v", e)
	}
	for _, reason := range []string{"", "   ", strings.Repeat("x", reading.MaxReason+1), "\xff"} {
		if _, err := w.Reading.Extract(ctx, r, it.ID, reason, io.Discard); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	// What breaks off is recorded, too.
	from = w.Size()
	if _, err := w.Reading.Extract(ctx, r, it.ID, "court order 12", failing{}); err == nil {
		t.Fatal("a full disk went unnoticed")
	}
	if all := w.Events(from); len(all) != 2 || all[1].Outcome != archive.Failure {
		t.Fatalf("%+v", all)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestCustodyPages(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx, r, it := t.Context(), w.Reader(archive.RoleReviewer, false), w.Items["ready"]
	for range 5 {
		if _, err := w.Reading.Item(ctx, r, it.ID); err != nil {
			t.Fatal(err)
		}
		w.Advance(reading.VisitLength)
	}
	var all []int64
	before := int64(-1)
	for {
		_, entries, older, err := w.Reading.Custody(ctx, r, it.ID, before, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(entries) - 1; i >= 0; i-- {
			if !entries[i].Proved {
				t.Errorf("event %d: %s", entries[i].Index, entries[i].Problem)
			}
			all = append(all, entries[i].Index)
		}
		if older == 0 {
			break
		}
		before = entries[0].Index
	}
	if len(all) != 6+5 { // ingestion, five derivatives, five visits
		t.Fatalf("%d events: %v", len(all), all)
	}
	for i := 1; i < len(all); i++ {
		if all[i] >= all[i-1] {
			t.Fatalf("events twice or out of order: %v", all)
		}
	}
}

func TestJobsOfForeignItems(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := readingtest.New(t, db)
		ctx, r := t.Context(), w.Reader(archive.RoleArchivist, false)
		w.Enqueue(w.Items["ready"].ID)
		w.Enqueue(w.Items["foreign"].ID)
		jobs, counts, err := w.Reading.Jobs(ctx, r, reading.JobFilter{})
		if err != nil || len(jobs) != 2 || counts["available"] != 2 {
			t.Fatalf("%+v %v %v", jobs, counts, err)
		}
		var mine, foreign int64
		for _, j := range jobs {
			if j.Item == w.Items["ready"].ID {
				mine = j.ID
			} else if j.Item == "" && j.Ref == "" {
				foreign = j.ID
			}
		}
		if mine == 0 || foreign == 0 {
			t.Fatalf("%+v", jobs)
		}
		if err := w.Reading.CancelJob(ctx, r, foreign); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("job of a foreign item: %v", err)
		}
		if err := w.Reading.CancelJob(ctx, w.Reader(archive.RoleReviewer, true), mine); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("job, by a reviewer: %v", err)
		}
		if err := w.Reading.CancelJob(ctx, r, 99999); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("no such job: %v", err)
		}
		from := w.Size()
		if err := w.Reading.CancelJob(ctx, r, mine); err != nil {
			t.Fatal(err)
		}
		if err := w.Reading.RetryJob(ctx, r, mine); err != nil {
			t.Fatal(err)
		}
		if all := w.Events(from); len(all) != 2 || all[0].Detail["act"] != "job cancelled" || all[1].Detail["act"] != "job retried" {
			t.Fatalf("%+v", all)
		}
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx := t.Context()
	if _, err := w.Reading.Health(ctx, w.Reader(archive.RoleReviewer, true)); !errors.Is(err, archive.ErrNotFound) {
		t.Fatalf("health, by a reviewer: %v", err)
	}
	r := w.Reader(archive.RoleArchivist, false)
	h, err := w.Reading.Health(ctx, r)
	if err != nil || h.Fixity != nil || !h.LastFull.IsZero() || h.Record.Size != w.Size() || len(h.Disks) != 1 || h.DaysLeft <= 0 {
		t.Fatalf("%+v %v", h, err)
	}
	id := "fx_1"
	storetest.Write(t, w.DB, func(tx *store.Tx) error {
		run := store.Run{ID: id, Scope: "all", Agent: w.Program.ID, StartedAt: w.Now()}
		if err := tx.StartRun(ctx, run); err != nil {
			return err
		}
		run.FinishedAt, run.Failures, run.Outcome = w.Now().Add(time.Second), 2, "failure"
		if err := tx.FinishRun(ctx, run); err != nil {
			return err
		}
		if err := tx.Heartbeat(ctx, archive.NewID(archive.PrefixWorker), w.Now()); err != nil {
			return err
		}
		return tx.AddFinding(ctx,
			store.Finding{ID: "fi_1", Run: id, Item: w.Items["quarantined"].ID, Object: w.Items["quarantined"].Object.Object, Code: "altered", FoundAt: w.Now()},
			store.Finding{ID: "fi_2", Run: id, Item: w.Items["foreign"].ID, Object: w.Items["foreign"].Object.Object, Code: "altered", FoundAt: w.Now()})
	})
	if h, err = w.Reading.Health(ctx, r); err != nil || h.Fixity == nil || h.Fixity.Failures != 2 || len(h.Findings) != 2 || len(h.Workers) != 1 || !h.Workers[0].Alive {
		t.Fatalf("%+v %v", h, err)
	}
	for _, f := range h.Findings {
		if f.Item == w.Items["foreign"].ID {
			t.Error("a finding names an item outside the scope")
		}
	}
	w.Advance(time.Hour)
	if h, _ = w.Reading.Health(ctx, r); h.Workers[0].Alive {
		t.Error("a silent worker counts as alive")
	}
}

package note

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/faultfs"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// rig is an archive with a film whose frames lie 40 ms apart, but for the third, which comes late; a sound, a paper and a film of another
// accession.
type rig struct {
	*Service
	t                         *testing.T
	db                        *store.DB
	vault                     *vault.Vault
	film, sound, paper, other archive.Item
	jobs                      *queue
}

type queue struct{ asked []string }

func (q *queue) EnqueueTx(_ context.Context, _ *store.Tx, a job.Args, o job.Opts) error {
	q.asked = append(q.asked, fmt.Sprint(a.Kind(), " ", a.(job.Frames).Item, " ", o.Unique))
	return nil
}

func person(n int, role archive.Role, accessions ...string) policy.Subject {
	return policy.Subject{Agent: fmt.Sprintf("ag_%026d", n), Role: role, Scope: archive.Scope{All: len(accessions) == 0, Accessions: accessions, MaxDifficulty: -1}}
}

var (
	anna = person(1, archive.RoleReviewer)
	bela = person(2, archive.RoleInvestigator)
)

var frames = media.Frames{BaseNum: 1, BaseDen: 12800, Ticks: []int64{0, 512, 1100, 1536, 2048}}

func newRig(t *testing.T, engine string) *rig {
	t.Helper()
	ctx := t.Context()
	r := &rig{t: t, db: storetest.Open(t, engine), jobs: &queue{}}
	v, err := vault.Create(ctx, localdisk.New(faultfs.New(1)), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 256 << 10})
	must(t, err)
	r.vault = v
	rec := custody.New(custody.Options{Tool: "zapis test"})
	now := noon
	r.Service, err = New(Options{DB: r.db, Vault: v, Custody: rec, Jobs: r.jobs, Now: func() time.Time { now = now.Add(time.Second); return now }})
	must(t, err)
	must(t, r.db.Write(ctx, func(tx *store.Tx) error {
		for i, name := range []string{"Anna", "Bela"} {
			must(t, tx.AddAgent(ctx, archive.Agent{ID: fmt.Sprintf("ag_%026d", i+1), Kind: "person", Name: name, CreatedAt: noon}))
		}
		must(t, tx.PutTerm(ctx, archive.Term{Vocabulary: "tag", Code: "door-x", Labels: map[string]string{"en": "Door", "ru": "Дверь"}}, anna.Agent, noon))
		must(t, tx.PutTerm(ctx, archive.Term{Vocabulary: "tag", Code: "old-x", Retired: true, Labels: map[string]string{"en": "Old"}}, anna.Agent, noon))
		return nil
	}))
	first, second := r.accession(), r.accession()
	r.film = r.item(first, func(i *archive.Item) {
		i.Kind, i.Duration, i.Width, i.Height = archive.KindVideo, 200*time.Millisecond, 640, 480
	}, true)
	r.sound = r.item(first, func(i *archive.Item) { i.Kind, i.Duration = archive.KindAudio, time.Minute }, false)
	r.paper = r.item(first, func(i *archive.Item) { i.Kind = archive.KindDocument }, false)
	r.other = r.item(second, func(i *archive.Item) { i.Kind, i.Duration = archive.KindVideo, time.Minute }, false)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) accession() archive.Accession {
	r.t.Helper()
	var a archive.Accession
	must(r.t, r.db.Write(r.t.Context(), func(tx *store.Tx) (err error) {
		a, err = tx.AddAccession(r.t.Context(), archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "A", CreatedAt: noon, CreatedBy: anna.Agent})
		return err
	}))
	return a
}

// item makes an item that is ready, with or without its list of frames.
func (r *rig) item(a archive.Accession, change func(*archive.Item), listed bool) archive.Item {
	r.t.Helper()
	ctx := r.t.Context()
	b := r.vault.Begin(ctx)
	id := archive.NewID(archive.PrefixItem)
	o, err := b.Add(ctx, strings.NewReader("original "+id), vault.AddOptions{})
	must(r.t, err)
	list, err := b.Add(ctx, bytes.NewReader(frames.Encode()), vault.AddOptions{})
	must(r.t, err)
	c, err := b.Commit(ctx)
	must(r.t, err)
	i := archive.Item{ID: id, Accession: a.ID, Size: o.Size, SHA256: o.SHA256[:], Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: noon, Difficulty: -1}
	change(&i)
	must(r.t, r.db.Write(ctx, func(tx *store.Tx) error {
		must(r.t, tx.AddCommit(ctx, c, store.ObjectOriginal))
		must(r.t, tx.AddItem(ctx, &i))
		must(r.t, tx.MoveItem(ctx, i.ID, archive.ItemBrowsable, ""))
		must(r.t, tx.MoveItem(ctx, i.ID, archive.ItemReady, ""))
		if !listed {
			return nil
		}
		return tx.AddDerivative(ctx, archive.Derivative{ID: archive.NewID(archive.PrefixDerivative), Item: i.ID, Kind: archive.DerivativeFrames, Recipe: "frames", RecipeVersion: 1,
			Tool: "ffprobe", ToolVersion: "5", Object: archive.ObjectRef{Object: list.ID, Envelope: list.Envelope}, Size: list.Size, SHA256: list.SHA256[:], MediaType: "x", CreatedAt: noon})
	}))
	return i
}

// events gives the custody events of an item.
func (r *rig) events(item string) (out []archive.Event) {
	r.t.Helper()
	must(r.t, r.db.Read(r.t.Context(), func(tx *store.Tx) error {
		at, err := tx.EventsOf(r.t.Context(), "item", item)
		for _, i := range at {
			o, err := tx.Opening(r.t.Context(), i)
			must(r.t, err)
			e, err := archive.ParseEvent(o.Event)
			must(r.t, err)
			out = append(out, e)
		}
		return err
	}))
	return out
}

func (r *rig) add(who policy.Subject, item string, d Draft) Note {
	r.t.Helper()
	if d.Key == "" {
		d.Key = archive.NewID("key")[4:]
	}
	n, err := r.Add(r.t.Context(), who, item, d)
	must(r.t, err)
	return n
}

func (r *rig) list(who policy.Subject, item string) []Note {
	r.t.Helper()
	p, err := r.Notes(r.t.Context(), who, item)
	must(r.t, err)
	return p.Notes
}

func TestNoteLiesOnFrames(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	for name, c := range map[string]struct {
		item     string
		d        Draft
		from, to int64 // frames
		at, end  time.Duration
	}{
		"frames":            {r.film.ID, Draft{FrameFrom: 1, FrameTo: 2, From: time.Hour, To: time.Hour}, 1, 2, 40 * time.Millisecond, 85938 * time.Microsecond},
		"a moment":          {r.film.ID, Draft{FrameFrom: 4, FrameTo: 4}, 4, 4, 160 * time.Millisecond, 160 * time.Millisecond},
		"times":             {r.film.ID, Draft{FrameFrom: -1, From: 79 * time.Millisecond, To: 120 * time.Millisecond}, 1, 3, 40 * time.Millisecond, 120 * time.Millisecond},
		"sound":             {r.sound.ID, Draft{FrameFrom: -1, From: 1234567 * time.Nanosecond, To: time.Second}, -1, -1, 1234 * time.Microsecond, time.Second},
		"frames not listed": {r.other.ID, Draft{FrameFrom: 5, FrameTo: 9, From: time.Second, To: 2 * time.Second}, -1, -1, time.Second, 2 * time.Second},
		"a page":            {r.paper.ID, Draft{FrameFrom: 3, FrameTo: 4, From: time.Second, To: time.Second, Page: 2}, -1, -1, 0, 0},
	} {
		n := r.add(bela, c.item, c.d)
		if n.FrameFrom != c.from || n.FrameTo != c.to || n.From != c.at || n.To != c.end {
			t.Errorf("%s: frames %d to %d, %v to %v", name, n.FrameFrom, n.FrameTo, n.From, n.To)
		}
	}
	for name, c := range map[string]struct {
		item string
		d    Draft
	}{
		"a frame that is not there": {r.film.ID, Draft{FrameFrom: 4, FrameTo: 5}},
		"frames the wrong way":      {r.film.ID, Draft{FrameFrom: 4, FrameTo: 3}},
		"times the wrong way":       {r.sound.ID, Draft{FrameFrom: -1, From: 2 * time.Millisecond, To: time.Millisecond}},
		"before the beginning":      {r.sound.ID, Draft{FrameFrom: -1, From: -time.Second}},
		"after the end":             {r.sound.ID, Draft{FrameFrom: -1, From: time.Second, To: 2 * time.Minute}},
		"beside the picture":        {r.film.ID, Draft{Region: archive.Region{X: 900_000, Y: 0, W: 200_000, H: 1}}},
		"no height":                 {r.film.ID, Draft{Region: archive.Region{X: 1, W: 5}}},
		"overflow":                  {r.film.ID, Draft{Region: archive.Region{X: 1 << 62, Y: 0, W: 1 << 62, H: 1}}},
		"a picture of sound":        {r.sound.ID, Draft{FrameFrom: -1, Region: archive.Region{W: 5, H: 5}}},
		"page of a film":            {r.film.ID, Draft{Page: 1}},
		"control characters":        {r.film.ID, Draft{Body: "a\x00b"}},
		"not a text":                {r.film.ID, Draft{Body: "\xff"}},
		"too long":                  {r.film.ID, Draft{Body: strings.Repeat("ш", MaxBody/2+1)}},
		"tag without a word":        {r.film.ID, Draft{Tag: "door"}},
		"tag nobody knows":          {r.film.ID, Draft{Tag: "tag:nowhere-x"}},
		"retired tag":               {r.film.ID, Draft{Tag: "tag:old-x"}},
		"no language":               {r.film.ID, Draft{Lang: "!!"}},
		"no key":                    {r.film.ID, Draft{Key: "x"}},
	} {
		if c.d.Key == "" {
			c.d.Key = archive.NewID("key")[4:]
		}
		if _, err := r.Add(t.Context(), bela, c.item, c.d); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := len(r.list(bela, r.film.ID)); got != 3 {
		t.Errorf("%d notes stand", got)
	}
}

func TestNoteIsKeptInEveryVersion(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		ctx := t.Context()
		n := r.add(anna, r.film.ID, Draft{FrameFrom: 1, FrameTo: 2, Body: "  дверь\r\nоткрыта ", Tag: "tag:door-x", Lang: "RU", Region: archive.Region{X: 1, Y: 2, W: 3, H: 4}})
		if n.Body != "дверь\nоткрыта" || n.Lang != "ru" || n.Version != 1 || !n.Mine || n.AuthorName != "Anna" {
			t.Errorf("%+v", n)
		}
		two, err := r.Change(ctx, anna, n.ID, 1, Draft{FrameFrom: 0, FrameTo: 2, Body: "окно"})
		must(t, err)
		if two.Version != 2 || two.FrameFrom != 0 || two.Tag != "" || !two.Region.IsZero() {
			t.Errorf("%+v", two)
		}
		if _, err := r.Change(ctx, anna, n.ID, 1, Draft{FrameFrom: 0, FrameTo: 2, Body: "x"}); !errors.Is(err, archive.ErrConflict) {
			t.Errorf("a stale version went through: %v", err)
		}
		for name, err := range map[string]error{
			"change":  func() error { _, err := r.Change(ctx, bela, n.ID, 2, Draft{Body: "x"}); return err }(),
			"delete":  r.Delete(ctx, bela, n.ID),
			"restore": func() error { _, err := r.Restore(ctx, bela, n.ID); return err }(),
		} {
			if !errors.Is(err, archive.ErrForbidden) {
				t.Errorf("%s by another person: %v", name, err)
			}
		}
		must(t, r.Delete(ctx, anna, n.ID))
		must(t, r.Delete(ctx, anna, n.ID))
		if left := r.list(bela, r.film.ID); len(left) != 0 {
			t.Errorf("deleted and shown: %+v", left)
		}
		if _, err := r.Versions(ctx, bela, n.ID); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("versions of a deleted note: %v", err)
		}
		if _, err := r.Change(ctx, anna, n.ID, 2, Draft{Body: "x"}); !errors.Is(err, archive.ErrConflict) {
			t.Errorf("changed a deleted note: %v", err)
		}
		back, err := r.Restore(ctx, anna, n.ID)
		must(t, err)
		if back.Body != "окно" || back.Version != 2 {
			t.Errorf("%+v", back)
		}
		versions, err := r.Versions(ctx, bela, n.ID)
		must(t, err)
		if len(versions) != 2 || versions[0].Body != "дверь\nоткрыта" || versions[0].Region.W != 3 || versions[1].Body != "окно" {
			t.Errorf("%+v", versions)
		}
		var acts []string
		for _, e := range r.events(r.film.ID) {
			if e.Type != archive.EventDescription {
				continue
			}
			acts = append(acts, e.Detail["act"]+" "+e.Detail["version"])
			b, err := e.Canonical()
			must(t, err)
			if e.Agent != anna.Agent || len(e.Subjects) != 2 || e.Subjects[1].ID != n.ID || bytes.Contains(b, []byte("двер")) || bytes.Contains(b, []byte("окно")) || bytes.Contains(b, []byte("Anna")) {
				t.Errorf("event %s", b)
			}
		}
		if want := []string{"note made 1", "note changed 2", "note deleted 2", "note restored 2"}; !slices.Equal(acts, want) {
			t.Errorf("acts %q", acts)
		}
	})
}

// What a browser sends again after the connection broke makes one note and one event.
func TestSentTwiceStandsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	d := Draft{Key: "0123456789abcdef", FrameFrom: 1, FrameTo: 1, Body: "one"}
	first, second := r.add(anna, r.film.ID, d), r.add(anna, r.film.ID, d)
	if first.ID != second.ID || len(r.list(anna, r.film.ID)) != 1 || len(r.events(r.film.ID)) != 1 {
		t.Errorf("%s and %s, %d events", first.ID, second.ID, len(r.events(r.film.ID)))
	}
	if n := r.add(bela, r.film.ID, d); n.ID == first.ID {
		t.Error("another person's key")
	}
	if _, err := r.Add(t.Context(), anna, r.sound.ID, d); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("the key on another item: %v", err)
	}
}

// Notes are never wider than their item, whichever way they are asked for.
func TestNotesFollowTheirItem(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	n := r.add(anna, r.film.ID, Draft{FrameFrom: 1, FrameTo: 1, Body: "canary"})
	stranger := person(1, archive.RoleArchivist, r.other.Accession) // the author, who lost the accession
	nobody := policy.Subject{}
	for name, who := range map[string]policy.Subject{"outside the accession": stranger, "not signed in": nobody} {
		for what, err := range map[string]error{
			"list":     func() error { _, err := r.Notes(ctx, who, r.film.ID); return err }(),
			"frames":   func() error { _, err := r.Frames(ctx, who, r.film.ID); return err }(),
			"versions": func() error { _, err := r.Versions(ctx, who, n.ID); return err }(),
			"add":      func() error { _, err := r.Add(ctx, who, r.film.ID, Draft{Key: "abcdefgh"}); return err }(),
			"change":   func() error { _, err := r.Change(ctx, who, n.ID, 1, Draft{}); return err }(),
			"delete":   r.Delete(ctx, who, n.ID),
			"restore":  func() error { _, err := r.Restore(ctx, who, n.ID); return err }(),
			"export":   func() error { _, err := r.Export(ctx, who, r.film.ID, ExportOptions{Format: JSON}); return err }(),
			"import":   func() error { _, err := r.Import(ctx, who, r.film.ID, []byte(`[]`)); return err }(),
		} {
			if !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, archive.ErrForbidden) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	// The key of a note that is out of reach must not answer, either.
	if _, err := r.Add(ctx, anna, r.film.ID, Draft{Key: "abcdefgh", FrameFrom: 0, FrameTo: 0}); err != nil {
		t.Error(err)
	}
	if _, err := r.Export(ctx, anna, r.film.ID, ExportOptions{Format: JSON}); !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, archive.ErrForbidden) {
		t.Errorf("a reviewer took notes out: %v", err)
	}
	// Two people agreed to erase it: from then on there is nothing.
	must(t, r.db.Write(ctx, func(tx *store.Tx) error {
		id := archive.NewID(archive.PrefixErasure)
		must(t, tx.AddErasure(ctx, store.Erasure{ID: id, Item: r.film.ID, Reason: "x", RequestedBy: "ag_1", RequestedAt: noon}))
		return tx.ApproveErasure(ctx, id, "ag_2", noon)
	}))
	if _, err := r.Notes(ctx, bela, r.film.ID); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("notes of an item that is being erased: %v", err)
	}
	if err := r.Delete(ctx, anna, n.ID); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("act on one: %v", err)
	}
}

func TestFramesAreAskedForOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	b, err := r.Frames(ctx, anna, r.film.ID)
	must(t, err)
	if f, err := media.ParseFrames(b); err != nil || !slices.Equal(f.Ticks, frames.Ticks) {
		t.Errorf("%+v, %v", f, err)
	}
	for _, id := range []string{r.other.ID, r.sound.ID, r.paper.ID} {
		if _, err := r.Frames(ctx, anna, id); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	if want := []string{"frames " + r.other.ID + " true"}; !slices.Equal(r.jobs.asked, want) {
		t.Errorf("asked for %q", r.jobs.asked)
	}
	must(t, r.db.Write(ctx, func(tx *store.Tx) error {
		_, err := r.o.Custody.Record(ctx, tx, archive.Event{Type: archive.EventDerivation, Agent: "ag_x", Outcome: archive.Failure,
			Subjects: []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindItem, ID: r.other.ID}}, Detail: map[string]string{"pass": "frames"}})
		return err
	}))
	if _, err := r.Frames(ctx, anna, r.other.ID); !errors.Is(err, archive.ErrNotFound) || len(r.jobs.asked) != 1 {
		t.Errorf("asked again for what failed: %q", r.jobs.asked)
	}
}

func TestReaction(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	is := func(who policy.Subject, want time.Duration) {
		t.Helper()
		p, err := r.Notes(ctx, who, r.film.ID)
		must(t, err)
		if p.Reaction != want {
			t.Errorf("%v, want %v", p.Reaction, want)
		}
	}
	is(anna, DefaultReaction)
	must(t, r.SetReaction(ctx, anna, 0))
	is(anna, 0)
	is(bela, DefaultReaction)
	for _, d := range []time.Duration{-1, MaxReaction + 1} {
		if err := r.SetReaction(ctx, anna, d); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%v: %v", d, err)
		}
	}
	if err := r.SetReaction(ctx, policy.Subject{}, 1); !errors.Is(err, archive.ErrForbidden) {
		t.Errorf("nobody's: %v", err)
	}
}

func TestExportAndImportKeepEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	r.add(anna, r.film.ID, Draft{FrameFrom: 1, FrameTo: 2, Body: "дверь <открыта> & \"свет\"\n\nдве строки --> конец", Tag: "tag:door-x", Lang: "ru", Region: archive.Region{X: 333_333, Y: 1, W: 123_457, H: 999_999}})
	r.add(anna, r.film.ID, Draft{FrameFrom: 4, FrameTo: 4})
	r.add(bela, r.film.ID, Draft{FrameFrom: 0, FrameTo: 4, Body: "all of it"})
	before := r.list(bela, r.film.ID)
	b, err := r.Export(ctx, bela, r.film.ID, ExportOptions{Format: JSONLD})
	must(t, err)

	// Into the same archive: all is known, nothing happens.
	events := len(r.events(r.film.ID))
	rep, err := r.Import(ctx, bela, r.film.ID, b)
	must(t, err)
	if rep.Same != 3 || rep.Made+rep.Changed+len(rep.Refused) != 0 || len(r.events(r.film.ID)) != events {
		t.Errorf("%+v", rep)
	}
	// Into another one, where the item has the same frames: everything comes back.
	s := newRig(t, store.SQLite)
	moved := bytes.ReplaceAll(b, []byte(r.film.ID), []byte(s.film.ID))
	for i, want := range []ImportReport{{Made: 3}, {Same: 3}} {
		rep, err := s.Import(ctx, anna, s.film.ID, moved)
		must(t, err)
		if rep.Made != want.Made || rep.Same != want.Same || len(rep.Refused) > 0 {
			t.Errorf("round %d: %+v", i, rep)
		}
	}
	after := s.list(anna, s.film.ID)
	if len(after) != len(before) {
		t.Fatalf("%d notes became %d", len(before), len(after))
	}
	for i := range after {
		if !same(before[i].Note, after[i].Note) {
			t.Errorf("%+v became %+v", before[i].Note, after[i].Note)
		}
	}
	if e := s.events(s.film.ID); len(e) != 1 || e[0].Detail["made"] != "3" || e[0].Detail["sha256"] == "" {
		t.Errorf("events %+v", e)
	}

	// What was changed outside becomes a version of one's own note; another person's is refused.
	changed := bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("all of it"), []byte("nearly all of it")), []byte("две строки"), []byte("одна строка"))
	rep, err = r.Import(ctx, bela, r.film.ID, changed)
	must(t, err)
	if rep.Changed != 1 || rep.Same != 1 || len(rep.Refused) != 1 {
		t.Errorf("%+v", rep)
	}
	for _, n := range r.list(bela, r.film.ID) {
		if n.Mine && (n.Body != "nearly all of it" || n.Version != 2) || !n.Mine && strings.Contains(n.Body, "одна") {
			t.Errorf("%+v", n)
		}
	}
	// About another item: refused, and the others with it stay out of the report's way.
	rep, err = r.Import(ctx, bela, r.sound.ID, b)
	must(t, err)
	if len(rep.Refused) != 3 || rep.Made != 0 {
		t.Errorf("%+v", rep)
	}

	exports := 0
	for _, e := range r.events(r.film.ID) {
		if e.Type == archive.EventExport && e.Detail["format"] == "jsonld" && e.Detail["notes"] == "3" && e.Detail["sha256"] != "" {
			exports++
		}
	}
	if exports != 1 {
		t.Errorf("%d exports are recorded", exports)
	}
	if bytes.Contains(b, []byte("Anna")) || bytes.Contains(b, []byte("Bela")) {
		t.Error("names of people left the archive")
	}
}

func TestExportForms(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	a := r.add(anna, r.film.ID, Draft{FrameFrom: 1, FrameTo: 2, Body: "a <b> & c\n\nd --> e", Tag: "tag:door-x", Region: archive.Region{X: 250_000, Y: 500_000, W: 250_000, H: 500_000}})
	m := r.add(bela, r.film.ID, Draft{FrameFrom: 4, FrameTo: 4})
	vtt, err := r.Export(ctx, bela, r.film.ID, ExportOptions{Format: VTT, Lang: "ru"})
	must(t, err)
	want := "WEBVTT - notes on " + r.film.Reference() + "\n\nNOTE\nItem " + r.film.ID + ". Times count from the beginning of the item, frames from 0.\n" +
		"\nNOTE frames 1 to 2\n\n" + a.ID + "\n00:00:00.040 --> 00:00:00.120\n<v " + anna.Agent + "><c.tag-door-x>Дверь</c>\na &lt;b&gt; &amp; c\nd --&gt; e\n" +
		"\nNOTE frames 4 to 4\n\n" + m.ID + "\n00:00:00.160 --> 00:00:00.200\n<v " + bela.Agent + ">\n"
	if string(vtt) != want {
		t.Errorf("got\n%s\nwant\n%s", vtt, want)
	}
	for name, o := range map[string]ExportOptions{"author": {Format: VTT, Author: bela.Agent}, "tag": {Format: VTT, Tag: "tag:door-x"}} {
		b, err := r.Export(ctx, bela, r.film.ID, o)
		must(t, err)
		if strings.Count(string(b), "-->") != 1 || strings.Contains(string(b), a.ID) != (name == "tag") {
			t.Errorf("%s: %s", name, b)
		}
	}
	plain, err := r.Export(ctx, bela, r.film.ID, ExportOptions{Format: JSON})
	must(t, err)
	var v struct {
		Item   string
		Frames int
		Notes  []plainNote
	}
	must(t, json.Unmarshal(plain, &v))
	if v.Item != r.film.ID || v.Frames != 5 || len(v.Notes) != 2 || *v.Notes[0].FrameTo != 2 || v.Notes[0].EndsUS != 120_000 || *v.Notes[0].Region != [4]int{250_000, 500_000, 250_000, 500_000} {
		t.Errorf("%+v", v)
	}
	ld, err := r.Export(ctx, bela, r.film.ID, ExportOptions{Format: JSONLD})
	must(t, err)
	if !bytes.Contains(ld, []byte(`"t=0.04,0.12&xywh=pixel:160,240,160,240"`)) || !bytes.Contains(ld, []byte(`"conformsTo": "http://www.w3.org/TR/media-frags/"`)) {
		t.Errorf("%s", ld)
	}
	if _, err := r.Export(ctx, bela, r.film.ID, ExportOptions{Format: "csv"}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// A recording that players turn is stored lying, and marked standing.
func TestPixelsAreOfThePictureAsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	r.add(bela, r.film.ID, Draft{FrameFrom: 0, FrameTo: 0, Region: archive.Region{X: 500_000, Y: 500_000, W: 500_000, H: 500_000}})
	must(t, r.db.Write(ctx, func(tx *store.Tx) error {
		return tx.AddDerivative(ctx, archive.Derivative{ID: archive.NewID(archive.PrefixDerivative), Item: r.film.ID, Kind: archive.DerivativeProxy, Recipe: "proxy", RecipeVersion: 1, Tool: "x", ToolVersion: "1",
			Object: r.film.Object, Size: 1, SHA256: r.film.SHA256, MediaType: "video/mp4", Meta: []byte(`{"width":480,"height":640}`), CreatedAt: noon})
	}))
	b, err := r.Export(ctx, bela, r.film.ID, ExportOptions{Format: JSONLD})
	must(t, err)
	if !bytes.Contains(b, []byte("xywh=pixel:240,320,240,320")) {
		t.Errorf("%s", b)
	}
}

package transcript

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/faultfs"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// rig is an archive with a film, a paper and a film of another accession.
type rig struct {
	*Service
	t                  *testing.T
	db                 *store.DB
	film, paper, other archive.Item
	asked              []string
	vault              *vault.Vault
}

func (r *rig) EnqueueTx(_ context.Context, _ *store.Tx, a job.Args, o job.Opts) error {
	r.asked = append(r.asked, fmt.Sprint(a, o.Unique))
	return nil
}

func person(n int, role archive.Role, accessions ...string) policy.Subject {
	return policy.Subject{Agent: fmt.Sprintf("ag_%026d", n), Role: role, Scope: archive.Scope{All: len(accessions) == 0, Accessions: accessions, MaxDifficulty: -1}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T, engine string) *rig {
	t.Helper()
	r := &rig{t: t, db: storetest.Open(t, engine)}
	now := noon
	var err error
	r.vault, err = vault.Create(t.Context(), localdisk.New(faultfs.New(1)), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 256 << 10})
	must(t, err)
	r.Service, err = New(Options{DB: r.db, Custody: custody.New(custody.Options{Tool: "zapis test"}), Jobs: r, Speech: true, Now: func() time.Time { now = now.Add(time.Second); return now }})
	must(t, err)
	r.write(func(tx *store.Tx) {
		for i := range 3 {
			must(t, tx.AddAgent(t.Context(), archive.Agent{ID: fmt.Sprintf("ag_%026d", i+1), Kind: "person", Name: fmt.Sprint("Person ", i+1), CreatedAt: noon}))
		}
		a, err := tx.AddAccession(t.Context(), archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "A", CreatedAt: noon, CreatedBy: "ag_1"})
		must(t, err)
		b, err := tx.AddAccession(t.Context(), archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "B", CreatedAt: noon, CreatedBy: "ag_1"})
		must(t, err)
		r.film, r.paper, r.other = r.item(tx, a, archive.KindVideo), r.item(tx, a, archive.KindDocument), r.item(tx, b, archive.KindVideo)
	})
	return r
}

func (r *rig) write(f func(*store.Tx)) {
	r.t.Helper()
	must(r.t, r.db.Write(r.t.Context(), func(tx *store.Tx) error { f(tx); return nil }))
}

func (r *rig) item(tx *store.Tx, a archive.Accession, kind archive.Kind) archive.Item {
	batch := r.vault.Begin(r.t.Context())
	id := archive.NewID(archive.PrefixItem)
	o, err := batch.Add(r.t.Context(), strings.NewReader("original "+id), vault.AddOptions{})
	must(r.t, err)
	c, err := batch.Commit(r.t.Context())
	must(r.t, err)
	must(r.t, tx.AddCommit(r.t.Context(), c, store.ObjectOriginal))
	i := archive.Item{ID: id, Accession: a.ID, Kind: kind, Size: o.Size, SHA256: o.SHA256[:], Duration: time.Minute,
		Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: noon, Difficulty: -1}
	must(r.t, tx.AddItem(r.t.Context(), &i))
	must(r.t, tx.MoveItem(r.t.Context(), i.ID, archive.ItemBrowsable, ""))
	return i
}

func (r *rig) events(item, act string) (n int) {
	r.t.Helper()
	must(r.t, r.db.Read(r.t.Context(), func(tx *store.Tx) error {
		at, err := tx.EventsOf(r.t.Context(), "item", item)
		for _, i := range at {
			o, err := tx.Opening(r.t.Context(), i)
			must(r.t, err)
			if strings.Contains(string(o.Event), "zwqcanary") {
				r.t.Errorf("the record holds words: %s", o.Event)
			}
			if e, err := archive.ParseEvent(o.Event); err == nil && e.Detail["act"] == act {
				n++
			}
		}
		return err
	}))
	return n
}

const file = "1\n00:00:01,500 --> 00:00:02,750\nКто там? zwqcanary\n\n2\n00:00:03,000 --> 00:00:04,000\nОткрывай\n\n3\n00:09:00,000 --> 00:09:01,000\nдалеко\n"

// machine adds what an engine would have made.
func (r *rig) machine(it archive.Item) archive.TextTrack {
	t := archive.TextTrack{ID: archive.NewID(archive.PrefixTextTrack), Item: it.ID, Kind: archive.TextTranscript, Origin: archive.TextByMachine, State: archive.TextWaiting,
		Author: "ag_00000000000000000000000003", Recipe: "speech", RecipeVersion: 1, Tool: "speech engine", Settings: "model x", CreatedAt: noon}
	r.write(func(tx *store.Tx) {
		must(r.t, tx.AddTextTrack(r.t.Context(), t))
		must(r.t, tx.AddTextPiece(r.t.Context(), archive.TextPiece{Track: t.ID, To: time.Minute, Spans: 1}))
		must(r.t, tx.AddTextSpans(r.t.Context(), t.ID, archive.TextSpan{ID: archive.NewID(archive.PrefixTextSpan), From: time.Second, To: 2 * time.Second, Text: "кто здесь zwqcanary", Score: 700}))
		must(r.t, tx.FinishTextTrack(r.t.Context(), t.ID, "ru", "speech engine, ffmpeg 5"))
	})
	return t
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			r := newRig(t, engine)
			anna, bela, admin := person(1, archive.RoleReviewer), person(2, archive.RoleInvestigator), person(2, archive.RoleAdmin)
			narrow := person(1, archive.RoleReviewer, r.other.Accession)
			heard := r.machine(r.film)

			rep, err := r.Import(ctx, anna, r.film.ID, Draft{File: []byte(file), Title: "Перевод", Lang: "ru"})
			must(t, err)
			if rep.Kept != 2 || rep.Same || rep.Track.Chosen() || len(rep.Parsed.Faults) != 1 || rep.Parsed.Faults[0] != (Fault{10, FaultLate, true}) {
				t.Errorf("%+v", rep)
			}
			again, err := r.Import(ctx, anna, r.film.ID, Draft{File: []byte(file)})
			if err != nil || !again.Same || again.Track.ID != rep.Track.ID || r.events(r.film.ID, "transcript imported") != 1 {
				t.Errorf("the same file again: %+v, %v", again, err)
			}
			if theirs, err := r.Import(ctx, bela, r.film.ID, Draft{File: []byte(file)}); err != nil || theirs.Same || theirs.Track.ID == rep.Track.ID {
				t.Errorf("another author: %+v, %v", theirs, err)
			}
			p, err := r.Words(ctx, anna, r.film.ID, Query{})
			must(t, err)
			if len(p.Tracks) != 3 || p.Track.ID != heard.ID || p.Track.Origin != archive.TextByMachine || len(p.Lines) != 1 || p.Track.AuthorName != "Person 3" || !p.MayEdit {
				t.Errorf("%+v", p)
			}

			// Choosing, correcting, and what was there before.
			item, err := r.Choose(ctx, anna, rep.Track.ID)
			if err != nil || item != r.film.ID {
				t.Error(item, err)
			}
			p, err = r.Words(ctx, anna, r.film.ID, Query{})
			must(t, err)
			if p.Track.ID != rep.Track.ID || len(p.Lines) != 2 || p.Lines[0].From != 1500*time.Millisecond || p.Lines[0].Lang != "ru" {
				t.Fatalf("%+v", p)
			}
			l, err := r.Correct(ctx, bela, p.Lines[0].ID, 1, "  Кто \n здесь? ")
			if err != nil || l.Text != "Кто здесь?" || l.Version != 2 || l.Author != bela.Agent {
				t.Errorf("%+v, %v", l, err)
			}
			if _, err := r.Correct(ctx, anna, p.Lines[0].ID, 1, "другое"); !errors.Is(err, archive.ErrConflict) {
				t.Errorf("over another's correction: %v", err)
			}
			for _, bad := range []string{strings.Repeat("x", MaxText+1), "a\x00b", "\xff"} {
				if _, err := r.Correct(ctx, anna, p.Lines[0].ID, 2, bad); !errors.Is(err, archive.ErrInvalid) {
					t.Errorf("%q: %v", bad[:3], err)
				}
			}
			v, err := r.Versions(ctx, anna, p.Lines[0].ID)
			if err != nil || len(v) != 2 || v[0].Text != "Кто там? zwqcanary" || v[0].Author != "" || v[1].Text != "Кто здесь?" || v[1].Author != bela.Agent {
				t.Errorf("%+v, %v", v, err)
			}

			// Out again.
			b, _, err := r.Export(ctx, bela, rep.Track.ID, VTT)
			if err != nil || !strings.Contains(string(b), "00:00:01.500 --> 00:00:02.750\nКто здесь?\n") || !strings.Contains(string(b), "1 sentences were corrected") || r.events(r.film.ID, "transcript exported") != 1 {
				t.Errorf("%s, %v", b, err)
			}
			if b, _, err := r.Export(ctx, bela, heard.ID, VTT); err != nil || !strings.Contains(string(b), "Made by a machine") {
				t.Errorf("%s, %v", b, err)
			}

			// Whoever does not see the item sees no word of it, and cannot tell that there is one.
			for name, err := range map[string]error{
				"words":                 second(r.Words(ctx, narrow, r.film.ID, Query{})),
				"import":                second(r.Import(ctx, narrow, r.film.ID, Draft{File: []byte(file)})),
				"choose":                second(r.Choose(ctx, narrow, rep.Track.ID)),
				"correct":               second(r.Correct(ctx, narrow, p.Lines[0].ID, 2, "x")),
				"versions":              second(r.Versions(ctx, narrow, p.Lines[0].ID)),
				"track of another item": second(r.Words(ctx, anna, r.other.ID, Query{Track: rep.Track.ID})),
			} {
				if !errors.Is(err, archive.ErrNotFound) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, err := r.Import(ctx, anna, r.paper.ID, Draft{File: []byte(file)}); !errors.Is(err, archive.ErrInvalid) {
				t.Errorf("a transcript of paper: %v", err)
			}

			// A newer run of the machine gives way only where nobody corrected anything.
			if err := r.Ask(ctx, anna, r.film.ID, archive.TextTranscript); !errors.Is(err, archive.ErrNotFound) {
				t.Errorf("asked by a reviewer: %v", err)
			}
			must(t, r.Ask(ctx, admin, r.film.ID, archive.TextTranscript))
			must(t, r.Ask(ctx, admin, r.paper.ID, archive.TextRead))
			n, err := r.AskAll(ctx, admin, archive.TextTranscript)
			if err != nil || n != 1 || len(r.asked) != 3 || !strings.Contains(r.asked[2], r.other.ID) {
				t.Errorf("%d, %v, %v", n, err, r.asked)
			}

			// Erased, nothing of it is left.
			r.write(func(tx *store.Tx) {
				q := store.Erasure{ID: archive.NewID(archive.PrefixErasure), Item: r.film.ID, RequestedBy: anna.Agent, RequestedAt: noon, Reason: "court"}
				must(t, tx.AddErasure(ctx, q))
				must(t, tx.ApproveErasure(ctx, q.ID, bela.Agent, noon))
			})
			if p, err := r.Words(ctx, admin, r.film.ID, Query{}); err == nil && len(p.Tracks) > 0 {
				t.Errorf("on its way out: %+v", p.Tracks)
			}
			r.write(func(tx *store.Tx) { must(t, tx.EraseItemRows(ctx, r.film.ID)) })
			for _, table := range []string{"text_track", "text_piece", "text_span", "text_span_version", "search_doc"} {
				var n int
				q := "SELECT COUNT(*) FROM " + table
				if r.db.SQL() != nil {
					must(t, r.db.SQL().QueryRow(q).Scan(&n))
				} else {
					must(t, r.db.Pool().QueryRow(ctx, q).Scan(&n))
				}
				if n != 0 {
					t.Errorf("%s has %d rows after the erasure", table, n)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

package knowledge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

var ctx = context.Background()

var noon = time.Date(2020, 7, 27, 12, 0, 0, 0, time.UTC)

// rig is a catalogue with people who may see more or less of it.
type rig struct {
	t     *testing.T
	db    *store.DB
	s     *knowledge.Service
	clock time.Time

	lead     policy.Subject // everything
	reviewer policy.Subject // common compartment, all items, edits nothing
	outside  policy.Subject // investigator without the closed compartment
	inside   policy.Subject // investigator with it
	closed   string         // a compartment
	people   map[string]string
}

func newRig(t *testing.T, db *store.DB) *rig {
	t.Helper()
	r := &rig{t: t, db: db, clock: noon}
	var err error
	now := func() time.Time { r.clock = r.clock.Add(time.Second); return r.clock }
	r.s, err = knowledge.New(knowledge.Options{DB: db, Custody: custody.New(custody.Options{Tool: "test", Now: now}), Now: now})
	r.must(err)
	agent := func(name string) string {
		id := archive.NewID(archive.PrefixAgent)
		r.must(db.Write(ctx, func(tx *store.Tx) error {
			return tx.AddAgent(ctx, archive.Agent{ID: id, Kind: "person", Name: name, CreatedAt: noon})
		}))
		return id
	}
	all := archive.Scope{All: true, MaxDifficulty: -1}
	r.lead = policy.Subject{Agent: agent("lead"), Role: archive.RoleAdmin, Scope: all}
	c, err := r.s.AddCompartment(ctx, r.lead, "closed")
	r.must(err)
	r.closed = c.ID
	r.reviewer = policy.Subject{Agent: agent("reviewer"), Role: archive.RoleReviewer, Scope: all}
	r.outside = policy.Subject{Agent: agent("outside"), Role: archive.RoleInvestigator, Scope: all}
	in := all
	in.Compartments = []string{c.ID}
	r.inside = policy.Subject{Agent: agent("inside"), Role: archive.RoleInvestigator, Scope: in}
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) is(what string, err, want error) {
	r.t.Helper()
	if !errors.Is(err, want) {
		r.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(newRig(t, db)) })
}

// claim is a draft with a certainty.
func claim(property, value string, sources ...archive.Source) knowledge.ClaimDraft {
	return knowledge.ClaimDraft{Property: property, Value: value, Certainty: archive.Probable, Sources: sources}
}

// make makes an entity as somebody.
func (r *rig) make(who policy.Subject, kind archive.EntityKind, compartment string, claims ...knowledge.ClaimDraft) archive.Entity {
	r.t.Helper()
	e, err := r.s.Create(ctx, who, knowledge.Draft{Kind: kind, Compartment: compartment, Claims: claims})
	r.must(err)
	return e
}

func (r *rig) say(who policy.Subject, entity string, claims ...knowledge.ClaimDraft) []archive.Claim {
	r.t.Helper()
	out, err := r.s.Say(ctx, who, entity, claims...)
	r.must(err)
	return out
}

func (r *rig) view(who policy.Subject, id string) knowledge.View {
	r.t.Helper()
	v, err := r.s.Entity(ctx, who, id)
	r.must(err)
	return v
}

// item adds an item of a difficulty.
func (r *rig) item(difficulty int, change func(*archive.Item)) archive.Item {
	r.t.Helper()
	var it archive.Item
	r.must(r.db.Write(ctx, func(tx *store.Tx) error {
		a, err := tx.AddAccession(ctx, archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "disk", CreatedAt: noon, CreatedBy: "ag_1"})
		if err != nil {
			return err
		}
		c := vault.Commit{Envelope: archive.NewID(archive.PrefixEnvelope), EnvelopeSize: 9}
		blob := vault.Blob{Name: archive.NewID(archive.PrefixBlob), Size: 9}
		o := vault.Object{ID: archive.NewID(archive.PrefixObject), Envelope: c.Envelope, Size: 9}
		copy(o.SHA256[:], o.ID[3:])
		o.Segments = []vault.Segment{{Blob: blob.Name, Length: 9, PlainLength: 9, PlainSHA256: o.SHA256}}
		c.Blobs, c.Objects = []vault.Blob{blob}, []vault.Object{o}
		if err := tx.AddCommit(ctx, c, store.ObjectOriginal); err != nil {
			return err
		}
		it = archive.Item{ID: archive.NewID(archive.PrefixItem), Accession: a.ID, Kind: archive.KindVideo, State: archive.ItemReady, Size: 9, SHA256: o.SHA256[:],
			Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: noon, Difficulty: difficulty, Duration: time.Hour}
		if change != nil {
			change(&it)
		}
		return tx.AddItem(ctx, &it)
	}))
	return it
}

func span(item string, from, to time.Duration) archive.Source {
	return archive.Source{Kind: archive.SourceItem, Item: item, From: from, To: to}
}

// property finds what is said of one property.
func property(v knowledge.View, name string) knowledge.PropertyView {
	for _, p := range v.Properties {
		if p.Property.Name == name {
			return p
		}
	}
	return knowledge.PropertyView{}
}

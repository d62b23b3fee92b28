package release

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
)

// kindRelease is the kind of an entry of the ledger.
const kindRelease = "release"

// maxNote bounds a note for colleagues, in bytes.
const maxNote = 500

func cleanNote(note string) (string, error) {
	if len(note) > maxNote || !utf8.ValidString(note) || strings.ContainsRune(note, 0) {
		return "", archive.Explain(fmt.Errorf("%w: note of a release", archive.ErrInvalid), "release-note", "")
	}
	return note, nil
}

// record writes a custody event about a release: identifiers and digests, no words.
func (s *Service) record(ctx context.Context, tx *store.Tx, who, eventType, id string, at time.Time, subjects []archive.Subject, detail map[string]string) (string, error) {
	e := archive.Event{
		ID: s.o.NewID(archive.PrefixEvent), Type: eventType, Agent: who, Outcome: archive.Success, Time: at,
		Subjects: append([]archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindRelease, ID: id}}, subjects...), Detail: detail,
	}
	_, err := s.o.Custody.Record(ctx, tx, e)
	return e.ID, err
}

// planFor resolves the plan of a draft and asks policy about each item of it. A version is always named afterwards.
func (s *Service) planFor(ctx context.Context, tx *store.Tx, who policy.Subject, d *Draft) ([]string, error) {
	p, err := s.o.Plans.PlanFacts(ctx, tx, d.Plan, d.PlanVersion)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", d.Plan, err)
	}
	items, err := itemsOf(ctx, tx, p.Plan.Sources)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		if gone(it) {
			return nil, fmt.Errorf("plan %s: %w", d.Plan, archive.ErrNotFound)
		}
	}
	if len(items) == 0 || p.Version < 1 {
		return nil, fmt.Errorf("plan %s: %w", d.Plan, archive.ErrNotFound)
	}
	d.PlanVersion = p.Version
	return p.Plan.Sources, allow(who, policy.EditRelease, items)
}

// Create begins a release of a plan. Slug, Plan and Languages of the draft are needed; the rest may be empty. With PlanVersion 0 the newest
// approved version is taken, or the newest. The slug is only wanted: the release gets it when it is first published, so that nobody learns from a
// name that is refused what somebody else prepares. Errors: archive.ErrInvalid, archive.ErrNotFound.
func (s *Service) Create(ctx context.Context, who policy.Subject, d Draft) (View, error) {
	fail := func(err error) (View, error) { return View{}, fmt.Errorf("create release: %w", err) }
	if !policy.Could(who, policy.EditRelease) {
		return fail(archive.ErrForbidden)
	}
	d, err := d.clean()
	if err != nil {
		return fail(err)
	}
	if len(d.Languages) == 0 {
		return fail(archive.Explain(fmt.Errorf("%w: languages of a release", archive.ErrInvalid), "release-languages", ""))
	}
	id := s.o.NewID(archive.PrefixRelease)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		d := d
		items, err := s.planFor(ctx, tx, who, &d)
		if err != nil {
			return err
		}
		body, sum, err := d.body()
		if err != nil {
			return err
		}
		now := s.now()
		err = tx.AddRelease(ctx, store.Release{ID: id, Slug: id, CreatedAt: now, CreatedBy: who.Agent},
			store.ReleaseVersion{Release: id, Version: 1, Body: body, SHA256: sum, Plan: d.Plan, PlanVersion: d.PlanVersion, Author: who.Agent, At: now}, items)
		if err != nil {
			return err
		}
		_, err = s.record(ctx, tx, who.Agent, archive.EventDescription, id, now, []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindPlan, ID: d.Plan}},
			map[string]string{"act": "release begun", "version": "1", "plan_version": strconv.Itoa(d.PlanVersion), "text_sha256": hex.EncodeToString(sum[:])})
		return err
	})
	if err != nil {
		return fail(err)
	}
	return s.Release(ctx, who, id)
}

// Save keeps a draft as the newest version, if base is the newest one; archive.ErrConflict otherwise, and for what was withdrawn. A draft that
// changes nothing makes none. What was to be published by itself has to be asked for again.
func (s *Service) Save(ctx context.Context, who policy.Subject, id string, base int, d Draft, note string) (Version, error) {
	return s.save(ctx, who, policy.EditRelease, id, base, func(Draft) (Draft, error) { return d, nil }, note, "")
}

func (s *Service) save(ctx context.Context, who policy.Subject, a policy.Action, id string, base int, change func(Draft) (Draft, error), note, act string) (Version, error) {
	var out Version
	fail := func(err error) (Version, error) { return Version{}, fmt.Errorf("save release: %w", err) }
	note, err := cleanNote(note)
	if err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, who, a, id)
		if err != nil {
			return err
		}
		if err := tx.LockRelease(ctx, row.ID); err != nil {
			return err
		}
		if row, err = find(ctx, tx, who, a, row.ID); err != nil {
			return err
		}
		head, err := tx.ReleaseVersion(ctx, row.ID, row.Head)
		if err != nil {
			return err
		}
		before, err := readDraft(head.Body, head.SHA256)
		if err != nil {
			return err
		}
		if base == 0 {
			base = row.Head
		}
		if row.Withdrawn || base != row.Head {
			return fmt.Errorf("release %s: %w: version %d is not the newest, or it was withdrawn", row.ID, archive.ErrConflict, base)
		}
		if erased, err := tx.ReleaseErased(ctx, row.ID, true); err != nil {
			return err
		} else if len(erased) > 0 {
			return archive.Explain(fmt.Errorf("release %s: %w: an item that it shows was erased", row.ID, archive.ErrConflict), "release-erased", "")
		}
		if act != "" {
			out, err := tx.ReleasePublications(ctx, row.ID)
			if err != nil {
				return err
			}
			if n := len(out); n == 0 || out[n-1].Version != row.Head {
				return fmt.Errorf("release %s: %w: nothing is out, or a newer version is being written", row.ID, archive.ErrConflict)
			}
		}
		d, err := change(before)
		if err != nil {
			return err
		}
		if d, err = d.clean(); err != nil {
			return err
		}
		if row.Number > 0 && d.Slug != row.Slug {
			return archive.Explain(fmt.Errorf("%w: slug of what is out", archive.ErrInvalid), "release-slug-fixed", "")
		}
		items, err := s.planFor(ctx, tx, who, &d)
		if err != nil {
			return err
		}
		body, sum, err := d.body()
		if err != nil {
			return err
		}
		if sum == head.SHA256 {
			out = versionOf(head, d, row.Head)
			return nil
		}
		now := s.now()
		v := store.ReleaseVersion{Release: row.ID, Version: row.Head + 1, Body: body, SHA256: sum, Plan: d.Plan, PlanVersion: d.PlanVersion, Author: who.Agent, At: now, Note: note}
		if err := tx.AddReleaseVersion(ctx, v, items); err != nil {
			return err
		}
		detail := map[string]string{"act": "release changed", "version": strconv.Itoa(v.Version), "plan_version": strconv.Itoa(d.PlanVersion), "text_sha256": hex.EncodeToString(sum[:])}
		if act != "" {
			detail["act"] = "release " + act + " begun"
		}
		event, err := s.record(ctx, tx, who.Agent, archive.EventDescription, row.ID, now, []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindPlan, ID: d.Plan}}, detail)
		if err != nil {
			return err
		}
		if act != "" {
			if err := tx.AddReleaseAct(ctx, store.ReleaseAct{ID: event, Release: row.ID, Version: v.Version, Act: store.ReleaseCorrect, At: now, Agent: who.Agent}); err != nil {
				return err
			}
		}
		out = versionOf(v, d, v.Version)
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

func versionOf(v store.ReleaseVersion, d Draft, head int) Version {
	return Version{Number: v.Version, Draft: d, SHA256: v.SHA256, Author: v.Author, At: v.At, Note: v.Note, Current: v.Version == head}
}

// Correct begins a new version of what is out, with what the correction says in public in every language. archive.ErrConflict if a newer version
// is being written already: what it says about its correction, and whether it replaces, is not undone by who did not see it.
func (s *Service) Correct(ctx context.Context, who policy.Subject, id string, why Words) (Version, error) {
	v, err := s.save(ctx, who, policy.EditRelease, id, 0, func(d Draft) (Draft, error) {
		if !d.said(why) {
			return d, archive.Explain(fmt.Errorf("%w: a correction in every language is needed", archive.ErrInvalid), "release-reason", "")
		}
		d.Correction, d.Replace = why, false
		return d, nil
	}, "", "correction")
	if err != nil {
		return Version{}, fmt.Errorf("correct: %w", err)
	}
	return v, nil
}

// Release gives a release by identifier or slug; archive.ErrNotFound.
func (s *Service) Release(ctx context.Context, who policy.Subject, id string) (View, error) {
	var out View
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = View{}
		row, err := find(ctx, tx, who, policy.ViewRelease, id)
		if err != nil {
			return err
		}
		f, err := s.collect(ctx, tx, who, row, toList)
		if err != nil {
			return err
		}
		out.Release = f.short()
		out.Version = versionOf(f.version, f.draft, row.Head)
		for _, v := range f.versions {
			out.Versions = append(out.Versions, versionOf(v, Draft{}, row.Head))
		}
		for _, a := range f.acts {
			if a.Act == store.ReleaseSigned {
				a.Note = "" // for the gates alone
			}
			out.Acts = append(out.Acts, Act{Event: a.ID, Act: a.Act, Version: a.Version, By: a.Agent, At: a.At, Note: a.Note})
		}
		kept, err := tx.ReleaseKeeps(ctx, row.ID)
		if err != nil {
			return err
		}
		for _, k := range kept {
			out.Acts = append(out.Acts, Act{Event: k.ID, Act: ActKept, Version: row.Head, By: k.Agent, At: k.At, Note: k.Why})
		}
		slices.SortStableFunc(out.Acts, func(a, b Act) int { return a.At.Compare(b.At) })
		for _, p := range f.out {
			out.Publications = append(out.Publications, publicationOf(p))
		}
		out.Concerns, err = s.concerns(ctx, tx, f, true)
		out.Concern = len(out.Concerns) > 0
		return err
	})
	if err != nil {
		return View{}, fmt.Errorf("release: %w", err)
	}
	return out, nil
}

func publicationOf(p store.ReleasePublication) Publication {
	return Publication{Number: p.Number, Version: p.Version, At: p.At, By: p.Agent, SignedBy: p.SignedBy, Clip: p.Clip, SHA256: p.SHA256, WithdrawnAt: p.WithdrawnAt,
		WithdrawnBy: p.WithdrawnBy, Placed: !p.PlacedAt.IsZero()}
}

// short gives the release in short.
func (f *facts) short() Release {
	r := Release{
		ID: f.row.ID, Slug: f.row.Slug, Title: f.draft.Title, Head: f.row.Head, Out: f.row.Number, Plan: f.draft.Plan, PlanVersion: f.version.PlanVersion, Authors: f.authors,
		Embargo: f.draft.Embargo, CreatedAt: f.row.CreatedAt, CreatedBy: f.row.CreatedBy, ChangedAt: f.row.ChangedAt, State: StateDraft,
	}
	if f.signed != nil {
		r.SignedBy, r.SignedAt = f.signed.Agent, f.signed.At
	}
	current := false
	if n := len(f.out); n > 0 {
		r.PublishedAt = f.out[n-1].At
		current = f.out[n-1].Version == f.row.Head
	}
	switch {
	case f.row.Withdrawn:
		r.State = StateWithdrawn
	case current:
		r.State = StatePublished
	case !f.row.DueAt.IsZero():
		r.State = StateScheduled
	case f.row.Number > 0:
		r.State = StateRevising
	case f.signed != nil:
		r.State = StateSigned
	}
	return r
}

// Version gives one version; archive.ErrNotFound.
func (s *Service) Version(ctx context.Context, who policy.Subject, id string, n int) (Version, error) {
	var out Version
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, who, policy.ViewRelease, id)
		if err != nil {
			return err
		}
		v, err := tx.ReleaseVersion(ctx, row.ID, n)
		if err != nil {
			return err
		}
		d, err := readDraft(v.Body, v.SHA256)
		out = versionOf(v, d, row.Head)
		return err
	})
	if err != nil {
		return Version{}, fmt.Errorf("version %d of release: %w", n, err)
	}
	return out, nil
}

// List gives all releases that somebody sees, the last changed first.
func (s *Service) List(ctx context.Context, who policy.Subject) ([]Release, error) {
	var out []Release
	if !policy.Could(who, policy.ViewRelease) {
		return nil, fmt.Errorf("list releases: %w", archive.ErrForbidden)
	}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		rows, err := tx.Releases(ctx, policy.ScopeOf(who))
		if err != nil {
			return err
		}
		for _, row := range rows {
			if _, err := find(ctx, tx, who, policy.ViewRelease, row.ID); errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) {
				continue
			} else if err != nil {
				return err
			}
			f, err := s.collect(ctx, tx, who, row, toList)
			if err != nil {
				return err
			}
			x := f.short()
			found, err := s.concerns(ctx, tx, f, false)
			if err != nil {
				return err
			}
			x.Concern = len(found) > 0
			out = append(out, x)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	return out, nil
}

// gather collects and weighs.
func (s *Service) gather(ctx context.Context, who policy.Subject, a policy.Action, id string, p purpose) (*facts, error) {
	var f *facts
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, who, a, id)
		if err != nil {
			return err
		}
		f, err = s.collect(ctx, tx, who, row, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, s.weigh(ctx, f)
}

// again collects anew in the transaction that decides, and gives it what was weighed, if nothing that was weighed has changed.
func (s *Service) again(ctx context.Context, tx *store.Tx, f *facts, a policy.Action) (*facts, error) {
	for _, id := range slices.Sorted(slices.Values(idsOf(f.items))) { // nobody erases one beside this
		if err := tx.LockItem(ctx, id); err != nil && !errors.Is(err, archive.ErrNotFound) {
			return nil, err
		}
	}
	if err := tx.LockRelease(ctx, f.row.ID); err != nil {
		return nil, err
	}
	row, err := find(ctx, tx, f.who, a, f.row.ID)
	if err != nil {
		return nil, err
	}
	g, err := s.collect(ctx, tx, f.who, row, f.purpose)
	if err != nil {
		return nil, err
	}
	others, err := tx.OutClips(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	if row.Withdrawn || g.agreed != f.agreed || row.Head != f.row.Head || row.Number != f.row.Number || !sameItems(f.items, g.items) ||
		!g.found.same(f.found) || f.purpose == toPublish && !slices.Equal(others, f.weight.out) {
		return nil, fmt.Errorf("release %s: %w: it changed meanwhile", row.ID, archive.ErrConflict)
	}
	g.weighed, g.weight, g.read = f.weighed, f.weight, f.read
	return g, nil
}

// same says whether nothing is to be looked for that was not looked for before.
func (f Found) same(o Found) bool {
	return slices.Equal(f.Words, o.Words) && slices.Equal(f.Plain, o.Plain) && slices.Equal(f.Agents, o.Agents)
}

func sameItems(a, b []archive.Item) bool {
	return slices.EqualFunc(a, b, func(a, b archive.Item) bool {
		return a.ID == b.ID && a.State == b.State && gone(a) == gone(b) && a.Object == b.Object
	})
}

// Checklist asks every gate about the newest version, as if it were published now. Of a release that is out as it stands it says what would
// block it today.
func (s *Service) Checklist(ctx context.Context, who policy.Subject, id string) ([]Gate, error) {
	f, err := s.gather(ctx, who, policy.ViewRelease, id, toShow)
	if err != nil {
		return nil, fmt.Errorf("checklist: %w", err)
	}
	return s.judge(f), nil
}

// Preview gives release.json as it would be, with the moment and the share of now; *Refused if it cannot be written.
func (s *Service) Preview(ctx context.Context, who policy.Subject, id string) (bundle.Release, error) {
	f, err := s.gather(ctx, who, policy.ViewRelease, id, toShow)
	if err != nil {
		return bundle.Release{}, fmt.Errorf("preview: %w", err)
	}
	list := slices.DeleteFunc([]Gate{gateFiles(f), gateForm(f)}, func(g Gate) bool { return g.State == OK })
	if f.plan.Rendered == nil || f.weight.form != nil {
		for i := range list {
			list[i].Code = GateForm
		}
		return bundle.Release{}, fmt.Errorf("preview: %w", &Refused{Gates: list})
	}
	return f.weight.release, nil
}

// Sign agrees to a version, which must be the newest: to its words, its plan and the bytes of its rendering. Errors: *Refused with the gates
// that block, archive.ErrConflict if there is a newer one. Where something in the text may name somebody who is protected, GatePeople blocks with
// the places: see SignHavingRead.
func (s *Service) Sign(ctx context.Context, who policy.Subject, id string, version int) error {
	return s.SignHavingRead(ctx, who, id, version, 0)
}

// SignHavingRead is Sign by somebody who has looked at so many places that may name somebody who is protected, and says that they do not. If there
// are more, also when it is published, GatePeople blocks.
func (s *Service) SignHavingRead(ctx context.Context, who policy.Subject, id string, version, places int) error {
	fail := func(err error) error { return fmt.Errorf("sign release: %w", err) }
	f, err := s.gather(ctx, who, policy.ApproveRelease, id, toSign)
	if err != nil {
		return fail(err)
	}
	f.read = max(places, 0)
	if version != f.row.Head || f.row.Withdrawn {
		return fail(fmt.Errorf("release %s: %w: version %d is not the newest", f.row.ID, archive.ErrConflict, version))
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		g, err := s.again(ctx, tx, f, policy.ApproveRelease)
		if err != nil {
			return err
		}
		if closed, _ := verdict(s.judge(g)); len(closed) > 0 {
			return &Refused{Gates: closed}
		}
		if g.signed != nil && g.signed.Agent == who.Agent {
			return nil // twice is once
		}
		now, note := s.now(), ""
		if f.read > 0 {
			note = fmt.Sprintf(readForm, f.read)
		}
		event, err := s.record(ctx, tx, who.Agent, archive.EventDissemination, f.row.ID, now, s.subjects(g), map[string]string{
			"act": "release signed", "version": strconv.Itoa(version), "agreed_sha256": hex.EncodeToString(g.agreed[:]), "text_sha256": hex.EncodeToString(g.version.SHA256[:]),
			"warnings": strconv.Itoa(warnings(s.judge(g))),
		})
		if err != nil {
			return err
		}
		return tx.AddReleaseAct(ctx, store.ReleaseAct{ID: event, Release: f.row.ID, Version: version, Act: store.ReleaseSigned, Digest: g.agreed[:], At: now, Agent: who.Agent, Note: note})
	})
	if errors.Is(err, store.ErrInsertOnly) { // the database has the last word about authors
		g := blocked("own-text")
		g.Code = GateFourEyes
		err = &Refused{Gates: []Gate{g}}
	}
	if err != nil {
		return fail(s.tried(ctx, who, f.row.ID, "release signature refused", err))
	}
	return nil
}

// tried records that somebody was refused because of whom a text names: only then an answer says something about names that are sealed, and whoever
// tries one after the other must not do so unseen.
func (s *Service) tried(ctx context.Context, who policy.Subject, id, act string, err error) error {
	refused := (*Refused)(nil)
	if !errors.As(err, &refused) || !slices.ContainsFunc(refused.Gates, func(g Gate) bool { return g.Code == GatePeople }) {
		return err
	}
	rerr := s.o.DB.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := s.o.Custody.Record(ctx, tx, archive.Event{
			ID: s.o.NewID(archive.PrefixEvent), Type: archive.EventAdministration, Agent: who.Agent, Outcome: archive.Warning, Time: s.now(),
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindRelease, ID: id}}, Detail: map[string]string{"act": act, "gate": GatePeople},
		})
		return err
	})
	return errors.Join(err, rerr)
}

func warnings(list []Gate) (n int) {
	for _, g := range list {
		if g.State == Warn {
			n++
		}
	}
	return n
}

func (s *Service) subjects(f *facts) []archive.Subject {
	out := []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindPlan, ID: f.draft.Plan}}
	for _, it := range f.items {
		out = append(out, archive.Subject{Role: custody.RoleSource, Kind: custody.KindItem, ID: it.ID})
	}
	return out
}

// Publish writes the signed version into the folder of releases, or, before its embargo ends, has it published then: Publication.Number is 0 and
// At the moment. Every gate is asked again, after every byte was read again. Errors: *Refused with the gates that block or wait,
// archive.ErrConflict if it changed meanwhile. A Publication that is not Placed is out by decision and not yet in the folder; Settle brings it
// there.
func (s *Service) Publish(ctx context.Context, who policy.Subject, id string) (Publication, error) {
	p, err := s.letOut(ctx, who, id, false)
	if err != nil {
		return p, s.tried(ctx, who, p.release, "release publication refused", err)
	}
	return p, nil
}

// letOut publishes or schedules. due says that nobody asks now, but somebody asked before for what is due: it must still be so.
func (s *Service) letOut(ctx context.Context, who policy.Subject, id string, due bool) (Publication, error) {
	f, err := s.gather(ctx, who, policy.Publish, id, toPublish)
	if err != nil {
		return Publication{}, fmt.Errorf("publish release: %w", err)
	}
	fail := func(err error) (Publication, error) {
		return Publication{release: f.row.ID}, fmt.Errorf("publish release: %w", err)
	}
	if n := len(f.out); f.row.Withdrawn || n > 0 && f.out[n-1].Version == f.row.Head {
		return fail(fmt.Errorf("release %s: %w: its newest version is out, or it was withdrawn", f.row.ID, archive.ErrConflict))
	}
	asked := func(row store.Release) error {
		if due && (row.DueAt.IsZero() || row.DueBy != who.Agent) {
			return fmt.Errorf("release %s: %w: nobody asks for it any more", row.ID, archive.ErrConflict)
		}
		return nil
	}
	if err := asked(f.row); err != nil {
		return fail(err)
	}
	closed, waiting := verdict(s.judge(f))
	embargo := slices.ContainsFunc(waiting, func(g Gate) bool { return g.Code == GateEmbargo })
	switch {
	case len(closed) > 0:
		return fail(&Refused{Gates: closed})
	case embargo && !slices.ContainsFunc(waiting, func(g Gate) bool { return g.Code != GateEmbargo && g.Code != GateProof }):
		if err := s.schedule(ctx, f); err != nil {
			return fail(err)
		}
		return Publication{At: f.draft.Embargo, Version: f.row.Head, By: who.Agent}, nil
	case len(waiting) > 0:
		return fail(&Refused{Gates: waiting})
	}
	var out store.ReleasePublication
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		g, err := s.again(ctx, tx, f, policy.Publish)
		if err != nil {
			return err
		}
		if err := asked(g.row); err != nil {
			return err
		}
		if closed, waiting := verdict(s.judge(g)); len(closed)+len(waiting) > 0 {
			return &Refused{Gates: append(closed, waiting...)}
		}
		out, err = s.publish(ctx, tx, g)
		return err
	})
	if errors.Is(err, store.ErrInsertOnly) {
		g := blocked("nobody-signed")
		g.Code = GateFourEyes
		err = &Refused{Gates: []Gate{g}}
	}
	if err != nil {
		return fail(err)
	}
	// From here on it is decided and recorded. What does not reach the folder now is brought there by Settle.
	if err := s.settleFolder(ctx, out.Release); err != nil {
		s.o.Logger.ErrorContext(ctx, "release is not in the folder yet", slog.String("release", out.Release), slog.Any("error", err))
	}
	p := publicationOf(out)
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		now, err := tx.ReleasePublication(ctx, out.Release, out.Number)
		if err == nil {
			p = publicationOf(now)
		}
		return err
	})
	if err != nil { // it is out all the same
		s.o.Logger.WarnContext(ctx, "what was published could not be read again", slog.String("release", out.Release), slog.Any("error", err))
	}
	return p, nil
}

// schedule has a release published when its embargo ends.
func (s *Service) schedule(ctx context.Context, f *facts) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		g, err := s.again(ctx, tx, f, policy.Publish)
		if err != nil {
			return err
		}
		if closed, _ := verdict(s.judge(g)); len(closed) > 0 {
			return &Refused{Gates: closed}
		}
		now := s.now()
		if err := tx.SetReleaseDue(ctx, f.row.ID, f.draft.Embargo, f.who.Agent, now); err != nil {
			return err
		}
		event, err := s.record(ctx, tx, f.who.Agent, archive.EventDissemination, f.row.ID, now, s.subjects(g), map[string]string{
			"act": "release scheduled", "version": strconv.Itoa(f.row.Head), "due": f.draft.Embargo.Format(time.RFC3339)})
		if err != nil {
			return err
		}
		return tx.AddReleaseAct(ctx, store.ReleaseAct{ID: event, Release: f.row.ID, Version: f.row.Head, Act: store.ReleaseScheduled, At: now, Agent: f.who.Agent})
	})
}

// publish notes what goes out, with its event, its entry in the ledger, and what it does to what went out before.
func (s *Service) publish(ctx context.Context, tx *store.Tx, f *facts) (store.ReleasePublication, error) {
	doc := f.weight.release
	raw, err := doc.Canonical()
	if err != nil {
		return store.ReleasePublication{}, err
	}
	now := s.now()
	p := store.ReleasePublication{
		Release: f.row.ID, Number: f.row.Number + 1, Version: f.row.Head, Clip: f.plan.Rendered.Clip, Document: raw, Proof: f.weight.proof, Scope: f.weight.scope,
		SHA256: literal(bundle.FileRelease, raw).sum, At: f.weight.at, Agent: f.who.Agent, SignedBy: f.signed.Agent,
	}
	if doc.Release != p.Number {
		return p, fmt.Errorf("release %s: %w: it changed meanwhile", f.row.ID, archive.ErrConflict)
	}
	if f.row.Number == 0 {
		switch err := tx.NameRelease(ctx, f.row.ID, f.draft.Slug); {
		case errors.Is(err, archive.ErrExists):
			g := blocked("taken").where("slug")
			g.Code = GateForm
			return p, &Refused{Gates: []Gate{g}}
		case err != nil:
			return p, err
		}
	}
	if err := tx.AddReleasePublication(ctx, p); err != nil {
		return p, err
	}
	buried := 0
	for _, o := range f.out {
		before, err := bundle.Parse(o.Document)
		if err != nil {
			return p, fmt.Errorf("publication %d of %s: %w", o.Number, o.Release, archive.ErrIntegrity)
		}
		if o.Tombstone != nil || !f.draft.Replace && o.Clip == p.Clip {
			continue // the same rendering
		}
		if err := s.bury(ctx, tx, o, before, f.who.Agent, f.draft.Correction, now); err != nil {
			return p, err
		}
		buried++
	}
	detail := map[string]string{
		"act": "release published", "number": strconv.Itoa(p.Number), "version": strconv.Itoa(p.Version), "document_sha256": hex.EncodeToString(p.SHA256[:]),
		"agreed_sha256": hex.EncodeToString(f.agreed[:]), "clip": p.Clip, "earlier_withdrawn": strconv.Itoa(buried),
	}
	for _, x := range f.plan.Rendered.Files {
		detail["clip_"+strconv.Itoa(x.Height)+"_sha256"] = hex.EncodeToString(x.SHA256[:])
	}
	event, err := s.record(ctx, tx, f.who.Agent, archive.EventDissemination, f.row.ID, now, s.subjects(f), detail)
	if err != nil {
		return p, err
	}
	if err := tx.AddReleaseAct(ctx, store.ReleaseAct{ID: event, Release: f.row.ID, Version: p.Version, Act: store.ReleasePublished, At: now, Agent: f.who.Agent}); err != nil {
		return p, err
	}
	e := store.Export{ID: s.o.NewID(archive.PrefixExport), Kind: kindRelease, Purpose: "publication", Audience: "public", At: now, By: f.who.Agent,
		Entries: []store.ExportEntry{{Kind: kindRelease, ID: f.row.ID}, {Kind: store.EntryClip, ID: p.Clip}}}
	for _, it := range f.items {
		e.Entries = append(e.Entries, store.ExportEntry{Kind: store.EntryItem, ID: it.ID})
	}
	for _, c := range f.claims {
		e.Entries = append(e.Entries, store.ExportEntry{Kind: store.EntryClaim, ID: c.ID}, store.ExportEntry{Kind: store.EntryEntity, ID: c.Entity})
		for _, src := range c.Sources {
			if src.Passage != "" {
				e.Entries = append(e.Entries, store.ExportEntry{Kind: store.EntryPassage, ID: src.Passage})
			}
		}
	}
	for _, n := range f.named {
		if n.Maybe {
			continue
		}
		e.Entries = append(e.Entries, store.ExportEntry{Kind: store.EntryEntity, ID: n.Entity})
	}
	return p, s.o.Ledger.AddExport(ctx, tx, e)
}

func (s *Service) bury(ctx context.Context, tx *store.Tx, o store.ReleasePublication, doc bundle.Release, by string, reason Words, at time.Time) error {
	raw, err := tombstone(doc, at, reason).Canonical()
	if errors.Is(err, bundle.ErrFormat) { // the reason is all that is new in it
		return archive.Explain(fmt.Errorf("%w: reason of a withdrawal", archive.ErrInvalid), "release-reason", "")
	}
	if err != nil {
		return err
	}
	return tx.BuryReleasePublication(ctx, o.Release, o.Number, raw, by, at)
}

// Withdraw puts a tombstone with the reason in the place of everything that is out. The reason is published in every language of the release,
// and names nobody. Errors: archive.ErrInvalid without a reason, archive.ErrConflict if nothing is out, *Refused if the reason names somebody
// protected or holds a trace. No other gate is asked: what must go goes.
func (s *Service) Withdraw(ctx context.Context, who policy.Subject, id string, why Words) error {
	fail := func(err error) error { return fmt.Errorf("withdraw release: %w", err) }
	d, err := Draft{Slug: "x", Plan: archive.PrefixPlan + "_00000000000000000000000000", Correction: why}.clean()
	if err != nil {
		return fail(err)
	}
	why = d.Correction
	var release string
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, who, policy.Publish, id)
		if err != nil {
			return err
		}
		release = row.ID
		if err := tx.LockRelease(ctx, row.ID); err != nil {
			return err
		}
		out, err := tx.ReleasePublications(ctx, row.ID)
		if err != nil {
			return err
		}
		now := s.now()
		if err := tx.WithdrawRelease(ctx, row.ID, now); err != nil {
			return err
		}
		last, err := bundle.Parse(out[len(out)-1].Document)
		if err != nil {
			return fmt.Errorf("publication of %s: %w", row.ID, archive.ErrIntegrity)
		}
		if slices.ContainsFunc(last.Languages, func(lang string) bool { return why[lang] == "" }) {
			return archive.Explain(fmt.Errorf("%w: a reason in every language is needed", archive.ErrInvalid), "release-reason", "")
		}
		texts := make([]string, 0, len(why))
		for _, t := range why {
			texts = append(texts, t)
		}
		named, err := s.people(ctx, tx, texts, true)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(named, func(n Named) bool { return n.Protected && !n.Maybe }) {
			g := blocked("protected", "n", 1).where("withdrawal")
			g.Code = GatePeople
			return &Refused{Gates: []Gate{g}}
		}
		if kind := s.tracesIn(ctx, tx, row, texts); kind != "" {
			g := blocked(kind, "n", 1).where("withdrawal")
			g.Code = GateTraces
			return &Refused{Gates: []Gate{g}}
		}
		for _, o := range out {
			doc, err := bundle.Parse(o.Document)
			if err != nil {
				return fmt.Errorf("publication of %s: %w", row.ID, archive.ErrIntegrity)
			}
			if err := s.bury(ctx, tx, o, doc, who.Agent, why, now); err != nil {
				return err
			}
		}
		event, err := s.record(ctx, tx, who.Agent, archive.EventDissemination, row.ID, now, nil, map[string]string{
			"act": "release withdrawn", "number": strconv.Itoa(row.Number), "publications": strconv.Itoa(len(out))})
		if err != nil {
			return err
		}
		return tx.AddReleaseAct(ctx, store.ReleaseAct{ID: event, Release: row.ID, Version: row.Head, Act: store.ReleaseWithdrawn, At: now, Agent: who.Agent,
			Note: why[last.Languages[0]]})
	})
	if err != nil {
		return fail(s.tried(ctx, who, release, "release withdrawal refused", err))
	}
	if err := s.settleFolder(ctx, release); err != nil {
		// It is recorded and must not be forgotten: whoever withdraws is told that media may still lie there.
		return fail(fmt.Errorf("release %s is withdrawn, its media could not be taken away yet: %w", release, err))
	}
	return nil
}

// tracesIn looks for traces in what is to be said of a withdrawal; empty: none. What cannot be looked up holds nothing up: media that must go are
// worse than a word too many.
func (s *Service) tracesIn(ctx context.Context, tx *store.Tx, row store.Release, texts []string) string {
	f := &facts{row: row, draft: Draft{Plan: row.ID}}
	ids, err := tx.ReleaseItems(ctx, row.ID)
	if err == nil {
		if f.items, err = itemsOf(ctx, tx, ids); err == nil {
			f.found, err = s.o.Traces.Traces(ctx, tx, ids)
		}
	}
	if err != nil {
		s.o.Logger.WarnContext(ctx, "a withdrawal was not searched for traces", slog.String("release", row.ID), slog.Any("error", err))
	}
	if len(workers(texts, f.found.Agents)) > 0 {
		return needleAgent
	}
	needles := s.needles(f)
	for _, t := range texts {
		kinds, err := search(strings.NewReader(t), needles)
		if err != nil {
			continue // memory gives no errors
		}
		for _, kind := range []string{needleTrace, needleAgent, needleMachine, needleIdentifier} {
			if slices.Contains(kinds, kind) {
				return kind
			}
		}
	}
	return ""
}

// Keep decides that a release stays out although an item that it shows was erased, with a reason for colleagues. Until then, or until it is
// withdrawn, nothing about it can be changed. Errors: archive.ErrInvalid without a reason, archive.ErrConflict if there is nothing to decide.
func (s *Service) Keep(ctx context.Context, who policy.Subject, id, why string) error {
	fail := func(err error) error { return fmt.Errorf("keep release: %w", err) }
	why, err := cleanNote(strings.Join(strings.Fields(why), " "))
	if err == nil && why == "" {
		err = archive.Explain(fmt.Errorf("%w: a reason is needed", archive.ErrInvalid), "release-note", "")
	}
	if err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, who, policy.Publish, id)
		if err != nil {
			return err
		}
		if err := tx.LockRelease(ctx, row.ID); err != nil {
			return err
		}
		erased, err := tx.ReleaseErased(ctx, row.ID, true)
		if err != nil {
			return err
		}
		if len(erased) == 0 {
			return fmt.Errorf("release %s: %w: nothing that it shows was erased, or it was decided", row.ID, archive.ErrConflict)
		}
		now := s.now()
		for _, item := range erased {
			event, err := s.record(ctx, tx, who.Agent, archive.EventAdministration, row.ID, now, []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindItem, ID: item}},
				map[string]string{"act": "release kept after erasure"})
			if err != nil {
				return err
			}
			if err := tx.AddReleaseKeep(ctx, store.ReleaseKeep{ID: event, Release: row.ID, Item: item, Why: why, At: now, Agent: who.Agent}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// Look looks for people who are protected in texts that go out beside releases, which no gate is asked about: pages of the site, cases and promises. It
// gives the places where somebody is named, or may be (Named.Maybe), without telling whom; Named.Text of -1 for a sealed name, of which nobody is told
// even where. What it finds stands in the custody record, as what a gate finds does. archive.ErrForbidden for who may not publish.
func (s *Service) Look(ctx context.Context, who policy.Subject, texts []string) (found []Named, err error) {
	if !policy.Could(who, policy.Publish) {
		return nil, fmt.Errorf("look for names: %w", archive.ErrForbidden)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		all, err := s.people(ctx, tx, texts, true)
		if err != nil {
			return err
		}
		found = nil
		for _, n := range all {
			if n.Protected {
				found = append(found, Named{Protected: true, Maybe: n.Maybe, Text: n.Text})
			}
		}
		if len(found) == 0 {
			return nil
		}
		_, err = s.o.Custody.Record(ctx, tx, archive.Event{
			ID: s.o.NewID(archive.PrefixEvent), Type: archive.EventAdministration, Agent: who.Agent, Outcome: archive.Warning, Time: s.now(),
			Detail: map[string]string{"act": "texts looked through for names", "gate": GatePeople},
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for names: %w", err)
	}
	return found, nil
}

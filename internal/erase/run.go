package erase

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// RunOptions of Run.
type RunOptions struct {
	// Clips also destroys the archive's own sealed copies of clips that were cut from the item. What was stated stays stated.
	Clips bool
}

// Report says what an erasure came to.
type Report struct {
	Erasure  string
	Item     string
	Objects  int // keys destroyed
	Clips    int // of these, sealed copies of clips
	Openings int // of events of the custody record
	// Purged: what was erased has left the files of the database. Replicated: the replica was brought up to date. Replica: there
	// is one. If either of the first is false where it should not be, Run says why in its error although the erasure is done.
	Purged, Replica, Replicated bool
}

// ErrFollow: the erasure is done, and the files of the database or the replica do not show it yet.
var ErrFollow = errors.New("the erasure is done, but not everywhere")

// rounds is how often Run looks again when a derivative came in while it destroyed the others.
const rounds = 4

// subjectsOfItem is how many objects of the item a deletion event names; the rest are counted.
const subjectsOfItem = 58

// Run carries out an erasure that two people agreed to, and finishes one that broke off, wherever that was. Running one that is
// done only purges and replicates again. Errors: archive.ErrNotFound, archive.ErrConflict if nobody agreed yet, ErrOpen,
// archive.ErrBusy if another process erases, archive.ErrIntegrity, those of vault and database: run it again. ErrFollow: run it
// again, or do what it says by hand.
func (s *Service) Run(ctx context.Context, agent, id string, o RunOptions) (rep Report, err error) {
	fail := func(err error) (Report, error) { return rep, fmt.Errorf("run erasure %s: %w", id, err) }
	if err := archive.CheckID(archive.PrefixErasure, id); err != nil {
		return Report{}, fmt.Errorf("run erasure: %w", err)
	}
	l, err := s.o.Lock()
	if err != nil {
		return fail(err)
	}
	defer func() {
		if cerr := l.Close(); cerr != nil && err == nil {
			err = cerr
		}
	}()
	var e store.Erasure
	if err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { e, err = tx.Erasure(ctx, id); return err }); err != nil {
		return fail(err)
	}
	rep.Erasure, rep.Item = id, e.Item
	switch {
	case e.State == Done:
	case e.State != Approved || e.ApprovedBy == "" || e.ApprovedBy == e.RequestedBy:
		return fail(archive.Explain(fmt.Errorf("%w: it is %s", archive.ErrConflict, e.State), "Nobody agreed to this erasure yet.",
			"Another person than the one who asked has to agree: zapis erase approve "+id+" --as NAME"))
	default:
		if err := s.carryOut(ctx, agent, e, o, &rep); err != nil {
			return fail(err)
		}
	}
	return rep, s.follow(ctx, id, &rep)
}

// carryOut destroys keys and rows. The order is: keys of what was made of the item, then one transaction for all rows, then the
// keys of the manifests that the transaction replaced. After each step the next run finds what is left to do.
func (s *Service) carryOut(ctx context.Context, agent string, e store.Erasure, o RunOptions, rep *Report) error {
	for range rounds {
		done, err := s.deletions(ctx, e)
		if err != nil {
			return err
		}
		if len(done) > 0 {
			return s.finish(ctx, e, done, rep)
		}
		if err := s.cancelJobs(ctx, e.Item); err != nil {
			return err
		}
		refs, clips, err := s.objects(ctx, e.Item, o.Clips)
		if err != nil {
			return err
		}
		if err := s.destroy(ctx, slices.Concat(refs, clips)); err != nil {
			return err
		}
		rep.Objects, rep.Clips = len(refs)+len(clips), len(clips)
		err = s.rows(ctx, agent, e, refs, clips, rep)
		if err != nil && !errors.Is(err, errAnother) {
			return err
		}
	}
	return fmt.Errorf("%w: something is still made of the item", archive.ErrBusy)
}

// errAnother: a derivative came in since the objects were listed.
var errAnother = fmt.Errorf("%w: another derivative was made", archive.ErrConflict)

// cancelJobs calls off what would be made of the item.
func (s *Service) cancelJobs(ctx context.Context, item string) error {
	if s.o.Jobs == nil {
		return nil
	}
	list, err := s.o.Jobs.List(ctx, job.Filter{Item: item, States: []job.State{job.Available, job.Scheduled, job.Running, job.Retryable}, Limit: 1000})
	if err != nil {
		return err
	}
	for _, j := range list {
		if err := s.o.Jobs.Cancel(ctx, j.ID); err != nil && !errors.Is(err, archive.ErrNotFound) {
			return err
		}
	}
	return nil
}

// objects gives what was sealed of an item, and, if asked, the clips that were cut from it.
func (s *Service) objects(ctx context.Context, item string, withClips bool) (refs, clips []archive.ObjectRef, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		clips = nil
		if err := closed(ctx, tx, item); err != nil {
			return err
		}
		if refs, err = tx.ObjectsOfItem(ctx, item); err != nil || !withClips {
			return err
		}
		all, err := tx.Clips(ctx, "")
		if err != nil {
			return err
		}
		for _, c := range all {
			events, err := tx.EventsOfType(ctx, custody.KindObject, c.Object.Object, archive.EventDissemination)
			if err != nil {
				return err
			}
			if slices.Contains(refs, c.Object) {
				continue // rendered of a redaction plan: it goes in any case
			}
			if slices.ContainsFunc(events, func(o store.Opening) bool {
				return slices.Contains(o.Subjects, archive.Subject{Role: custody.RoleSource, Kind: custody.KindItem, ID: item})
			}) {
				clips = append(clips, c.Object)
			}
		}
		return nil
	})
	return refs, clips, err
}

// destroy destroys keys, one envelope after the other, and notes each envelope as it is now: a check between two steps must not
// take an envelope that lost a key for a damaged one.
func (s *Service) destroy(ctx context.Context, refs []archive.ObjectRef) error {
	for _, r := range refs {
		if err := s.o.Vault.Erase(ctx, vault.Ref(r)); err != nil {
			return err
		}
		c, err := s.o.Vault.DescribeCommit(ctx, r.Envelope)
		if err != nil {
			return err
		}
		if err := s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.SetEnvelope(ctx, r.Envelope, c.EnvelopeSHA256[:], c.EnvelopeSize) }); err != nil {
			return err
		}
	}
	return nil
}

// gone makes sure that no key of the objects is left, and that the catalogue knows the envelopes as they are: a damaged envelope
// could have been healed from a replica that had not heard of the erasure.
func (s *Service) gone(ctx context.Context, refs []archive.ObjectRef) error {
	for _, r := range refs {
		c, err := s.o.Vault.DescribeCommit(ctx, r.Envelope)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(c.Objects, func(o vault.Object) bool { return o.ID == r.Object }) {
			return fmt.Errorf("object %s: %w: its key is back", r.Object, archive.ErrConflict)
		}
		err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
			row, err := tx.Envelope(ctx, r.Envelope)
			if err == nil && !bytes.Equal(row.SHA256, c.EnvelopeSHA256[:]) {
				err = fmt.Errorf("envelope %s: %w: it changed meanwhile", r.Envelope, archive.ErrConflict)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// replaced is a manifest that takes the place of another one.
type replaced struct {
	accession archive.Accession // as it was
	commit    vault.Commit
	receipt   []byte
}

// rows is the one transaction that takes everything about the item out of the catalogue and the custody record.
func (s *Service) rows(ctx context.Context, agent string, e store.Erasure, refs, clips []archive.ObjectRef, rep *Report) error {
	var list []archive.Accession
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { list, err = tx.AccessionsOfItem(ctx, e.Item); return err })
	if err != nil {
		return err
	}
	var manifests []replaced
	for _, a := range list {
		c, err := s.rewrite(ctx, a, e.Item)
		if err != nil {
			return err
		}
		m := replaced{accession: a, commit: c}
		if m.receipt, err = s.tombstone(a, c.Objects[0]); err != nil {
			return err
		}
		manifests = append(manifests, m)
	}
	if len(manifests) == 0 {
		return fmt.Errorf("item %s: %w: it is in no manifest", e.Item, archive.ErrIntegrity)
	}
	if err := s.gone(ctx, slices.Concat(refs, clips)); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockItem(ctx, e.Item); err != nil {
			return err
		}
		if err := closed(ctx, tx, e.Item); err != nil {
			return err
		}
		now, err := tx.ObjectsOfItem(ctx, e.Item)
		if err != nil {
			return err
		}
		again, err := tx.AccessionsOfItem(ctx, e.Item)
		if err != nil {
			return err
		}
		if !slices.Equal(now, refs) || !slices.EqualFunc(again, manifests, func(a archive.Accession, m replaced) bool {
			return a.ID == m.accession.ID && a.Manifest == m.accession.Manifest
		}) {
			return errAnother
		}
		positions, err := erasable(ctx, tx, e.Item, list)
		if err != nil {
			return err
		}
		for _, m := range manifests {
			if err := tx.AddCommit(ctx, m.commit, store.ObjectManifest); err != nil {
				return err
			}
			o := m.commit.Objects[0]
			if err := tx.ReplaceManifest(ctx, m.accession.ID, archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, o.SHA256[:], m.receipt); err != nil {
				return err
			}
		}
		if err := tx.EraseOpenings(ctx, e.ID, positions); err != nil {
			return err
		}
		if err := tx.EraseItemRows(ctx, e.Item); err != nil {
			return err
		}
		for _, c := range clips {
			if err := tx.SetObjectState(ctx, c.Object, store.ObjectErased); err != nil {
				return err
			}
		}
		rep.Openings = len(positions)
		_, err = s.o.Custody.Record(ctx, tx, deleted(agent, e, positions, refs, clips, manifests)...)
		return err
	})
}

// keeps are the types of events that may stay although they name the item, if they state no digest and no size: who saw it, who
// asked for what.
var keeps = []string{archive.EventDisplaying, archive.EventAdministration, archive.EventQuarantine}

// erasable gives the indexes of the events whose openings go: those that name the item, what was made of it or their objects,
// but for those that may stay, and the closing of every accession in which it was found.
func erasable(ctx context.Context, tx *store.Tx, item string, accessions []archive.Accession) ([]int64, error) {
	all, err := tx.ErasablePositions(ctx, item)
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, at := range all {
		o, err := tx.Opening(ctx, at)
		if err != nil {
			return nil, err
		}
		e, err := archive.ParseEvent(o.Event)
		if err != nil {
			return nil, fmt.Errorf("event at %d: %w", at, archive.ErrIntegrity)
		}
		if !slices.Contains(keeps, e.Type) || linkable(e.Detail) {
			out = append(out, at)
		}
	}
	for _, a := range accessions {
		closings, err := tx.EventsOfType(ctx, custody.KindAccession, a.ID, archive.EventAccessionClosing)
		if err != nil {
			return nil, err
		}
		for _, o := range closings {
			out = append(out, o.Index)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// linkable says whether an event states something that could be computed from a candidate for the erased bytes.
func linkable(detail map[string]string) bool {
	for k := range detail {
		if strings.HasSuffix(k, "sha256") || strings.HasSuffix(k, "root") || k == "size" || k == "bytes" || k == "whole" {
			return true
		}
	}
	return false
}

// deleted makes the events that stay of an erased item: one for each manifest that was written again, the first also with the
// objects.
func deleted(agent string, e store.Erasure, positions []int64, refs, clips []archive.ObjectRef, manifests []replaced) []archive.Event {
	h := sha256.New()
	for _, p := range positions {
		fmt.Fprintf(h, "%d\n", p)
	}
	about := func(id string) archive.Subject {
		return archive.Subject{Role: custody.RoleAbout, Kind: custody.KindObject, ID: id}
	}
	var out []archive.Event
	for i, m := range manifests {
		o := m.commit.Objects[0]
		v := archive.Event{
			Type: archive.EventErasure, Agent: agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindItem, ID: e.Item}, about(o.ID), about(m.accession.Manifest.Object)},
			Detail: map[string]string{"erasure": e.ID, "openings": strconv.Itoa(len(positions)), "openings_sha256": hex.EncodeToString(h.Sum(nil)),
				"objects": strconv.Itoa(len(refs) + len(clips)), "clips": strconv.Itoa(len(clips)),
				"accession": m.accession.ID, "manifest_object": o.ID, "manifest_envelope": o.Envelope, "manifest_sha256": hex.EncodeToString(o.SHA256[:])},
		}
		if i == 0 {
			all := slices.Concat(refs, clips)
			for _, r := range all[:min(len(all), subjectsOfItem)] {
				v.Subjects = append(v.Subjects, about(r.Object))
			}
		}
		out = append(out, v)
	}
	return out
}

// deletions gives the events that an earlier run of an erasure left, parsed.
func (s *Service) deletions(ctx context.Context, e store.Erasure) (out []archive.Event, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		list, err := tx.EventsOfType(ctx, custody.KindItem, e.Item, archive.EventErasure)
		if err != nil {
			return err
		}
		for _, o := range list {
			v, err := archive.ParseEvent(o.Event)
			if err != nil {
				return fmt.Errorf("event at %d: %w", o.Index, archive.ErrIntegrity)
			}
			if v.Detail["erasure"] == e.ID {
				out = append(out, v)
			}
		}
		return nil
	})
	return out, err
}

// finish destroys the keys of the manifests that were replaced, and calls the erasure done.
func (s *Service) finish(ctx context.Context, e store.Erasure, events []archive.Event, rep *Report) error {
	var former []archive.ObjectRef
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		former = nil
		for _, v := range events {
			rep.Openings, _ = strconv.Atoi(v.Detail["openings"])
			rep.Objects, _ = strconv.Atoi(v.Detail["objects"])
			rep.Clips, _ = strconv.Atoi(v.Detail["clips"])
			if len(v.Subjects) < 3 {
				return fmt.Errorf("event %s: %w: it does not name its manifests", v.ID, archive.ErrIntegrity)
			}
			o, err := tx.Object(ctx, v.Subjects[2].ID)
			if err != nil {
				return err
			}
			if o.Kind != store.ObjectManifest || o.State != store.ObjectErased {
				return fmt.Errorf("object %s: %w: it is no manifest that was replaced", o.ID, archive.ErrIntegrity)
			}
			former = append(former, archive.ObjectRef{Object: o.ID, Envelope: o.Envelope})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.destroy(ctx, former); err != nil {
		return err
	}
	refs, _, err := s.objects(ctx, e.Item, false)
	if err != nil {
		return err
	}
	if err := s.gone(ctx, slices.Concat(refs, former)); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.FinishErasure(ctx, e.ID, s.now()) })
}

// follow makes the files of the database and the replica show what was done.
func (s *Service) follow(ctx context.Context, id string, rep *Report) error {
	var problems []error
	err := archive.ErrBusy
	for wait := 50 * time.Millisecond; errors.Is(err, archive.ErrBusy) && wait < 2*time.Second; wait *= 2 {
		if err = s.o.Purge(ctx); errors.Is(err, archive.ErrBusy) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(wait):
			}
		}
	}
	if err != nil {
		problems = append(problems, err)
	}
	rep.Purged = err == nil
	rep.Replica, err = s.o.Replicate(ctx)
	if err != nil {
		problems = append(problems, err)
	}
	rep.Replicated = rep.Replica && err == nil
	if len(problems) > 0 {
		return archive.Explain(fmt.Errorf("erasure %s: %w: %w", id, ErrFollow, errors.Join(problems...)), "The item is erased, but not everywhere yet.",
			"Run zapis erase run "+id+" again; it only does what is missing.")
	}
	return nil
}

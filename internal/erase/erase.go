package erase

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/internal/vault"
)

// The conditions of this package, for errors.Is.
var (
	// ErrSamePerson: the one who agrees is the one who asked. An archive.ErrForbidden.
	ErrSamePerson = fmt.Errorf("%w: it takes another person", archive.ErrForbidden)
	// ErrOpen: the bytes were found in an accession that is still open. An archive.ErrConflict.
	ErrOpen = fmt.Errorf("%w: accession is open", archive.ErrConflict)
)

// Database is the catalogue; *store.DB is one.
type Database interface {
	Read(ctx context.Context, f func(*store.Tx) error) error
	Write(ctx context.Context, f func(*store.Tx) error) error
}

// Jobs are the queue; *job.Jobs has it.
type Jobs interface {
	List(ctx context.Context, f job.Filter) ([]job.Info, error)
	Cancel(ctx context.Context, id int64) error
}

// Options of a Service. DB, Vault, Custody, Signer, Verifier, Tool and Lock are needed.
type Options struct {
	DB       Database
	Vault    *vault.Vault
	Custody  *custody.Recorder
	Signer   tlog.Signer // signs what takes the place of a receipt
	Verifier string      // verifier key text of the archive
	Tool     string      // program and version
	// Lock keeps other processes from erasing at the same time: archive.ErrBusy.
	Lock func() (io.Closer, error)
	Jobs Jobs // nil: there is no queue
	// Purge makes what was erased leave the files of the database; nil: nothing is done.
	Purge func(ctx context.Context) error
	// Replicate brings the replica up to date; false: there is none.
	Replicate func(ctx context.Context) (bool, error)
	Logger    *slog.Logger
	Now       func() time.Time
	NewID     func(prefix string) string
	Rand      io.Reader
}

// Service is the room. It is safe for concurrent use.
type Service struct{ o Options }

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Custody == nil || o.Signer == nil || o.Verifier == "" || o.Tool == "" || o.Lock == nil {
		return nil, fmt.Errorf("%w: erase lacks something it works with", archive.ErrInvalid)
	}
	if o.Purge == nil {
		o.Purge = func(context.Context) error { return nil }
	}
	if o.Replicate == nil {
		o.Replicate = func(context.Context) (bool, error) { return false, nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = archive.NewID
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// States of an erasure.
const (
	Requested = store.ErasureRequested
	Approved  = store.ErasureApproved
	Done      = store.ErasureDone
	Withdrawn = store.ErasureWithdrawn
)

// Erasure is a request and what became of it.
type Erasure struct {
	ID, Item, Reference, Accession  string
	Reason, State                   string
	RequestedBy, ApprovedBy         string // identifiers of accounts
	RequestedName, ApprovedName     string // what colleagues see; empty if not known
	RequestedAt, ApprovedAt, EndsAt time.Time
	// Releases are those of which something is out that shows the item: they stay out when it is erased, until somebody withdraws them.
	Releases []Release
}

// Release is a release that is out, by what everybody knows of it.
type Release struct{ ID, Slug string }

// Acts in custody events of type administration.
const (
	actRequested = "erasure requested"
	actApproved  = "erasure approved"
	actWithdrawn = "erasure withdrawn"
	actRefused   = "erasure refused"
)

// releasesNamed is how many releases the event of an approval names; the rest are counted.
const releasesNamed = 58

// maxReason is how long a reason may be, in bytes.
const maxReason = 500

func cleanReason(reason string) (string, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) {
		return "", archive.Explain(fmt.Errorf("%w: a reason of at most %d bytes is needed", archive.ErrInvalid, maxReason), "reason-missing", "")
	}
	return reason, nil
}

// event makes the custody event of a step. The reason is not in it: it may be about people, and the record is for ever.
func event(who, act, erasure, item string, outcome archive.EventOutcome) archive.Event {
	return archive.Event{
		Type: archive.EventAdministration, Agent: who, Outcome: outcome,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: item}},
		Detail:   map[string]string{"act": act, "erasure": erasure},
	}
}

// item finds an item by identifier or reference and asks policy about it.
func item(ctx context.Context, tx *store.Tx, who policy.Subject, name string, a policy.Action) (archive.Item, error) {
	var it archive.Item
	var err error
	if strings.HasPrefix(name, "Z") {
		it, err = tx.ItemByReference(ctx, policy.ScopeOf(who), name)
	} else if err = archive.CheckID(archive.PrefixItem, name); err == nil {
		it, err = tx.Item(ctx, policy.ScopeOf(who), name)
	}
	if err != nil {
		return it, err
	}
	return it, policy.Decide(who, a, policy.ItemObject(it)).Err()
}

// Request asks that an item, named by identifier or reference, be erased. Nothing happens to it before somebody else agrees.
// Errors: archive.ErrNotFound and archive.ErrForbidden as policy says, archive.ErrInvalid without a reason, archive.ErrExists if
// it is asked for already.
func (s *Service) Request(ctx context.Context, who policy.Subject, name, reason string) (Erasure, error) {
	fail := func(err error) (Erasure, error) { return Erasure{}, fmt.Errorf("request erasure: %w", err) }
	if !who.SignedIn() {
		return fail(archive.ErrForbidden)
	}
	reason, err := cleanReason(reason)
	if err != nil {
		return fail(err)
	}
	id := s.o.NewID(archive.PrefixErasure)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		it, err := item(ctx, tx, who, name, policy.RequestErasure)
		if err != nil {
			return err
		}
		if err := tx.AddErasure(ctx, store.Erasure{ID: id, Item: it.ID, Reason: reason, RequestedBy: who.Agent, RequestedAt: s.now()}); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, event(who.Agent, actRequested, id, it.ID, archive.Success))
		return err
	})
	if err != nil {
		if errors.Is(err, archive.ErrExists) {
			err = archive.Explain(err, "The erasure of this item was asked for already.", "zapis erase list shows it.")
		}
		return fail(err)
	}
	return s.Erasure(ctx, who, id)
}

// Approve agrees to an erasure. From then on the item is shown to nobody, and it cannot be called off. Errors: ErrSamePerson
// (which is recorded), ErrOpen, archive.ErrConflict if it does not wait for that, archive.ErrNotFound and archive.ErrForbidden as
// policy says.
func (s *Service) Approve(ctx context.Context, who policy.Subject, id string) error {
	fail := func(err error) error { return fmt.Errorf("approve erasure: %w", err) }
	if !who.SignedIn() {
		return fail(archive.ErrForbidden)
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		e, err := s.open(ctx, tx, who, id, policy.ApproveErasure)
		if err != nil {
			return err
		}
		if err := closed(ctx, tx, e.Item); err != nil {
			return err
		}
		if e.RequestedBy == who.Agent {
			return ErrSamePerson
		}
		resting, err := tx.ReleasesResting(ctx, e.Item)
		if err != nil {
			return err
		}
		if err := tx.ApproveErasure(ctx, id, who.Agent, s.now()); err != nil {
			return err
		}
		v := event(who.Agent, actApproved, id, e.Item, archive.Success)
		v.Detail["releases"] = strconv.Itoa(len(resting))
		for _, r := range resting[:min(len(resting), releasesNamed)] {
			v.Subjects = append(v.Subjects, archive.Subject{Role: custody.RoleAbout, Kind: custody.KindRelease, ID: r.ID})
		}
		_, err = s.o.Custody.Record(ctx, tx, v)
		return err
	})
	if errors.Is(err, ErrSamePerson) {
		// Somebody tried to be two people. That is worth knowing, and must not undo the refusal if it cannot be written.
		rerr := s.o.DB.Write(ctx, func(tx *store.Tx) error {
			e, err := tx.Erasure(ctx, id)
			if err != nil {
				return err
			}
			_, err = s.o.Custody.Record(ctx, tx, event(who.Agent, actRefused, id, e.Item, archive.Warning))
			return err
		})
		err = archive.Explain(errors.Join(err, rerr), "Somebody else has to agree.", "Who asked for an erasure cannot agree to it.")
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// Withdraw calls a request off, by whoever might agree to it. After the approval it is too late: archive.ErrConflict.
func (s *Service) Withdraw(ctx context.Context, who policy.Subject, id string) error {
	fail := func(err error) error { return fmt.Errorf("withdraw erasure: %w", err) }
	if !who.SignedIn() {
		return fail(archive.ErrForbidden)
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		e, err := s.open(ctx, tx, who, id, policy.RequestErasure)
		if err != nil {
			return err
		}
		if err := tx.WithdrawErasure(ctx, id, s.now()); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, event(who.Agent, actWithdrawn, id, e.Item, archive.Success))
		return err
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// open gives an erasure that waits for a second person, and its item to policy.
func (s *Service) open(ctx context.Context, tx *store.Tx, who policy.Subject, id string, a policy.Action) (store.Erasure, error) {
	if err := archive.CheckID(archive.PrefixErasure, id); err != nil {
		return store.Erasure{}, err
	}
	e, err := tx.Erasure(ctx, id)
	if err != nil {
		return e, err
	}
	// The item is held first, as everywhere, so that nothing about it moves meanwhile.
	if err := tx.LockItem(ctx, e.Item); err != nil {
		return e, err
	}
	it, err := tx.ErasableItem(ctx, e.Item)
	if err != nil {
		return e, err
	}
	if e.State != Requested {
		if err := mayList(who, it); err != nil {
			return e, err
		}
		return e, fmt.Errorf("%w: it is %s", archive.ErrConflict, e.State)
	}
	return e, policy.Decide(who, a, policy.ItemObject(it)).Err()
}

// closed says whether every accession in which the bytes were found is closed. The manifest of an open one is not written yet,
// and its receipt would have to count what cannot be named.
func closed(ctx context.Context, tx *store.Tx, item string) error {
	list, err := tx.AccessionsOfItem(ctx, item)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.State != archive.AccessionClosed {
			return archive.Explain(fmt.Errorf("%s: %w", a.ID, ErrOpen), "The item was found in an accession that is still open.",
				"Close it first: zapis accession close "+a.ID)
		}
	}
	return nil
}

// mayList says whether somebody may see that an item was, or is to be, erased: whoever may ask for it, and administrators and
// archivists of the accession afterwards.
func mayList(who policy.Subject, it archive.Item) error {
	if it.State != archive.ItemErased && !it.Erasing {
		return policy.Decide(who, policy.RequestErasure, policy.ItemObject(it)).Err()
	}
	if !policy.Could(who, policy.RequestErasure) {
		return archive.ErrNotFound
	}
	return policy.Decide(who, policy.ViewAccession, policy.Object{Accession: it.Accession, AccessionState: archive.AccessionClosed, Difficulty: -1}).Err()
}

// Erasure gives one erasure; archive.ErrNotFound.
func (s *Service) Erasure(ctx context.Context, who policy.Subject, id string) (Erasure, error) {
	var out Erasure
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		e, err := tx.Erasure(ctx, id)
		if err != nil {
			return err
		}
		out, err = view(ctx, tx, who, e)
		return err
	})
	if err != nil {
		return Erasure{}, fmt.Errorf("erasure: %w", err)
	}
	return out, nil
}

// List gives the erasures that somebody may know of, oldest first; with openOnly those that are neither done nor withdrawn.
func (s *Service) List(ctx context.Context, who policy.Subject, openOnly bool) ([]Erasure, error) {
	if !policy.Could(who, policy.RequestErasure) {
		return nil, fmt.Errorf("list erasures: %w", archive.ErrForbidden)
	}
	var out []Erasure
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		rows, err := tx.Erasures(ctx, openOnly)
		if err != nil {
			return err
		}
		for _, e := range rows {
			v, err := view(ctx, tx, who, e)
			if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) {
				continue
			}
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list erasures: %w", err)
	}
	return out, nil
}

// OfItem gives the erasure of an item that waits for a second person, if there is one.
func (s *Service) OfItem(ctx context.Context, who policy.Subject, item string) (Erasure, bool, error) {
	list, err := s.List(ctx, who, true)
	for _, e := range list {
		if e.Item == item {
			return e, true, nil
		}
	}
	return Erasure{}, false, err
}

func view(ctx context.Context, tx *store.Tx, who policy.Subject, e store.Erasure) (Erasure, error) {
	it, err := tx.ErasableItem(ctx, e.Item)
	if err != nil {
		return Erasure{}, err
	}
	if err := mayList(who, it); err != nil {
		return Erasure{}, err
	}
	name := func(id string) (string, error) {
		if id == "" {
			return "", nil
		}
		a, err := tx.Agent(ctx, id)
		if errors.Is(err, archive.ErrNotFound) {
			return "", nil
		}
		return a.Name, err
	}
	v := Erasure{ID: e.ID, Item: it.ID, Reference: it.Reference(), Accession: it.Accession, Reason: e.Reason, State: e.State,
		RequestedBy: e.RequestedBy, ApprovedBy: e.ApprovedBy, RequestedAt: e.RequestedAt, ApprovedAt: e.ApprovedAt, EndsAt: e.FinishedAt}
	if v.RequestedName, err = name(e.RequestedBy); err != nil {
		return Erasure{}, err
	}
	resting, err := tx.ReleasesResting(ctx, e.Item)
	if err != nil {
		return Erasure{}, err
	}
	for _, r := range resting {
		v.Releases = append(v.Releases, Release{ID: r.ID, Slug: r.Slug})
	}
	v.ApprovedName, err = name(e.ApprovedBy)
	return v, err
}

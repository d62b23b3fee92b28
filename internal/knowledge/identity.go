package knowledge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault/record"
)

// ErrNoIdentityKey: the vault holds no key for identities. It is made by an act of its own and never on the way.
var ErrNoIdentityKey = errors.New("the vault holds no key for identities")

// IdentityOptions of NewIdentities. DB, Custody and Key are needed.
type IdentityOptions struct {
	DB      *store.DB
	Custody *custody.Recorder
	// Key gives the 32 bytes under which identities are sealed; ErrNoIdentityKey if there are none. It is asked anew for each act, so that
	// the key lies in memory no longer than the act takes.
	Key func(ctx context.Context) ([]byte, error)
	// Purge makes what was erased leave the files of the database; nil: nothing is done.
	Purge  func(ctx context.Context) error
	Now    func() time.Time           // nil: time.Now
	NewID  func(prefix string) string // nil: archive.NewID
	Logger *slog.Logger               // nil: silent
}

// Identities are who stands behind the codes of testimony and of protected persons. They are apart from the rest of the room: no list, no
// search, no export and no view of an entity asks here. It is safe for concurrent use.
type Identities struct{ o IdentityOptions }

// NewIdentities makes them.
func NewIdentities(o IdentityOptions) (*Identities, error) {
	if o.DB == nil || o.Custody == nil || o.Key == nil {
		return nil, fmt.Errorf("identities: %w: database, custody and key are needed", archive.ErrInvalid)
	}
	if o.Purge == nil {
		o.Purge = func(context.Context) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = archive.NewID
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Identities{o: o}, nil
}

func (s *Identities) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Identity is who somebody is. It never prints itself.
type Identity struct {
	Name    string `json:"name"`
	Born    string `json:"born,omitempty"`
	Contact string `json:"contact,omitempty"` // how the person is reached, and how not
	Kin     string `json:"kin,omitempty"`     // whom to tell if something happens
	Note    string `json:"note,omitempty"`
}

// String says nothing.
func (Identity) String() string { return "[identity]" }

// GoString says nothing.
func (Identity) GoString() string { return "[identity]" }

// LogValue says nothing.
func (Identity) LogValue() slog.Value { return slog.StringValue("[identity]") }

// Limits of what is written down, in bytes.
const (
	maxIdentityLine = 500
	maxIdentityText = 4000
	maxWhy          = 500
)

// clean brings the texts into one form and refuses what does not belong.
func (i Identity) clean() (Identity, error) {
	for _, f := range []struct {
		text *string
		most int
	}{{&i.Name, maxIdentityLine}, {&i.Born, maxIdentityLine}, {&i.Contact, maxIdentityText}, {&i.Kin, maxIdentityText}, {&i.Note, maxIdentityText}} {
		if !utf8.ValidString(*f.text) || len(*f.text) > f.most || strings.ContainsRune(*f.text, 0) {
			return i, archive.Explain(fmt.Errorf("%w: identity: a text is too long or not text", archive.ErrInvalid), "One of the fields is too long.", "")
		}
		*f.text = norm.NFC.String(strings.TrimSpace(*f.text))
	}
	if i == (Identity{}) {
		return i, archive.Explain(fmt.Errorf("%w: an identity of nobody", archive.ErrInvalid), "Nothing was filled in.", "")
	}
	return i, nil
}

// why brings a reason into one line; archive.ErrInvalid without one.
func why(reason string) (string, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if reason == "" || len(reason) > maxWhy || !utf8.ValidString(reason) {
		return "", archive.Explain(fmt.Errorf("%w: a reason of at most %d bytes is needed", archive.ErrInvalid, maxWhy), "A reason is needed, up to 500 characters.", "")
	}
	return reason, nil
}

// sealer makes the sealer of one act.
func (s *Identities) sealer(ctx context.Context) (*record.Sealer, error) {
	key, err := s.o.Key(ctx)
	if errors.Is(err, ErrNoIdentityKey) {
		return nil, archive.Explain(err, "This archive has no key for identities yet.", "Whoever holds the vault's passphrase makes it once: zapis testimony key")
	}
	if err != nil {
		return nil, fmt.Errorf("key of identities: %w", err)
	}
	defer clear(key)
	return record.New(key)
}

func identityRow(entity string, version int64) string {
	return fmt.Sprintf("identity %s %d", entity, version)
}
func identityReason(event string) string { return "identity reason " + event }

// about finds the person or testimony whose identity is meant, and asks policy. Whoever has not been granted identities cannot tell whether
// there is one: archive.ErrNotFound.
func (s *Identities) about(ctx context.Context, tx *store.Tx, who policy.Subject, id string) (archive.Entity, error) {
	if !policy.Could(who, policy.ViewIdentity) {
		return archive.Entity{}, archive.ErrNotFound
	}
	e, err := tx.Entity(ctx, policy.ScopeOf(who), id)
	if err == nil {
		err = policy.Decide(who, policy.ViewIdentity, policy.CatalogueObject(e.Compartment)).Err()
	}
	if err == nil && e.Kind != "testimony" && e.Kind != "person" {
		err = archive.ErrNotFound
	}
	if err != nil {
		return archive.Entity{}, err
	}
	return e, nil
}

// act records what was done and keeps the reason beside it, in the transaction of the act.
func (s *Identities) act(ctx context.Context, tx *store.Tx, who policy.Subject, seal *record.Sealer, entity, act, eventType, reason string) error {
	e := archive.Event{
		ID: s.o.NewID(archive.PrefixEvent), Type: eventType, Agent: who.Agent, Outcome: archive.Success, Time: s.now(),
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindEntity, ID: entity}},
		Detail:   map[string]string{"what": "identity", "act": "identity " + act},
	}
	err := tx.AddIdentityAct(ctx, store.IdentityAct{Event: e.ID, Entity: entity, Act: act, Reason: seal.Seal(identityReason(e.ID), []byte(reason)), At: e.Time, Agent: who.Agent})
	if err != nil {
		return err
	}
	_, err = s.o.Custody.Record(ctx, tx, e)
	return err
}

// About gives the person or testimony that is meant, to whom may open its identity; archive.ErrNotFound to everybody else. Its label is its code.
func (s *Identities) About(ctx context.Context, who policy.Subject, id string) (e archive.Entity, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { e, err = s.about(ctx, tx, who, id); return err })
	if err != nil {
		return archive.Entity{}, fmt.Errorf("identity: %w", err)
	}
	return e, nil
}

// Has says whether an entity, by identifier or code, has an identity, to whom may open it; archive.ErrNotFound to everybody else.
func (s *Identities) Has(ctx context.Context, who policy.Subject, id string) (has bool, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		e, err := s.about(ctx, tx, who, id)
		if err != nil {
			return err
		}
		_, err = tx.Identity(ctx, e.ID)
		if has = err == nil; errors.Is(err, archive.ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("identity: %w", err)
	}
	return has, nil
}

// Open gives who stands behind an entity, for a reason. It is recorded before anything is shown: without the record there is no answer.
// Errors: archive.ErrNotFound if there is none or the asker may not know, archive.ErrInvalid without a reason, ErrNoIdentityKey,
// archive.ErrIntegrity if the record does not open.
func (s *Identities) Open(ctx context.Context, who policy.Subject, id, reason string) (Identity, error) {
	var out Identity
	fail := func(err error) (Identity, error) { return Identity{}, fmt.Errorf("open identity: %w", err) }
	reason, err := why(reason)
	if err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		e, err := s.about(ctx, tx, who, id)
		if err != nil {
			return err
		}
		row, err := tx.Identity(ctx, e.ID)
		if err != nil {
			return err
		}
		seal, err := s.sealer(ctx)
		if err != nil {
			return err
		}
		if out, err = unsealIdentity(seal, row); err != nil {
			return err
		}
		return s.act(ctx, tx, who, seal, e.ID, store.IdentityOpened, archive.EventDisplaying, reason)
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

func unsealIdentity(seal *record.Sealer, row store.Identity) (out Identity, err error) {
	text, err := seal.Open(identityRow(row.Entity, row.Version), row.Sealed)
	if err != nil {
		return out, err
	}
	defer clear(text)
	if json.Unmarshal(text, &out) != nil {
		return Identity{}, fmt.Errorf("identity of %s: %w", row.Entity, archive.ErrIntegrity) // the cause would quote it
	}
	return out, nil
}

// Put writes down who stands behind an entity, in the place of what was written before. Whoever writes may also open: a record that is
// written over is gone.
func (s *Identities) Put(ctx context.Context, who policy.Subject, id string, i Identity, reason string) error {
	fail := func(err error) error { return fmt.Errorf("write identity: %w", err) }
	reason, err := why(reason)
	if err == nil {
		i, err = i.clean()
	}
	if err != nil {
		return fail(err)
	}
	text, err := json.Marshal(i)
	if err != nil {
		return fail(archive.ErrInvalid)
	}
	defer clear(text)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		e, err := s.about(ctx, tx, who, id)
		if err != nil {
			return err
		}
		was, err := tx.Identity(ctx, e.ID)
		if err != nil && !errors.Is(err, archive.ErrNotFound) {
			return err
		}
		seal, err := s.sealer(ctx)
		if err != nil {
			return err
		}
		row := store.Identity{Entity: e.ID, Version: was.Version + 1, ChangedAt: s.now(), ChangedBy: who.Agent}
		row.Sealed = seal.Seal(identityRow(e.ID, row.Version), text)
		if err := tx.PutIdentity(ctx, row); err != nil {
			return err
		}
		return s.act(ctx, tx, who, seal, e.ID, store.IdentityWritten, archive.EventDescription, reason)
	})
	if err != nil {
		return fail(err)
	}
	s.purge(ctx)
	return nil
}

// Erase destroys who stands behind an entity, and the reasons of everything that was done with it. It cannot be undone; copies of the
// database from before still hold the sealed record.
func (s *Identities) Erase(ctx context.Context, who policy.Subject, id, reason string) error {
	fail := func(err error) error { return fmt.Errorf("erase identity: %w", err) }
	reason, err := why(reason)
	if err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		e, err := s.about(ctx, tx, who, id)
		if err != nil {
			return err
		}
		seal, err := s.sealer(ctx)
		if err != nil {
			return err
		}
		if err := tx.DropIdentity(ctx, e.ID); err != nil {
			return err
		}
		return s.act(ctx, tx, who, seal, e.ID, store.IdentityErased, archive.EventAdministration, reason)
	})
	if err != nil {
		return fail(err)
	}
	s.purge(ctx)
	return nil
}

// purge lets what was destroyed leave the files. Somebody may be reading an old snapshot just now; what is not moved now is moved with the
// next change.
func (s *Identities) purge(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for try := range 5 {
		err := s.o.Purge(ctx)
		if err == nil {
			return
		}
		if !errors.Is(err, archive.ErrBusy) || try == 4 {
			s.o.Logger.WarnContext(ctx, "what was destroyed is still in the write-ahead file", "error", err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// IdentityAct is one act on an identity.
type IdentityAct struct {
	Act    string // store.IdentityWritten, …
	Agent  string // what colleagues call them, or the identifier
	At     time.Time
	Reason string // empty where the identity was destroyed afterwards
	Event  string
}

// Acts gives what was done with the identity of an entity, oldest first, to whom may open it.
func (s *Identities) Acts(ctx context.Context, who policy.Subject, id string) ([]IdentityAct, error) {
	var out []IdentityAct
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		e, err := s.about(ctx, tx, who, id)
		if err != nil {
			return err
		}
		rows, err := tx.IdentityActs(ctx, e.ID)
		if err != nil || len(rows) == 0 {
			return err
		}
		seal, err := s.sealer(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			a := IdentityAct{Act: r.Act, Agent: r.Agent, At: r.At, Event: r.Event}
			if len(r.Reason) > 0 {
				text, err := seal.Open(identityReason(r.Event), r.Reason)
				if err != nil {
					return err
				}
				a.Reason = string(text)
			}
			if ag, err := tx.Agent(ctx, r.Agent); err == nil && ag.Name != "" {
				a.Agent = ag.Name
			} else if err != nil && !errors.Is(err, archive.ErrNotFound) {
				return err
			}
			out = append(out, a)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("acts on identity: %w", err)
	}
	return out, nil
}

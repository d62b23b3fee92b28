package reading

import (
	"context"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Accession is an accession with how far its items have come.
type Accession struct {
	archive.Accession
	By       string // what colleagues call who opened it; empty if not known
	Items    int64
	States   map[archive.ItemState]int64
	Troubles []Trouble // for who may see them
	More     int64     // troubles not listed
	Seal     *Seal     // nil while it is not sealed
}

// Trouble is a line of the manifest that did not become an item.
type Trouble struct {
	Seq     int64
	Outcome archive.Outcome
	Reason  string
	Size    int64
	Name    string // cleaned path; empty when it does not open
}

// maxTroubles is how many an accession's page lists.
const maxTroubles = 200

// Accessions lists the accessions of the reader's scope, newest first.
func (s *Service) Accessions(ctx context.Context, r Reader) ([]Accession, error) {
	var out []Accession
	err := s.within(ctx, r, policy.ListAccessions, func(tx *store.Tx, sc archive.Scope) error {
		out = out[:0]
		all, err := tx.Accessions(ctx, sc)
		if err != nil {
			return fmt.Errorf("list accessions: %w", err)
		}
		names, err := s.names(ctx, tx)
		if err != nil {
			return err
		}
		for _, a := range all {
			if policy.Decide(r.Subject, policy.ViewAccession, policy.AccessionObject(a)).Allow {
				out = append(out, Accession{Accession: a, By: names[a.CreatedBy]})
			}
		}
		return nil
	})
	return out, err
}

// accession finds an accession that the reader may see.
func (s *Service) accession(ctx context.Context, tx *store.Tx, r Reader, id string, a policy.Action) (archive.Accession, error) {
	if archive.CheckID(archive.PrefixAccession, id) != nil {
		return archive.Accession{}, archive.ErrNotFound
	}
	acc, err := tx.Accession(ctx, id)
	if err != nil {
		return archive.Accession{}, fmt.Errorf("find accession: %w", err)
	}
	return acc, policy.Decide(r.Subject, a, policy.AccessionObject(acc)).Err()
}

// Accession gives one accession; with troubles it lists what could not be taken in, for who may see it.
func (s *Service) Accession(ctx context.Context, r Reader, id string, troubles bool) (Accession, error) {
	var out Accession
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		a, err := s.accession(ctx, tx, r, id, policy.ViewAccession)
		if err != nil {
			return err
		}
		out = Accession{Accession: a, States: map[archive.ItemState]int64{}}
		names, err := s.names(ctx, tx)
		if err != nil {
			return err
		}
		out.By = names[a.CreatedBy]
		f, err := tx.Facets(ctx, policy.ScopeOf(r.Subject), Query{Accessions: []string{id}})
		if err != nil {
			return fmt.Errorf("count items of %s: %w", id, err)
		}
		for _, v := range f.States {
			out.States[archive.ItemState(v.Value)] = v.Count
			out.Items += v.Count
		}
		if out.Seal, err = seal(ctx, tx, id); err != nil {
			return fmt.Errorf("read seal of %s: %w", id, err)
		}
		if troubles && policy.Decide(r.Subject, policy.ViewFailures, policy.AccessionObject(a)).Allow {
			return s.troubles(ctx, tx, &out)
		}
		return nil
	})
	return out, err
}

func (s *Service) troubles(ctx context.Context, tx *store.Tx, a *Accession) error {
	want := a.Tally.Failed + a.Tally.Skipped
	if want == 0 {
		return nil
	}
	for l, err := range tx.Manifest(ctx, a.ID) {
		if err != nil {
			return fmt.Errorf("read manifest of %s: %w", a.ID, err)
		}
		if l.Outcome != archive.OutcomeFailed && l.Outcome != archive.OutcomeSkipped {
			continue
		}
		t := Trouble{Seq: l.Seq, Outcome: l.Outcome, Reason: l.Reason, Size: l.Size}
		if o := s.origin(ctx, l); o != nil {
			t.Name = o.Name
		}
		a.Troubles = append(a.Troubles, t)
		if len(a.Troubles) == maxTroubles || int64(len(a.Troubles)) == want {
			break
		}
	}
	a.More = want - int64(len(a.Troubles))
	return nil
}

// Receipt gives the receipt of a closed accession, as it was signed.
func (s *Service) Receipt(ctx context.Context, r Reader, id string) ([]byte, error) {
	var out []byte
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		a, err := s.accession(ctx, tx, r, id, policy.ViewAccession)
		if err != nil {
			return err
		}
		if len(a.Receipt) == 0 {
			return archive.ErrNotFound
		}
		out = a.Receipt
		return nil
	})
	return out, err
}

package reading

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// What is shown, as it stands in the custody record.
const (
	WhatPage       = "item page"
	WhatProxy      = "proxy"
	WhatStill      = "still"
	WhatStoryboard = "storyboard"
	WhatDocument   = "page"
	WhatTechnical  = "technical"
)

// Item is an item with what belongs to it, as far as the reader may see it.
type Item struct {
	archive.Item
	Held        archive.Accession // the accession it belongs to
	Derivatives []archive.Derivative
	Visit       string // which every request for bytes of this item carries
}

// Copy is one file that was found with the bytes of an item.
type Copy struct {
	Accession archive.Accession
	Seq       int64
	Outcome   archive.Outcome
	FoundAt   time.Time
	Origin    *archive.Origin // nil when the reader may not see it, or it does not open
}

// Anomaly is something odd about an item. Detail is set for who may see where a file came from.
type Anomaly struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Page is all about one item.
type Page struct {
	Item
	Copies    []Copy
	Anomalies []Anomaly
	Chain     []Entry // oldest first
	ChainMore int     // events that are older than the first of Chain, without the first one of all
	Seal      *Seal   // of the accession, if the item was sealed with it
}

// chainLength is how many of the latest events an item's page shows.
const chainLength = 100

// Peek gives facts and working copies of an item by name. It shows no picture and records nothing.
func (s *Service) Peek(ctx context.Context, r Reader, id string) (Item, error) {
	var out Item
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { out, err = s.peek(ctx, tx, r, id); return err })
	if err != nil {
		return Item{}, err
	}
	return out, nil
}

func (s *Service) peek(ctx context.Context, tx *store.Tx, r Reader, id string) (Item, error) {
	it, err := s.item(ctx, tx, r, id, policy.ViewItem)
	if err != nil {
		return Item{}, err
	}
	out := Item{Item: it, Visit: s.visit(r, id, s.now())}
	if out.Held, err = tx.Accession(ctx, it.Accession); err != nil {
		return Item{}, fmt.Errorf("read accession of %s: %w", id, err)
	}
	if out.Derivatives, err = tx.Derivatives(ctx, id); err != nil {
		return Item{}, fmt.Errorf("list derivatives of %s: %w", id, err)
	}
	mayOrigin := policy.Decide(r.Subject, policy.ViewOrigin, policy.ItemObject(it)).Allow
	mayLook := policy.Decide(r.Subject, policy.Look, policy.ItemObject(it)).Allow
	out.Derivatives = slices.DeleteFunc(out.Derivatives, func(d archive.Derivative) bool {
		return !mayLook || d.Kind == archive.DerivativeTechnical && !mayOrigin
	})
	return out, nil
}

// Item gives all about one item, once the record says that this reader opened its page.
func (s *Service) Item(ctx context.Context, r Reader, id string) (Page, error) {
	var found archive.Item
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = s.item(ctx, tx, r, id, policy.ViewItem)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	visit, err := s.displayed(ctx, r, found.ID, "", WhatPage, "")
	if err != nil {
		return Page{}, err
	}
	var p Page
	var technical []archive.Derivative
	err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if p.Item, err = s.peek(ctx, tx, r, id); err != nil {
			return err
		}
		p.Item.Visit = visit
		if p.Copies, err = s.copies(ctx, tx, r, p.Item); err != nil {
			return err
		}
		if p.Chain, p.ChainMore, err = s.chain(ctx, tx, "item", id, -1, chainLength); err != nil {
			return err
		}
		if place, there, err := tx.PlaceOf(ctx, id); err != nil {
			return fmt.Errorf("find place of %s: %w", id, err)
		} else if there {
			if p.Seal, err = seal(ctx, tx, place.Accession); err != nil {
				return fmt.Errorf("read seal of %s: %w", place.Accession, err)
			}
		}
		all, err := tx.Derivatives(ctx, id)
		if err != nil {
			return fmt.Errorf("list derivatives of %s: %w", id, err)
		}
		for _, d := range all {
			if d.Kind == archive.DerivativeTechnical {
				technical = append(technical, d)
			}
		}
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	if p.Anomalies, err = s.anomalies(ctx, r, p.Item.Item, technical); err != nil {
		// The page is worth showing without; the operator learns of it.
		s.o.Logger.WarnContext(ctx, "technical derivative not read", "item", id, "error", err)
	}
	return p, nil
}

// copies gives the files that led to an item, of the accessions that the reader may see.
func (s *Service) copies(ctx context.Context, tx *store.Tx, r Reader, it Item) ([]Copy, error) {
	lines, err := tx.ProvenanceOf(ctx, it.ID)
	if err != nil {
		return nil, fmt.Errorf("read provenance of %s: %w", it.ID, err)
	}
	known := map[string]archive.Accession{it.Accession: it.Held}
	var out []Copy
	for _, l := range lines {
		a, ok := known[l.Accession]
		if !ok {
			if a, err = tx.Accession(ctx, l.Accession); err != nil {
				return nil, fmt.Errorf("read accession %s: %w", l.Accession, err)
			}
			known[l.Accession] = a
		}
		// That the same bytes lie in an accession outside the scope is not to be known.
		if !policy.Decide(r.Subject, policy.ViewAccession, policy.AccessionObject(a)).Allow {
			continue
		}
		c := Copy{Accession: a, Seq: l.Seq, Outcome: l.Outcome, FoundAt: l.FoundAt}
		if policy.Decide(r.Subject, policy.ViewOrigin, policy.ItemObject(it.Item)).Allow {
			c.Origin = s.origin(ctx, l)
		}
		out = append(out, c)
	}
	return out, nil
}

// origin opens where a file came from; nil if it does not open, which the operator learns of.
func (s *Service) origin(ctx context.Context, l archive.Provenance) *archive.Origin {
	if len(l.Sealed) == 0 {
		return nil
	}
	text, err := s.o.Sealer.Open(l.ID, l.Sealed)
	if err == nil {
		var o archive.Origin
		if err = json.Unmarshal(text, &o); err == nil {
			return &o
		}
		err = fmt.Errorf("read origin of %s: %w", l.ID, archive.ErrIntegrity) // the cause could quote it
	}
	s.o.Logger.ErrorContext(ctx, "origin does not open", "provenance", l.ID, "error", err)
	return nil
}

// maxDocument bounds JSON derivatives that are read whole, in bytes.
const maxDocument = 8 << 20

// anomalies reads what is odd about an item from its technical derivatives.
func (s *Service) anomalies(ctx context.Context, r Reader, it archive.Item, technical []archive.Derivative) ([]Anomaly, error) {
	if !policy.Decide(r.Subject, policy.Look, policy.ItemObject(it)).Allow {
		return nil, nil
	}
	detail := policy.Decide(r.Subject, policy.ViewOrigin, policy.ItemObject(it)).Allow
	var out []Anomaly
	for _, d := range technical {
		body, err := s.document(ctx, d)
		if err != nil {
			return out, err
		}
		var v struct {
			Anomalies []Anomaly `json:"anomalies"`
		}
		if err := json.Unmarshal(body, &v); err != nil {
			return out, fmt.Errorf("read %s: %w", d.ID, archive.ErrIntegrity)
		}
		for _, a := range v.Anomalies {
			if !detail {
				a.Detail = ""
			}
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// document reads a small derivative whole.
func (s *Service) document(ctx context.Context, d archive.Derivative) ([]byte, error) {
	if d.Size > maxDocument {
		return nil, fmt.Errorf("read %s: %w: too large to be read whole", d.ID, archive.ErrInvalid)
	}
	rd, err := s.o.Vault.Reader(ctx, vault.Ref(d.Object))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.ID, err)
	}
	defer rd.Close()
	body, err := io.ReadAll(io.LimitReader(rd, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.ID, err)
	}
	return body, nil
}

// Content is the bytes of a derivative, ready to be served in ranges. Close it.
type Content struct {
	io.ReadSeekCloser
	archive.Derivative
	Visit string
}

// whatOf says what a derivative shows; "" for one that shows nothing of anybody.
func whatOf(kind string) string {
	switch kind {
	case archive.DerivativeStill:
		return WhatStill
	case archive.DerivativeStoryboard:
		return WhatStoryboard
	case archive.DerivativeProxy:
		return WhatProxy
	case archive.DerivativePage:
		return WhatDocument
	case archive.DerivativeLanes:
		return ""
	}
	return WhatTechnical // and everything that this build does not know
}

// OpenDerivative opens the bytes of a derivative, once the record says that this reader saw it. visit is what the item's page
// or its peek gave; an empty or old one begins a new visit.
func (s *Service) OpenDerivative(ctx context.Context, r Reader, id, visit string) (*Content, error) {
	if archive.CheckID(archive.PrefixDerivative, id) != nil {
		return nil, archive.ErrNotFound
	}
	var d archive.Derivative
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if d, err = tx.Derivative(ctx, policy.ScopeOf(r.Subject), id); err != nil {
			return fmt.Errorf("find derivative: %w", err)
		}
		return s.mayOpen(ctx, tx, r, d)
	})
	if err != nil {
		return nil, err
	}
	return s.open(ctx, r, d, visit)
}

func (s *Service) mayOpen(ctx context.Context, tx *store.Tx, r Reader, d archive.Derivative) error {
	if _, err := s.item(ctx, tx, r, d.Item, policy.Look); err != nil {
		return err
	}
	if d.Kind == archive.DerivativeTechnical {
		_, err := s.item(ctx, tx, r, d.Item, policy.ViewOrigin)
		return err
	}
	return nil
}

// Look opens the first still of an item, or the first page of a document.
func (s *Service) Look(ctx context.Context, r Reader, item, visit string) (*Content, error) {
	var d archive.Derivative
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		if _, err := s.item(ctx, tx, r, item, policy.Look); err != nil {
			return err
		}
		all, err := tx.Derivatives(ctx, item)
		if err != nil {
			return fmt.Errorf("list derivatives of %s: %w", item, err)
		}
		for _, kind := range []string{archive.DerivativeStill, archive.DerivativePage} {
			for _, one := range all {
				if one.Kind == kind && (d.ID == "" || one.Kind == d.Kind && one.Ordinal < d.Ordinal) {
					d = one
				}
			}
		}
		if d.ID == "" {
			return archive.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.open(ctx, r, d, visit)
}

// open opens a derivative that the reader may open, and records it first.
func (s *Service) open(ctx context.Context, r Reader, d archive.Derivative, visit string) (*Content, error) {
	// Opened before it is recorded, so that the record does not say that somebody saw what could not be opened; read
	// after.
	rd, err := s.o.Vault.Reader(ctx, vault.Ref(d.Object))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.ID, err)
	}
	if rd.Size() != d.Size {
		_ = rd.Close()
		return nil, fmt.Errorf("open %s: %w: its size is not the one recorded", d.ID, archive.ErrIntegrity)
	}
	c := &Content{ReadSeekCloser: rd, Derivative: d, Visit: visit}
	if what := whatOf(d.Kind); what != "" {
		if c.Visit, err = s.displayed(ctx, r, d.Item, d.ID, what, visit); err != nil {
			_ = rd.Close()
			return nil, err
		}
	}
	return c, nil
}

// Lanes gives the curves below the player as JSON; archive.ErrNotFound while there are none.
func (s *Service) Lanes(ctx context.Context, r Reader, item string) (json.RawMessage, error) {
	var d archive.Derivative
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		if _, err := s.item(ctx, tx, r, item, policy.Look); err != nil {
			return err
		}
		all, err := tx.Derivatives(ctx, item)
		if err != nil {
			return fmt.Errorf("list derivatives of %s: %w", item, err)
		}
		for _, one := range all {
			if one.Kind == archive.DerivativeLanes {
				d = one
				return nil
			}
		}
		return archive.ErrNotFound
	})
	if err != nil {
		return nil, err
	}
	body, err := s.document(ctx, d)
	if err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		return nil, fmt.Errorf("read %s: %w", d.ID, archive.ErrIntegrity)
	}
	return body, nil
}

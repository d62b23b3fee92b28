package proof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/verify"
)

// Kinds of statements in the catalogue.
const (
	kindScope = "scope"
	kindClip  = "clip"
)

// Scope is a scope that was stated.
type Scope struct {
	ID         string // of the statement
	SHA256     [32]byte
	Statement  verify.ScopeStatement
	Accessions []string // in the order of the statement
	Tick       int64    // -1 while no tick has taken it in
}

// PublishScope is what to state.
type PublishScope struct {
	// Accessions to state; empty: all closed ones that the asker may see.
	Accessions []string
	// Unmeasured lets items count as 0 milliseconds that have not been looked at yet.
	Unmeasured bool
}

// Published is what came of it.
type Published struct {
	Scope
	Sealed []string // accessions that were sealed for it
	Open   []string // accessions left out because they are open
	Empty  []string // accessions left out because they hold nothing of their own
	Again  bool     // the same had been stated already; nothing was added
}

// PublishScope seals the accessions that are not sealed yet and states their totals, in one transaction. The statement goes
// into the log with the next tick. Errors: archive.ErrForbidden, archive.ErrNotFound, ErrNoLog, ErrOpen, ErrUnmeasured,
// ErrUnsealed; with each of them nothing was sealed and nothing stated.
func (s *Service) PublishScope(ctx context.Context, who policy.Subject, r PublishScope) (Published, error) {
	if err := publisher(who); err != nil {
		return Published{}, fmt.Errorf("publish scope: %w", err)
	}
	lengths, err := s.decoded(ctx, who, r)
	if err != nil {
		return Published{}, fmt.Errorf("publish scope: %w", err)
	}
	var out Published
	err = s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = s.publishScope(ctx, tx, who, r, lengths)
		return err
	})
	if err != nil {
		return Published{}, fmt.Errorf("publish scope: %w", err)
	}
	return out, nil
}

func (s *Service) publishScope(ctx context.Context, tx *store.Tx, who policy.Subject, r PublishScope, lengths map[string]int64) (out Published, err error) {
	log, err := publicLog(ctx, tx)
	if err != nil {
		return out, err
	}
	accessions, err := s.chosen(ctx, tx, who, r.Accessions, &out)
	if err != nil {
		return out, err
	}
	now := s.now()
	id := s.o.NewID(archive.PrefixStatement)
	type fresh struct {
		seal   store.AccessionSeal
		places []store.AccessionPlace
	}
	var made []fresh
	var seals []store.AccessionSeal
	for _, a := range accessions {
		seal, there, err := tx.AccessionSeal(ctx, a.ID)
		if err != nil {
			return out, err
		}
		if !there {
			items, err := sealable(ctx, tx, a, r.Unmeasured, lengths)
			if err != nil {
				return out, err
			}
			if len(items) == 0 {
				if len(r.Accessions) > 0 {
					return out, archive.Explain(fmt.Errorf("accession %s: %w: it holds no items of its own", a.ID, archive.ErrInvalid), "This accession holds nothing of its own to state.", "")
				}
				out.Empty = append(out.Empty, a.ID)
				continue
			}
			sealed, err := Seal(s.o.Rand, items)
			if err != nil {
				return out, fmt.Errorf("accession %s: %w", a.ID, err)
			}
			seal = store.AccessionSeal{Accession: a.ID, Root: sealed.Root, Files: sealed.Files, Bytes: sealed.Bytes, Milliseconds: sealed.Milliseconds,
				Unmeasured: sealed.Unmeasured, SealedAt: now, Statement: id}
			made = append(made, fresh{seal, rows(a.ID, sealed)})
			out.Sealed = append(out.Sealed, a.ID)
		}
		seals = append(seals, seal)
	}
	if len(seals) == 0 {
		return out, archive.Explain(fmt.Errorf("%w: no accession to state", archive.ErrInvalid), "There is nothing to state: no accession is closed and holds items.", "Close an accession first: zapis accession close ID")
	}
	slices.SortFunc(seals, func(a, b store.AccessionSeal) int { return bytes.Compare(a.Root[:], b.Root[:]) })
	st := verify.ScopeStatement{Origin: log.Origin, SealedOn: s.today()}
	for _, a := range seals {
		st.Accessions = append(st.Accessions, verify.ScopeAccession{Root: a.Root, Files: a.Files, Bytes: a.Bytes, Milliseconds: a.Milliseconds, Unmeasured: a.Unmeasured})
		st.Files += a.Files
		st.Bytes += a.Bytes
		st.Milliseconds += a.Milliseconds
		st.Unmeasured += a.Unmeasured
		out.Accessions = append(out.Accessions, a.Accession)
	}
	body, err := st.Canonical()
	if err != nil {
		return out, err
	}
	out.Scope = Scope{ID: id, SHA256: sha256.Sum256(body), Statement: st, Accessions: out.Accessions, Tick: -1}
	if len(made) == 0 {
		stated, err := tx.Statements(ctx, kindScope)
		if err != nil {
			return out, err
		}
		for _, old := range stated {
			if old.SHA256 == out.SHA256 {
				out.ID, out.Tick, out.Again = old.ID, old.Tick, true
				return out, nil
			}
		}
	}
	salt, err := s.random()
	if err != nil {
		return out, err
	}
	if err := tx.AddStatement(ctx, store.Statement{ID: id, Kind: kindScope, Body: body, Salt: salt, SHA256: out.SHA256, CreatedAt: now, CreatedBy: who.Agent, Tick: -1, Place: -1}); err != nil {
		return out, err
	}
	digest := hex.EncodeToString(out.SHA256[:])
	var events []archive.Event
	for _, m := range made {
		if err := tx.AddAccessionSeal(ctx, m.seal, m.places); err != nil {
			return out, err
		}
		events = append(events, archive.Event{
			Type: archive.EventSealing, Agent: who.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindAccession, ID: m.seal.Accession}},
			Detail: map[string]string{
				"root": hex.EncodeToString(m.seal.Root[:]), "files": decimal(m.seal.Files), "bytes": decimal(m.seal.Bytes),
				"milliseconds": decimal(m.seal.Milliseconds), "unmeasured": decimal(m.seal.Unmeasured), "statement": digest,
			},
		})
	}
	e := archive.Event{Type: archive.EventDissemination, Agent: who.Agent, Outcome: archive.Success,
		Detail: map[string]string{"what": kindScope, "statement": digest, "accessions": decimal(int64(len(seals)))}}
	for _, a := range out.Accessions[:min(len(out.Accessions), 60)] {
		e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleAbout, Kind: custody.KindAccession, ID: a})
	}
	_, err = s.o.Custody.Record(ctx, tx, append(events, e)...)
	return out, err
}

// chosen finds the accessions to state.
func (s *Service) chosen(ctx context.Context, tx *store.Tx, who policy.Subject, named []string, out *Published) ([]archive.Accession, error) {
	var list []archive.Accession
	if len(named) == 0 {
		all, err := tx.Accessions(ctx, policy.ScopeOf(who))
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			if a.State != archive.AccessionClosed {
				out.Open = append(out.Open, a.ID)
				continue
			}
			list = append(list, a)
		}
		return list, nil
	}
	for _, id := range named {
		if err := archive.CheckID(archive.PrefixAccession, id); err != nil {
			return nil, err
		}
		a, err := tx.Accession(ctx, id)
		if err == nil {
			err = policy.Decide(who, policy.ViewAccession, policy.AccessionObject(a)).Err()
		}
		if err != nil {
			return nil, fmt.Errorf("accession %s: %w", id, err)
		}
		if a.State != archive.AccessionClosed {
			return nil, archive.Explain(fmt.Errorf("accession %s: %w: %w", id, archive.ErrConflict, ErrOpen), "The accession is still open: what is sealed cannot grow.", "Close it first: zapis accession close "+id)
		}
		if !slices.ContainsFunc(list, func(b archive.Accession) bool { return b.ID == a.ID }) {
			list = append(list, a)
		}
	}
	return list, nil
}

// decoded finds out how long the recordings are that were decoded in full, in milliseconds by item. It runs before the
// transaction that seals, because it asks about each item, and nobody else could write meanwhile.
func (s *Service) decoded(ctx context.Context, who policy.Subject, r PublishScope) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		clear(out)
		accessions, err := s.chosen(ctx, tx, who, r.Accessions, &Published{})
		if err != nil {
			return err
		}
		for _, a := range accessions {
			if _, there, err := tx.AccessionSeal(ctx, a.ID); err != nil {
				return err
			} else if there {
				continue
			}
			for it, err := range tx.SealableItems(ctx, a.ID) {
				if err != nil {
					return err
				}
				if it.State != archive.ItemReady || it.Kind != archive.KindVideo && it.Kind != archive.KindAudio {
					continue
				}
				made, err := tx.Derivatives(ctx, it.Item)
				if err != nil {
					return err
				}
				for _, d := range made {
					var meta struct{ Duration float64 }
					if d.Kind == archive.DerivativeProxy && json.Unmarshal(d.Meta, &meta) == nil && meta.Duration > 0 && meta.Duration <= longest.Seconds() {
						out[it.Item] = int64(math.Round(meta.Duration * 1000))
					}
				}
			}
		}
		return nil
	})
	return out, err
}

// sealable collects the items of an accession, or says how many cannot be sealed yet.
func sealable(ctx context.Context, tx *store.Tx, a archive.Accession, unmeasured bool, lengths map[string]int64) ([]Sealable, error) {
	var out []Sealable
	missing, bare := 0, 0
	for it, err := range tx.SealableItems(ctx, a.ID) {
		if err != nil {
			return nil, err
		}
		if !it.Sealed {
			bare++
		}
		ms, known, looked := measure(it, lengths[it.Item])
		if !looked {
			missing++
		}
		out = append(out, Sealable{Item: it.Item, Bytes: it.Size, Milliseconds: ms, Unmeasured: !known, Salt: it.Salt, Whole: it.Whole, SegmentRoot: it.SegmentRoot})
	}
	switch {
	case bare > 0:
		return nil, archive.Explain(fmt.Errorf("accession %s: %w: %d items", a.ID, ErrUnsealed, bare),
			strconv.Itoa(bare)+" items were taken in before items got commitments of their own.", "Run zapis scope prepare, which reads them once, and try again.")
	case missing > 0 && !unmeasured:
		return nil, archive.Explain(fmt.Errorf("accession %s: %w: %d of %d", a.ID, ErrUnmeasured, missing, len(out)),
			fmt.Sprintf("%d of %d items have not been looked at, so their length is not known.", missing, len(out)),
			"Let zapis worker finish, or state them as 0 with --unmeasured; the statement says how many there are, and a seal is never made anew.")
	}
	return out, nil
}

// longest is what a file may say about its own length and still be believed: a recorder writes a day at most.
const longest = 72 * time.Hour

// measure says how long an item is: as long as it could be decoded, if it was decoded whole (decoded is above 0); else as long as
// its container says, if the machine could make something of it. What a file says of itself is not believed beyond reason, since a
// total is stated for ever: such an item counts 0 and is not known. looked is false while a pass is still to come that may find it out.
func measure(it store.SealableItem, decoded int64) (ms int64, known, looked bool) {
	switch {
	case it.Kind == archive.KindImage || it.Kind == archive.KindDocument:
		return 0, true, it.State != archive.ItemSealed
	case decoded > 0:
		return decoded, true, true
	case it.State == archive.ItemExplained:
		return 0, false, true
	case it.Duration > 0 && it.Duration <= longest:
		return it.Duration.Milliseconds(), true, true
	case it.State == archive.ItemReady:
		return 0, false, true
	}
	// Of a recording whose container states no length, or an absurd one, only the full pass knows it.
	return 0, false, it.State == archive.ItemBrowsable && it.Kind != archive.KindVideo && it.Kind != archive.KindAudio
}

func rows(accession string, s Sealed) []store.AccessionPlace {
	out := make([]store.AccessionPlace, len(s.Places))
	for i, p := range s.Places {
		out[i] = store.AccessionPlace{Accession: accession, Place: p.Measured.Place, Item: p.Item, Leaf: p.Leaf, BytesBefore: p.Measured.BytesBefore,
			Bytes: p.Measured.Bytes, MillisecondsBefore: p.Measured.MillisecondsBefore, Milliseconds: p.Measured.Milliseconds}
	}
	return out
}

// Scopes gives the scopes that were stated, oldest first.
func (s *Service) Scopes(ctx context.Context, who policy.Subject) (out []Scope, err error) {
	if err := releaser(who); err != nil {
		return nil, fmt.Errorf("list scopes: %w", err)
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		seals, err := sealsByRoot(ctx, tx)
		if err != nil {
			return err
		}
		stated, err := tx.Statements(ctx, kindScope)
		if err != nil {
			return err
		}
		for _, st := range stated {
			sc, err := scopeOf(st, seals)
			if err != nil {
				return err
			}
			out = append(out, sc)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list scopes: %w", err)
	}
	return out, nil
}

func sealsByRoot(ctx context.Context, tx *store.Tx) (map[[32]byte]store.AccessionSeal, error) {
	all, err := tx.AccessionSeals(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[[32]byte]store.AccessionSeal, len(all))
	for _, a := range all {
		out[a.Root] = a
	}
	return out, nil
}

// scopeOf reads a stored scope statement and finds its accessions.
func scopeOf(st store.Statement, seals map[[32]byte]store.AccessionSeal) (Scope, error) {
	body, err := parseScope(st)
	if err != nil {
		return Scope{}, err
	}
	sc := Scope{ID: st.ID, SHA256: st.SHA256, Statement: body, Tick: st.Tick}
	for _, a := range body.Accessions {
		seal, ok := seals[a.Root]
		if !ok || seal.Files != a.Files || seal.Bytes != a.Bytes || seal.Milliseconds != a.Milliseconds || seal.Unmeasured != a.Unmeasured {
			return Scope{}, fmt.Errorf("statement %s: %w: it states what is not sealed", st.ID, archive.ErrIntegrity)
		}
		sc.Accessions = append(sc.Accessions, seal.Accession)
	}
	return sc, nil
}

// parseScope reads a stored scope statement; archive.ErrIntegrity if its bytes are not those of one.
func parseScope(st store.Statement) (out verify.ScopeStatement, err error) {
	var v struct {
		Accessions []struct {
			Bytes, Files, Milliseconds, Unmeasured num
			Root                                   digest
		}
		Bytes, Files, Milliseconds, Unmeasured num
		Format, Version, Origin                string
		SealedOn                               string `json:"sealed_on"`
	}
	if err := strictly(st, kindScope, &v); err != nil {
		return out, err
	}
	out = verify.ScopeStatement{Bytes: int64(v.Bytes), Files: int64(v.Files), Milliseconds: int64(v.Milliseconds), Unmeasured: int64(v.Unmeasured), Origin: v.Origin, SealedOn: v.SealedOn}
	for _, a := range v.Accessions {
		out.Accessions = append(out.Accessions, verify.ScopeAccession{Bytes: int64(a.Bytes), Files: int64(a.Files), Milliseconds: int64(a.Milliseconds), Unmeasured: int64(a.Unmeasured), Root: a.Root})
	}
	return out, same(st, out)
}

// parseClip reads a stored clip statement; archive.ErrIntegrity if its bytes are not those of one.
func parseClip(st store.Statement) (out verify.ClipStatement, err error) {
	var v struct {
		Clip struct {
			Bytes, Milliseconds num
			SHA256              digest
		}
		Cuts []struct {
			From   num `json:"from_ms"`
			Source num
			To     num `json:"to_ms"`
		}
		Format, Version, Origin string
		Files                   []struct {
			Bytes  num
			SHA256 digest
		}
		Masks    []digest
		Number   num
		Previous string
		Released num `json:"released_ms"`
		Scope    digest
		Sources  []struct {
			Accession, Item digest
			Segments        []struct {
				Commitment digest
				Index      num
			}
		}
		StatedOn string `json:"stated_on"`
	}
	if err := strictly(st, kindClip, &v); err != nil {
		return out, err
	}
	out = verify.ClipStatement{Bytes: int64(v.Clip.Bytes), Milliseconds: int64(v.Clip.Milliseconds), SHA256: v.Clip.SHA256, Number: int64(v.Number), Origin: v.Origin,
		ReleasedMS: int64(v.Released), Scope: v.Scope, StatedOn: v.StatedOn}
	for _, c := range v.Cuts {
		out.Cuts = append(out.Cuts, verify.Cut{FromMS: int64(c.From), Source: int(c.Source), ToMS: int64(c.To)})
	}
	for _, f := range v.Files {
		out.Files = append(out.Files, verify.NamedFile{Bytes: int64(f.Bytes), SHA256: f.SHA256})
	}
	for _, m := range v.Masks {
		out.Masks = append(out.Masks, m)
	}
	if v.Previous != "" {
		var d digest
		if err := d.UnmarshalText([]byte(v.Previous)); err != nil {
			return out, fmt.Errorf("statement %s: %w", st.ID, err)
		}
		h := verify.Hash(d)
		out.Previous = &h
	}
	for _, src := range v.Sources {
		s := verify.ClipSource{Accession: src.Accession, Item: src.Item}
		for _, seg := range src.Segments {
			s.Segments = append(s.Segments, verify.NamedSegment{Commitment: seg.Commitment, Index: int64(seg.Index)})
		}
		out.Sources = append(out.Sources, s)
	}
	return out, same(st, out)
}

// num is a number written as text, as everywhere in statements.
type num int64

// UnmarshalText reads one.
func (n *num) UnmarshalText(b []byte) error {
	v, err := strconv.ParseInt(string(b), 10, 64)
	*n = num(v)
	return err
}

// digest is 32 bytes in hexadecimal.
type digest [32]byte

// UnmarshalText reads one.
func (d *digest) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != 32 {
		return fmt.Errorf("%w: a digest", archive.ErrIntegrity)
	}
	copy(d[:], raw)
	return nil
}

func strictly(st store.Statement, kind string, into any) error {
	if st.Kind != kind {
		return fmt.Errorf("statement %s: %w: it states no %s", st.ID, archive.ErrNotFound, kind)
	}
	if sha256.Sum256(st.Body) != st.SHA256 {
		return fmt.Errorf("statement %s: %w: its bytes are others", st.ID, archive.ErrIntegrity)
	}
	if err := json.Unmarshal(st.Body, into); err != nil {
		return fmt.Errorf("statement %s: %w: it cannot be read", st.ID, archive.ErrIntegrity)
	}
	return nil
}

// same makes sure that nothing was lost in reading.
func same(st store.Statement, v interface{ Canonical() ([]byte, error) }) error {
	again, err := v.Canonical()
	if err != nil || !bytes.Equal(again, st.Body) {
		return errors.Join(fmt.Errorf("statement %s: %w: it reads otherwise than it stands", st.ID, archive.ErrIntegrity), err)
	}
	return nil
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

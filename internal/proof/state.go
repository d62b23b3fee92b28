package proof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/custody"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/verify"
)

// MaxMasks is how many masks a statement may name.
const MaxMasks = 2000

// MaxOthers is how many other files of a rendering a statement may name.
const MaxOthers = 64

// StateClip is a clip that somebody else rendered and sealed into the vault.
type StateClip struct {
	// Object is the file that will be published, with the envelope it was committed under.
	Object       vault.Object
	Milliseconds int64 // how long it plays
	// Others are the other files of the same rendering that will be published with it: smaller sizes and stills. They are named in the statement,
	// so that each of them can be proved by the clip's proof. At most MaxOthers, each other bytes.
	Others []vault.Object
	Cuts   []CutOf
	// Read holds for each cut the bytes of its original that were given to the decoder, ascending and apart.
	Read [][]media.Range
	// Masks are the SHA-256 of the mask tracks that were applied, in the order of their use. A digest of a track alone could be
	// guessed and would tell where a mask lay: it must cover a salt.
	Masks  [][32]byte
	Scope  string // as for MakeClip
	Reason string // recorded for ever
	// Recipe and Tool that made the file; for the custody record. Their zero values are left out.
	Recipe media.Recipe
	Tool   media.Tool
}

// StateClip states a clip that was rendered elsewhere: statement, clip and custody event in one transaction, in which in runs as well
// and which it can stop. in gets the clip as it will stand; it must have recorded Object in the catalogue when it returns (tx.AddCommit),
// unless it was recorded before. It may run more than once. Asks for policy.ApprovePlan on every item. Errors: archive.ErrForbidden or
// ErrNotFound, archive.ErrInvalid, archive.ErrConflict, ErrNoLog, ErrUnsealed, ErrTooWide, archive.ErrIntegrity if the object that is
// recorded is another one, those of in.
//
// If it gives an error, the caller's sealed bytes belong to nobody; with store.ErrUnknownOutcome that is not certain.
func (s *Service) StateClip(ctx context.Context, who policy.Subject, r StateClip, in func(tx *store.Tx, c Clip) error) (Clip, error) {
	fail := func(err error) (Clip, error) { return Clip{}, fmt.Errorf("state clip: %w", err) }
	var err error
	if r.Reason, err = cleanReason(r.Reason); err != nil {
		return fail(err)
	}
	if !policy.Could(who, policy.ApprovePlan) {
		return fail(archive.ErrForbidden)
	}
	switch {
	case len(r.Cuts) == 0 || len(r.Cuts) > media.MaxCuts:
		return fail(fmt.Errorf("%w: a clip has 1 to %d cuts", archive.ErrInvalid, media.MaxCuts))
	case len(r.Read) != len(r.Cuts):
		return fail(fmt.Errorf("%w: what was read is not known of each cut", archive.ErrInvalid))
	case r.Object.Size <= 0 || r.Object.SHA256 == [32]byte{} || r.Object.Envelope == "" || r.Milliseconds <= 0:
		return fail(fmt.Errorf("%w: an empty clip", archive.ErrInvalid))
	case len(r.Others) > MaxOthers:
		return fail(fmt.Errorf("%w: a rendering has at most %d files beside the clip", archive.ErrInvalid, MaxOthers))
	case slices.ContainsFunc(r.Others, func(o vault.Object) bool { return o.Size <= 0 || o.SHA256 == [32]byte{} || o.Envelope == "" }):
		return fail(fmt.Errorf("%w: an empty file of a rendering", archive.ErrInvalid))
	case len(r.Masks) > MaxMasks || slices.Contains(r.Masks, [32]byte{}):
		return fail(fmt.Errorf("%w: masks", archive.ErrInvalid))
	}
	if err := archive.CheckID(archive.PrefixObject, r.Object.ID); err != nil {
		return fail(err)
	}
	for i, read := range r.Read {
		if len(read) == 0 {
			return fail(fmt.Errorf("cut %d: %w: nothing was read for it", i, archive.ErrInvalid))
		}
	}
	id := s.o.NewID(archive.PrefixClip)
	var out Clip
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		sources, of, err := s.sources(ctx, tx, who, policy.ApprovePlan, r.Cuts)
		if err != nil {
			return err
		}
		for i, c := range r.Cuts {
			if err := c.within(i, sources[of[i]].item); err != nil {
				return err
			}
			if err := sources[of[i]].name(r.Read[i]); err != nil {
				return err
			}
		}
		out, err = s.state(ctx, tx, who, policy.ApprovePlan, r, id, sources, of, in)
		return err
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// state writes the statement, the clip and the event, with what in writes.
func (s *Service) state(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, r StateClip, id string, sources []*source, of []int,
	in func(tx *store.Tx, c Clip) error) (out Clip, err error) {
	// Two clips of one scope made at the same time must not get one number.
	if _, err := tx.LogSize(ctx, true); err != nil {
		return out, err
	}
	log, err := publicLog(ctx, tx)
	if err != nil {
		return out, err
	}
	for _, src := range sources {
		// What was allowed before the rendering may no longer be, and what was sealed may have been erased.
		again, err := s.source(ctx, tx, who, a, src.item.ID)
		if err != nil {
			return out, err
		}
		if again.place != src.place || again.root != src.root || again.seal.Whole != src.seal.Whole {
			return out, fmt.Errorf("item %s: %w: it changed while the clip was made", src.item.ID, archive.ErrConflict)
		}
		if n := commit.SegmentCount(src.item.Size); int64(len(src.seal.Digests)) != 32*n || src.seal.SegmentSize != commit.SegmentSize {
			return out, fmt.Errorf("item %s: %w: its segments are not as many as its size asks for", src.item.ID, archive.ErrIntegrity)
		}
	}
	scope, err := chooseScope(ctx, tx, r.Scope, sources)
	if err != nil {
		return out, err
	}
	whole, err := parseScope(scope)
	if err != nil {
		return out, err
	}
	st := verify.ClipStatement{
		Bytes: r.Object.Size, Milliseconds: r.Milliseconds, SHA256: r.Object.SHA256,
		Number: 1, Origin: log.Origin, Scope: scope.SHA256, StatedOn: s.today(),
	}
	before, err := tx.Clips(ctx, scope.ID)
	if err != nil {
		return out, err
	}
	if n := len(before); n > 0 {
		last, err := tx.Statement(ctx, before[n-1].Statement)
		if err != nil {
			return out, err
		}
		previous := verify.Hash(last.SHA256)
		st.Number, st.Previous, st.ReleasedMS = before[n-1].Number+1, &previous, before[n-1].ReleasedMS
	}
	for i, c := range r.Cuts {
		cut := verify.Cut{FromMS: c.From.Milliseconds(), ToMS: c.To.Milliseconds(), Source: of[i]}
		if cut.ToMS <= cut.FromMS {
			return out, fmt.Errorf("cut %d: %w: shorter than a millisecond", i, archive.ErrInvalid)
		}
		st.Cuts = append(st.Cuts, cut)
		st.ReleasedMS += cut.ToMS - cut.FromMS
	}
	if st.ReleasedMS > whole.Milliseconds {
		return out, archive.Explain(fmt.Errorf("%w: %d ms would be released of %d", archive.ErrInvalid, st.ReleasedMS, whole.Milliseconds), "More would be released than the scope says there is.", "State a scope that measures everything.")
	}
	st.Files = others(r)
	for _, m := range r.Masks {
		st.Masks = append(st.Masks, m)
	}
	segments := 0
	for _, src := range sources {
		named := src.segments()
		segments += len(named)
		st.Sources = append(st.Sources, verify.ClipSource{Accession: src.root, Item: src.place.Leaf, Segments: named})
	}
	body, err := st.Canonical()
	if err != nil {
		return out, err
	}
	salt, err := s.random()
	if err != nil {
		return out, err
	}
	now := s.now()
	row := store.Statement{ID: s.o.NewID(archive.PrefixStatement), Kind: kindClip, Body: body, Salt: salt, SHA256: sha256.Sum256(body), CreatedAt: now, CreatedBy: who.Agent, Tick: -1, Place: -1}
	clip := store.Clip{
		ID: id, Statement: row.ID, Scope: scope.ID, Number: st.Number, ReleasedMS: st.ReleasedMS, Bytes: st.Bytes, Milliseconds: st.Milliseconds,
		SHA256: st.SHA256, Object: archive.ObjectRef{Object: r.Object.ID, Envelope: r.Object.Envelope}, CreatedAt: now,
	}
	if err := tx.AddStatement(ctx, row); err != nil {
		return out, err
	}
	if err := tx.AddClip(ctx, clip); err != nil {
		return out, err
	}
	out = Clip{Clip: clip, Statement: st, SHA256: row.SHA256, Tick: -1, Segments: segments}
	if in != nil {
		if err := in(tx, out); err != nil {
			return out, err
		}
	}
	for _, o := range append([]vault.Object{r.Object}, r.Others...) {
		if err := recorded(ctx, tx, o); err != nil {
			return out, err
		}
	}
	event := archive.Event{
		Type: archive.EventDissemination, Agent: who.Agent, Outcome: archive.Success,
		Detail: map[string]string{
			"what": kindClip, "statement": hex.EncodeToString(row.SHA256[:]), "sha256": hex.EncodeToString(st.SHA256[:]), "size": decimal(st.Bytes), "clip": id,
			"object": r.Object.ID, "envelope": r.Object.Envelope, "reason": r.Reason, "cuts": decimal(int64(len(st.Cuts))),
		},
	}
	if len(st.Files) > 0 {
		event.Detail["files"] = decimal(int64(len(st.Files)))
	}
	if len(st.Masks) > 0 {
		event.Detail["masks"] = decimal(int64(len(st.Masks)))
	}
	if r.Recipe != (media.Recipe{}) {
		event.Detail["recipe"], event.Detail["recipe_version"] = r.Recipe.Name, decimal(int64(r.Recipe.Version))
	}
	if r.Tool.Name != "" {
		event.Detail["derive_tool"], event.Detail["derive_tool_version"] = r.Tool.Name, r.Tool.Version
	}
	for _, src := range sources {
		event.Subjects = append(event.Subjects, archive.Subject{Role: custody.RoleSource, Kind: custody.KindItem, ID: src.item.ID})
	}
	event.Subjects = append(event.Subjects, archive.Subject{Role: custody.RoleOutcome, Kind: custody.KindObject, ID: r.Object.ID})
	if _, err := s.o.Custody.Record(ctx, tx, event); err != nil {
		return out, err
	}
	return out, nil
}

// others names the other files of a rendering as a statement does: by ascending digest, each once, and not the clip itself. Two stills of a
// picture that stands still are one file.
func others(r StateClip) (out []verify.NamedFile) {
	for _, o := range r.Others {
		if f := (verify.NamedFile{Bytes: o.Size, SHA256: o.SHA256}); o.SHA256 != r.Object.SHA256 && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b verify.NamedFile) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	return out
}

// recorded makes sure that the file of a clip is in the catalogue as it was stated.
func recorded(ctx context.Context, tx *store.Tx, o vault.Object) error {
	held, err := tx.Object(ctx, o.ID)
	if errors.Is(err, archive.ErrNotFound) {
		return fmt.Errorf("object %s: %w: it is not in the catalogue", o.ID, archive.ErrInvalid)
	}
	if err != nil {
		return err
	}
	if held.Envelope != o.Envelope || held.Size != o.Size || !bytes.Equal(held.SHA256, o.SHA256[:]) || held.State != store.ObjectHeld {
		return fmt.Errorf("object %s: %w: the catalogue has another one", o.ID, archive.ErrIntegrity)
	}
	return nil
}

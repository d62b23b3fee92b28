package proof

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/verify"
)

// MaxSegments is how many proof segments of one item a clip may name.
const MaxSegments = 4096

// ErrTooWide: a cut makes the decoder read more of an item than a statement can name.
var ErrTooWide = errors.New("cut reads too much of an item")

// CutOf is a stretch of an item.
type CutOf struct {
	Item     string // identifier or reference
	From, To time.Duration
}

// within says whether cut i lies within its item. What a container says of its length is a second off at times.
func (c CutOf) within(i int, it archive.Item) error {
	if c.From < 0 || c.To <= c.From || it.Duration > 0 && c.To > it.Duration+time.Second {
		return archive.Explain(fmt.Errorf("cut %d: %w: it does not lie within the item", i, archive.ErrInvalid), "A cut does not lie within its item.", "")
	}
	return nil
}

// MakeClip is what to cut.
type MakeClip struct {
	Cuts   []CutOf
	Scope  string // identifier of the scope statement; empty: of those that contain all items the newest with clips, or the newest
	Reason string // recorded for ever
	// MaxHeight of the picture; 0: 720.
	MaxHeight int
	// Beat is told the media time reached, in seconds.
	Beat func(seconds float64)
}

// Clip is a clip that was made and stated.
type Clip struct {
	store.Clip
	Statement verify.ClipStatement
	SHA256    [32]byte // of the statement
	Tick      int64    // -1 while no tick has taken it in
	Segments  int      // named in it
}

// source is an item that a clip is cut from.
type source struct {
	item  archive.Item
	seal  store.ItemSeal
	place store.AccessionPlace
	root  [32]byte // of its accession
	named map[int64]bool
}

// MakeClip renders a clip from originals, seals it into the vault, and states it, in one transaction with the custody event.
// No byte of it is given out here: see WriteClip. Errors: archive.ErrForbidden or ErrNotFound, archive.ErrInvalid, ErrNoLog,
// ErrUnsealed, ErrTooWide, those of package media, archive.ErrIntegrity if an original does not open as it was sealed.
func (s *Service) MakeClip(ctx context.Context, who policy.Subject, r MakeClip) (Clip, error) {
	fail := func(err error) (Clip, error) { return Clip{}, fmt.Errorf("make clip: %w", err) }
	reason, err := cleanReason(r.Reason)
	if err != nil {
		return fail(err)
	}
	if err := publisher(who); err != nil {
		return fail(err)
	}
	if len(r.Cuts) == 0 || len(r.Cuts) > media.MaxCuts {
		return fail(fmt.Errorf("%w: a clip has 1 to %d cuts", archive.ErrInvalid, media.MaxCuts))
	}
	var sources []*source
	var of []int // the source of each cut
	err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := publicLog(ctx, tx); err != nil {
			return err
		}
		if sources, of, err = s.sources(ctx, tx, who, policy.Extract, r.Cuts); err != nil {
			return err
		}
		_, err = chooseScope(ctx, tx, r.Scope, sources) // refused before anything is rendered
		return err
	})
	if err != nil {
		return fail(err)
	}
	tools, err := s.o.Media()
	if err != nil {
		return fail(err)
	}
	object, made, batch, err := s.render(ctx, tools, sources, of, r)
	if err != nil {
		return fail(err)
	}
	for i, list := range made.Read {
		if err := sources[of[i]].name(list); err != nil {
			_ = batch.Abort(context.WithoutCancel(ctx))
			return fail(err)
		}
	}
	commit, err := batch.Commit(ctx)
	if err != nil {
		_ = batch.Abort(context.WithoutCancel(ctx))
		return fail(err)
	}
	var out Clip
	id := s.o.NewID(archive.PrefixClip)
	object.Envelope = commit.Envelope
	st := StateClip{
		Object: object, Milliseconds: int64(math.Round(made.Duration * 1000)), Cuts: r.Cuts, Scope: r.Scope, Reason: reason,
		Recipe: media.RecipeClip, Tool: made.Report.Tool,
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = s.state(ctx, tx, who, policy.Extract, st, id, sources, of, func(tx *store.Tx, _ Clip) error {
			return tx.AddCommit(ctx, commit, store.ObjectClip)
		})
		return err
	})
	if err != nil {
		s.discard(ctx, id, commit, err)
		return fail(err)
	}
	return out, nil
}

// sources finds the items of cuts, each once, and which of them each cut is of.
func (s *Service) sources(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, cuts []CutOf) (sources []*source, of []int, err error) {
	for _, c := range cuts {
		src, err := s.source(ctx, tx, who, a, c.Item)
		if err != nil {
			return nil, nil, err
		}
		at := slices.IndexFunc(sources, func(o *source) bool { return o.item.ID == src.item.ID })
		if at < 0 {
			at, sources = len(sources), append(sources, src)
		}
		of = append(of, at)
	}
	return sources, of, nil
}

// source finds an item and what is committed about it.
func (s *Service) source(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, name string) (*source, error) {
	it, err := s.item(ctx, tx, who, a, name)
	if err != nil {
		return nil, err
	}
	unsealed := func() error {
		return archive.Explain(fmt.Errorf("item %s: %w", it.ID, ErrUnsealed), "The item is in no sealed accession, so a clip of it could not be checked.", "Seal and state its accession first: zapis scope publish")
	}
	src := &source{item: it, named: map[int64]bool{}}
	if src.seal, err = tx.ItemSeal(ctx, it.ID); errors.Is(err, archive.ErrNotFound) {
		return nil, unsealed()
	} else if err != nil {
		return nil, err
	}
	var there bool
	if src.place, there, err = tx.PlaceOf(ctx, it.ID); err != nil {
		return nil, err
	} else if !there {
		return nil, unsealed()
	}
	seal, there, err := tx.AccessionSeal(ctx, src.place.Accession)
	if err == nil && !there {
		err = fmt.Errorf("item %s: %w: it has a place in an accession that is not sealed", it.ID, archive.ErrIntegrity)
	}
	src.root = seal.Root
	return src, err
}

// item finds an item by identifier or reference and asks whether a may be done to it.
func (s *Service) item(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, name string) (it archive.Item, err error) {
	if strings.HasPrefix(name, "Z") {
		it, err = tx.ItemByReference(ctx, policy.ScopeOf(who), name)
	} else if err = archive.CheckID(archive.PrefixItem, name); err == nil {
		it, err = tx.Item(ctx, policy.ScopeOf(who), name)
	}
	if err != nil {
		return it, fmt.Errorf("find item: %w", err)
	}
	if err := policy.Decide(who, a, policy.ItemObject(it)).Err(); err != nil {
		return it, fmt.Errorf("item %s: %w", it.ID, err)
	}
	return it, nil
}

// chooseScope finds the scope statement that a clip counts against: the one named, or, of those that contain all items, the
// newest that has clips already, or else the newest. A new scope must not set the count back without being asked to.
func chooseScope(ctx context.Context, tx *store.Tx, id string, sources []*source) (store.Statement, error) {
	stated, err := tx.Statements(ctx, kindScope)
	if err != nil {
		return store.Statement{}, err
	}
	var newest *store.Statement
	for _, st := range slices.Backward(stated) {
		if id != "" && st.ID != id {
			continue
		}
		scope, err := parseScope(st)
		if err != nil {
			return store.Statement{}, err
		}
		contained := !slices.ContainsFunc(sources, func(src *source) bool {
			return !slices.ContainsFunc(scope.Accessions, func(a verify.ScopeAccession) bool { return a.Root == src.root })
		})
		switch {
		case !contained && id != "":
			return store.Statement{}, archive.Explain(fmt.Errorf("statement %s: %w: an item is not in it", id, archive.ErrInvalid), "This scope does not contain all items of the clip.", "")
		case !contained:
			continue
		case id != "":
			return st, nil
		}
		clips, err := tx.Clips(ctx, st.ID)
		if err != nil {
			return store.Statement{}, err
		}
		if len(clips) > 0 {
			return st, nil
		}
		if newest == nil {
			newest = &st
		}
	}
	switch {
	case newest != nil:
		return *newest, nil
	case id != "":
		return store.Statement{}, fmt.Errorf("statement %s: %w", id, archive.ErrNotFound)
	}
	return store.Statement{}, archive.Explain(fmt.Errorf("%w: no scope contains all items of the clip", ErrUnsealed), "No stated scope contains all items of the clip.", "State one first: zapis scope publish")
}

// render makes the clip and seals it into a batch, which the caller commits or aborts.
func (s *Service) render(ctx context.Context, tools Media, sources []*source, of []int, r MakeClip) (_ vault.Object, made media.Clip, batch *vault.Batch, err error) {
	probes := make([]media.Probe, len(sources))
	originals := make([]*vault.Original, len(r.Cuts))
	defer func() {
		for _, o := range originals {
			if o != nil {
				_ = o.Close() // nothing was written through it
			}
		}
	}()
	cuts := make([]media.Cut, len(r.Cuts))
	probed := make([]bool, len(sources))
	for i, c := range r.Cuts {
		it := sources[of[i]].item
		rd, err := s.o.Vault.Reader(ctx, vault.Ref(it.Object))
		if err != nil {
			return vault.Object{}, made, nil, fmt.Errorf("open original of %s: %w", it.ID, err)
		}
		o := vault.NewOriginal(rd)
		originals[i] = o
		if o.Size() != it.Size {
			return vault.Object{}, made, nil, fmt.Errorf("open original of %s: %w: another size", it.ID, archive.ErrIntegrity)
		}
		if !probed[of[i]] {
			if probes[of[i]], err = tools.Probe(ctx, o); err != nil {
				return vault.Object{}, made, nil, fmt.Errorf("look at %s: %w", it.ID, err)
			}
			probed[of[i]] = true
		}
		if err := c.within(i, it); err != nil {
			return vault.Object{}, made, nil, err
		}
		cuts[i] = media.Cut{Source: o, Probe: probes[of[i]], From: c.From, To: c.To}
	}
	batch = s.o.Vault.Begin(ctx)
	var object vault.Object
	for _, whole := range []bool{false, true} {
		object, err = sealStream(ctx, batch, func(w io.Writer) (err error) {
			made, err = tools.Clip(ctx, cuts, media.ClipOptions{Out: w, MaxHeight: r.MaxHeight, Whole: whole, Beat: r.Beat})
			return err
		})
		if err == nil || !errors.Is(err, media.ErrNarrow) {
			break
		}
		s.o.Logger.InfoContext(ctx, "clip is rendered from whole originals", slog.Int("cuts", len(cuts)))
	}
	for i, o := range originals {
		if broken := o.Problem(); broken != nil && ctx.Err() == nil {
			err = errors.Join(fmt.Errorf("read original of %s: %w", sources[of[i]].item.ID, broken), err)
		}
	}
	if err == nil && (object.Size != made.Size || object.Size == 0 || len(made.Read) != len(cuts)) {
		err = fmt.Errorf("%w: the clip is not what was reported", media.ErrNoReport)
	}
	if err != nil {
		_ = batch.Abort(context.WithoutCancel(ctx))
		return vault.Object{}, made, nil, err
	}
	return object, made, batch, nil
}

// sealStream seals what produce writes, while it is written. If produce gives an error the object is dropped.
func sealStream(ctx context.Context, batch *vault.Batch, produce func(io.Writer) error) (vault.Object, error) {
	r, w := io.Pipe()
	type result struct {
		o   vault.Object
		err error
	}
	done := make(chan result, 1)
	go func() {
		o, err := batch.Add(ctx, r, vault.AddOptions{})
		// If sealing failed the program must hear of it, or it would wait for ever.
		_ = r.CloseWithError(errors.Join(errors.New("sealing ended"), err))
		done <- result{o, err}
	}()
	err := produce(w)
	_ = w.CloseWithError(err) // nil is the end of the stream
	res := <-done
	switch {
	case err == nil && res.err == nil:
		return res.o, nil
	case res.err != nil && !errors.Is(res.err, vault.ErrSource):
		return vault.Object{}, fmt.Errorf("seal clip: %w", res.err)
	case res.err == nil:
		batch.Drop(res.o.ID) // produce failed after its last byte
	}
	return vault.Object{}, err
}

// name notes the segments that hold the bytes which the decoder was given.
func (src *source) name(read []media.Range) error {
	for _, x := range read {
		if x.From < 0 || x.To > src.item.Size || x.To <= x.From {
			return fmt.Errorf("item %s: %w: bytes were read that are not there", src.item.ID, archive.ErrIntegrity)
		}
		for i := x.From / commit.SegmentSize; i <= (x.To-1)/commit.SegmentSize; i++ {
			src.named[i] = true
		}
		if len(src.named) > MaxSegments {
			return archive.Explain(fmt.Errorf("item %s: %w", src.item.ID, ErrTooWide), "The decoder has to read more of this item than a statement can name (4 GiB).", "Take a cut nearer to its beginning, or an item that is shorter.")
		}
	}
	return nil
}

func (src *source) segments() []verify.NamedSegment {
	indexes := make([]int64, 0, len(src.named))
	for i := range src.named {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	out := make([]verify.NamedSegment, len(indexes))
	for k, i := range indexes {
		sum := [32]byte(src.seal.Digests[32*i : 32*i+32])
		out[k] = verify.NamedSegment{Index: i, Commitment: commit.Segment(src.seal.Salt, uint64(i), commit.SegmentLength(src.item.Size, i), sum)}
	}
	return out
}

// discard takes sealed bytes away that the catalogue will never name; where that is not certain they stay, and fsck names
// them.
func (s *Service) discard(ctx context.Context, id string, c vault.Commit, cause error) {
	ctx = context.WithoutCancel(ctx)
	if errors.Is(cause, store.ErrUnknownOutcome) {
		return
	}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Clip(ctx, id)
		return err
	})
	if !errors.Is(err, archive.ErrNotFound) {
		return
	}
	if err := s.o.Vault.Discard(ctx, c); err != nil {
		s.o.Logger.WarnContext(ctx, "sealed bytes without an owner stay in the vault", slog.String("envelope", c.Envelope), slog.Any("error", err))
	}
}

// WriteClip writes the published file to w. If the bytes turn out not to be those that were stated, w has got some of them
// and the error is archive.ErrIntegrity: the caller must throw them away.
func (s *Service) WriteClip(ctx context.Context, who policy.Subject, id string, w io.Writer) error {
	fail := func(err error) error { return fmt.Errorf("write clip %s: %w", id, err) }
	if err := publisher(who); err != nil {
		return fmt.Errorf("write clip: %w", err)
	}
	if err := archive.CheckID(archive.PrefixClip, id); err != nil {
		return err
	}
	var c store.Clip
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.Clip(ctx, id)
		return err
	})
	if err != nil {
		return fail(err)
	}
	rd, err := s.o.Vault.Reader(ctx, vault.Ref(c.Object))
	if err != nil {
		return fail(err)
	}
	defer rd.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, h), rd); err != nil {
		return fail(err)
	}
	if [32]byte(h.Sum(nil)) != c.SHA256 {
		return fail(fmt.Errorf("%w: not the bytes that were stated", archive.ErrIntegrity))
	}
	return nil
}

// Clips gives the clips that were stated against a scope, or all of them, oldest first.
func (s *Service) Clips(ctx context.Context, who policy.Subject, scope string) (out []Clip, err error) {
	if err := releaser(who); err != nil {
		return nil, fmt.Errorf("list clips: %w", err)
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		clips, err := tx.Clips(ctx, scope)
		if err != nil {
			return err
		}
		for _, c := range clips {
			st, err := tx.Statement(ctx, c.Statement)
			if err != nil {
				return err
			}
			body, err := parseClip(st)
			if err != nil {
				return err
			}
			n := 0
			for _, src := range body.Sources {
				n += len(src.Segments)
			}
			out = append(out, Clip{Clip: c, Statement: body, SHA256: st.SHA256, Tick: st.Tick, Segments: n})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list clips: %w", err)
	}
	return out, nil
}

package reading

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/store"
)

// Outside says how far an act has got outside this archive: into the transparency log, and from there to its witnesses and to
// time authorities. The zero value is an act that no tick has taken in yet.
type Outside struct {
	In       bool  // a tick of the log covers it
	Position int64 // of that tick
	Due      time.Time
	// Broken says that the tick does not open to what it should hold: nothing below may be believed.
	Broken bool
	// Checkpoints are signed heads of the log that contain the tick, the earliest first, until one has a confirmed time and one as
	// many cosignatures as the latest has; and then the latest if that is another.
	Checkpoints []OutsideCheckpoint
}

// OutsideCheckpoint is one signed head of the log with what others said to it.
type OutsideCheckpoint struct {
	Size         int64
	At           time.Time // when it was signed
	Cosignatures []Cosignature
	Stamps       []Stamp
}

// Cosignature is the word of one witness. It was verified before it was kept.
type Cosignature struct {
	Witness     string
	VerifierKey string
	At          time.Time
}

// Stamp is what a time authority gave. At is set if, and only if, its token was verified.
type Stamp struct {
	Authority string
	Kind      string
	State     string // "pending", "confirmed", "failed"
	At        time.Time
	Reason    string
}

// Confirmed says whether a time authority has confirmed this head, and its token was verified.
func (c OutsideCheckpoint) Confirmed() bool {
	return slices.ContainsFunc(c.Stamps, func(s Stamp) bool { return s.State == store.StampConfirmed && !s.At.IsZero() })
}

// Seal is how an accession was sealed: totals under one root, and the statement that makes them known.
type Seal struct {
	Root                                   [32]byte
	Files, Bytes, Milliseconds, Unmeasured int64
	At                                     time.Time
	Statement                              string
	Tick                                   int64     // that took the statement in; -1 while none has
	Due                                    time.Time // of that tick
}

// maxForward is how many heads are looked through, from the first one that contains a tick.
const maxForward = 8

// stretch is a run of acts that one tick took in first: those from index From to below Size.
type stretch struct {
	from int64
	open store.LogOpening
}

// outside finds out how far the acts at the given indexes of the custody record have got. It asks once for every tick among
// them and once for every head, not for every act.
func (s *Service) outside(ctx context.Context, tx *store.Tx, indexes []int64) (map[int64]Outside, error) {
	out := make(map[int64]Outside, len(indexes))
	sorted := slices.Clone(indexes)
	slices.Sort(sorted)
	ticks := map[int64]Outside{}
	h := heads{known: map[int64]OutsideCheckpoint{}, from: map[int64]int64{}}
	var current *store.LogOpening
	for _, index := range sorted {
		if current == nil || index >= current.CustodySize {
			o, ok, err := s.openingFor(ctx, tx, index)
			if err != nil {
				return nil, fmt.Errorf("find tick for event %d: %w", index, err)
			}
			if !ok {
				break // what comes after is not taken in either
			}
			current = &o
		}
		if _, ok := ticks[current.Position]; !ok {
			one, err := tick(ctx, tx, *current, &h)
			if err != nil {
				return nil, fmt.Errorf("read tick %d: %w", current.Position, err)
			}
			ticks[current.Position] = one
		}
		out[index] = ticks[current.Position]
	}
	return out, nil
}

// openingFor finds the first tick that covers an act. Which tick that is never changes, so it is remembered.
func (s *Service) openingFor(ctx context.Context, tx *store.Tx, index int64) (store.LogOpening, bool, error) {
	s.mu.Lock()
	at, found := slices.BinarySearchFunc(s.ticks, index, func(t stretch, index int64) int { return cmp.Compare(t.open.CustodySize-1, index) })
	if !found && at < len(s.ticks) && s.ticks[at].from <= index {
		found = true
	}
	var known store.LogOpening
	if found {
		known = s.ticks[at].open
	}
	s.mu.Unlock()
	if found {
		return known, true, nil
	}
	o, ok, err := tx.LogOpeningFor(ctx, index)
	if err != nil || !ok {
		return store.LogOpening{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ticks) >= maxSeen {
		s.ticks = nil
	}
	at, there := slices.BinarySearchFunc(s.ticks, o.CustodySize, func(t stretch, size int64) int { return cmp.Compare(t.open.CustodySize, size) })
	if there {
		s.ticks[at].from = min(s.ticks[at].from, index)
	} else {
		s.ticks = slices.Insert(s.ticks, at, stretch{index, o})
	}
	return o, true, nil
}

// tick tells what is known of one tick.
func tick(ctx context.Context, tx *store.Tx, o store.LogOpening, h *heads) (Outside, error) {
	out := Outside{In: true, Position: o.Position}
	entries, err := tx.LogTicks(ctx, o.Position, 1)
	if err != nil {
		return out, err
	}
	if len(entries) != 1 || entries[0].Position != o.Position || entries[0].Blank || entries[0].Commitment != commit.Tick(o.Salt, o.CustodyRoot, o.StatementsRoot) {
		return Outside{In: true, Position: o.Position, Broken: true}, nil
	}
	out.Due = entries[0].DueAt
	newest, err := h.latest(ctx, tx)
	if err != nil {
		return out, err
	}
	timed, signed := false, 0
	size := o.Position + 1
	for range maxForward {
		if size > newest.Size || timed && signed > 0 && signed >= len(newest.Cosignatures) {
			break
		}
		one, err := h.at(ctx, tx, size)
		if err != nil {
			return out, err
		}
		out.Checkpoints = append(out.Checkpoints, one)
		timed, signed = timed || one.Confirmed(), max(signed, len(one.Cosignatures))
		size = one.Size + 1
	}
	if size <= newest.Size {
		out.Checkpoints = append(out.Checkpoints, newest)
	}
	return out, nil
}

// heads remembers what was read of signed heads, so that acts of neighbouring days do not ask for the same ones again.
type heads struct {
	known  map[int64]OutsideCheckpoint
	from   map[int64]int64 // the size of the first head that is at least so large
	newest *OutsideCheckpoint
}

// latest gives the newest head; the zero value if there is none.
func (h *heads) latest(ctx context.Context, tx *store.Tx) (OutsideCheckpoint, error) {
	if h.newest != nil {
		return *h.newest, nil
	}
	all, err := tx.LogCheckpoints(ctx, 1)
	if err != nil {
		return OutsideCheckpoint{}, err
	}
	var one OutsideCheckpoint
	if len(all) > 0 {
		if one, err = h.read(ctx, tx, all[0]); err != nil {
			return one, err
		}
	}
	h.newest = &one
	return one, nil
}

// at gives the first head of at least a size, which is not above the newest one's.
func (h *heads) at(ctx context.Context, tx *store.Tx, size int64) (OutsideCheckpoint, error) {
	if found, ok := h.from[size]; ok {
		return h.known[found], nil
	}
	c, ok, err := tx.LogCheckpointAt(ctx, size)
	if err == nil && !ok {
		err = fmt.Errorf("checkpoint of %d: %w: it is gone", size, archive.ErrIntegrity)
	}
	if err != nil {
		return OutsideCheckpoint{}, err
	}
	h.from[size] = c.Size
	return h.read(ctx, tx, c)
}

// read gives what others said to a head.
func (h *heads) read(ctx context.Context, tx *store.Tx, c store.LogCheckpoint) (OutsideCheckpoint, error) {
	if one, ok := h.known[c.Size]; ok {
		return one, nil
	}
	one := OutsideCheckpoint{Size: c.Size, At: c.At}
	cos, err := tx.LogCosignatures(ctx, c.Size)
	if err != nil {
		return one, err
	}
	for _, co := range cos {
		one.Cosignatures = append(one.Cosignatures, Cosignature{Witness: co.Witness, VerifierKey: co.VerifierKey, At: co.At})
	}
	stamps, err := tx.LogStamps(ctx, c.Size)
	if err != nil {
		return one, err
	}
	for _, st := range stamps {
		s := Stamp{Authority: st.Authority, Kind: st.Kind, State: st.State, Reason: st.Reason}
		if st.State == store.StampConfirmed {
			s.At = st.StampedAt
		}
		one.Stamps = append(one.Stamps, s)
	}
	h.known[c.Size] = one
	return one, nil
}

// seal reads how an accession was sealed; nil if it was not.
func seal(ctx context.Context, tx *store.Tx, accession string) (*Seal, error) {
	a, there, err := tx.AccessionSeal(ctx, accession)
	if err != nil || !there {
		return nil, err
	}
	out := &Seal{
		Root: a.Root, Files: a.Files, Bytes: a.Bytes, Milliseconds: a.Milliseconds, Unmeasured: a.Unmeasured, At: a.SealedAt, Statement: a.Statement, Tick: -1,
	}
	st, err := tx.Statement(ctx, a.Statement)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, fmt.Errorf("statement %s: %w: it is gone", a.Statement, archive.ErrIntegrity)
	}
	if err != nil {
		return nil, err
	}
	if st.Tick >= 0 {
		entries, err := tx.LogTicks(ctx, st.Tick, 1)
		if err != nil {
			return nil, err
		}
		if len(entries) == 1 && entries[0].Position == st.Tick {
			out.Tick, out.Due = st.Tick, entries[0].DueAt
		}
	}
	return out, nil
}

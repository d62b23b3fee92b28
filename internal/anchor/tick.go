package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// Ticked says what a call of Tick did.
type Ticked struct {
	Added      int64     // leaves, 0: nothing was due
	Blank      int64     // of them: missed ticks, filled up
	Size       int64     // of the log now
	Statements int64     // stated with this tick
	Next       time.Time // when the next tick is due
	Checkpoint []byte    // the signed note of Size; nil if the log is empty
}

// mostStatements is how many statements one tick takes: the places of its tree.
const mostStatements = 1 << commit.StatementDepth

// Tick adds the leaves that the calendar has due and signs a checkpoint over them, in one transaction with the custody event;
// it does nothing if none is due. Missed ticks are filled with random bytes; the last one commits to the custody record as it
// stands and to the statements that wait. Errors: ErrNoLog, ErrClock, and archive.ErrIntegrity if anything that it would vouch for
// contradicts what was vouched for before. CatchUp lets it fill a gap of any length.
func (s *Service) Tick(ctx context.Context, agent string, catchUp bool) (Ticked, error) {
	return s.tickAgainst(ctx, agent, catchUp, nil)
}

// tickAgainst is Tick, with a checkpoint of this log that was seen where it is published; nil: none.
func (s *Service) tickAgainst(ctx context.Context, agent string, catchUp bool, seen []byte) (Ticked, error) {
	kept, err := s.kept()
	if err != nil {
		return Ticked{}, fmt.Errorf("tick: %w", err)
	}
	var out Ticked
	var latest store.LogCheckpoint
	err = s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
		out, latest, err = s.tick(ctx, tx, agent, catchUp, kept, seen)
		return err
	})
	if errors.Is(err, store.ErrUnknownOutcome) {
		// The leaves may be there. The next call looks at what is there before it adds anything.
		return Ticked{}, fmt.Errorf("tick: %w", err)
	}
	if err != nil {
		return Ticked{}, fmt.Errorf("tick: %w", err)
	}
	out.Checkpoint = latest.Text
	if s.o.Keeper != nil && latest.Size > 0 {
		// Also when nothing was added: the machine may have gone down between the commit and this.
		if err := s.o.Keeper.Keep(latest.Text); err != nil {
			return out, fmt.Errorf("tick: keep checkpoint %d outside the database: %w", latest.Size, err)
		}
	}
	return out, nil
}

// kept reads the checkpoint kept outside the database; the zero Checkpoint if there is none.
func (s *Service) kept() ([]byte, error) {
	if s.o.Keeper == nil {
		return nil, nil
	}
	note, err := s.o.Keeper.Kept()
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint kept outside the database: %w", err)
	}
	return note, nil
}

func (s *Service) tick(ctx context.Context, tx *store.Tx, agent string, catchUp bool, kept, seen []byte) (out Ticked, latest store.LogCheckpoint, err error) {
	l, there, err := tx.PublicLog(ctx)
	if err != nil {
		return out, latest, err
	}
	if !there {
		return out, latest, noLog()
	}
	size, err := tx.LogSize(ctx, true)
	if err != nil {
		return out, latest, err
	}
	keys, err := tx.LogKeys(ctx)
	if err != nil {
		return out, latest, err
	}
	hashes := logHashes(ctx, tx)
	if latest, err = s.agree(ctx, tx, l, keys, size, kept); err != nil {
		return out, latest, err
	}
	// Only what a key of this log has signed counts: anybody may have written to a published place.
	if c, err := openAny(seen, keys); err == nil {
		if err := holds(c, size, hashes, "published"); err != nil {
			return out, latest, err
		}
	}
	cal := calendarOf(l)
	now := s.now()
	due, err := cal.missing(size, now, catchUp)
	if err != nil {
		return out, latest, err
	}
	out = Ticked{Size: size, Next: cal.At(due)}
	if due == size {
		return out, latest, nil
	}

	// From here on the record stands still until the end of the transaction: its head is locked.
	opening, statements, err := s.open(ctx, tx, due-1, now)
	if err != nil {
		return out, latest, err
	}
	commitment := commit.Tick(opening.Salt, opening.CustodyRoot, opening.StatementsRoot)
	ticks := make([]store.LogTick, 0, due-size)
	leaves := make([]tlog.Hash, 0, due-size)
	for at := size; at < due; at++ {
		t := store.LogTick{Position: at, DueAt: cal.At(at), Commitment: commitment}
		if at < due-1 {
			t.Blank = true
			if t.Commitment, err = s.random(); err != nil {
				return out, latest, err
			}
		}
		ticks = append(ticks, t)
		leaves = append(leaves, tlog.LeafHash(t.Commitment[:]))
	}
	_, added, err := tlog.Append(size, leaves, hashes)
	if err != nil {
		return out, latest, fmt.Errorf("extend the transparency log from %d: %w", size, err)
	}
	if err := tx.AddLogTicks(ctx, ticks, &opening, added); err != nil {
		return out, latest, err
	}
	if len(statements) > 0 {
		if err := tx.PlaceStatements(ctx, due-1, statements); err != nil {
			return out, latest, err
		}
	}
	if latest, err = s.sign(ctx, tx, l, keys, latest, due, now, hashes); err != nil {
		return out, latest, err
	}
	_, err = s.o.Custody.Record(ctx, tx, archive.Event{
		Type: archive.EventSignature, Agent: s.agent(agent), Outcome: archive.Success,
		Detail: map[string]string{
			"act": "tick", "position": decimal(due - 1), "custody_root": hex.EncodeToString(opening.CustodyRoot[:]),
			"tick": hex.EncodeToString(commitment[:]),
		},
	})
	if err != nil {
		return out, latest, err
	}
	out.Added, out.Blank, out.Size, out.Statements = due-size, due-size-1, due, opening.Statements
	return out, latest, nil
}

func calendarOf(l store.PublicLog) Calendar {
	return Calendar{Start: midnight(l.StartedOn).Add(l.Offset), Every: l.Cadence}
}

// agree refuses to go on if the stored log contradicts its latest checkpoint or the one kept outside, and if the custody record
// no longer holds what the latest tick vouched for.
func (s *Service) agree(ctx context.Context, tx *store.Tx, l store.PublicLog, keys []store.LogKey, size int64, kept []byte) (latest store.LogCheckpoint, err error) {
	hashes := logHashes(ctx, tx)
	all, err := tx.LogCheckpoints(ctx, 1)
	if err != nil {
		return latest, err
	}
	if len(all) > 0 {
		latest = all[0]
	}
	if latest.Size != size {
		return latest, fmt.Errorf("%w: the transparency log has %d leaves, its latest checkpoint %d", archive.ErrIntegrity, size, latest.Size)
	}
	if size > 0 {
		k, err := keyFor(keys, size)
		if err != nil {
			return latest, err
		}
		c, err := openCheckpoint(latest.Text, k)
		if err != nil {
			return latest, fmt.Errorf("%w: the latest checkpoint is not signed by log key %d", archive.ErrIntegrity, k.Number)
		}
		root, err := tlog.Root(size, hashes)
		if err != nil {
			return latest, err
		}
		if c.Size != size || c.Root != root || c.Root != latest.Root || c.Origin != l.Origin {
			return latest, fmt.Errorf("%w: the transparency log no longer agrees with its checkpoint %d", archive.ErrIntegrity, size)
		}
		if err := s.lastOpening(ctx, tx, size); err != nil {
			return latest, err
		}
	}
	if kept == nil {
		return latest, nil
	}
	c, err := openAny(kept, keys)
	if err != nil {
		return latest, fmt.Errorf("%w: the checkpoint kept outside the database is not of this log", archive.ErrIntegrity)
	}
	return latest, holds(c, size, hashes, "kept outside")
}

// holds refuses to go on if a checkpoint that this log has signed is not part of it: the database is an older one, or another
// one, and to sign on would make two logs of one name.
func holds(c tlog.Checkpoint, size int64, hashes tlog.HashReader, where string) error {
	if c.Size > size {
		return archive.Explain(
			fmt.Errorf("%w: the database knows %d ticks, the checkpoint %s %d", archive.ErrIntegrity, size, where, c.Size),
			"The database is older than the transparency log it has signed.",
			"It was put back from a copy. Put back a newer one; a log that went back would be taken for a forgery by everybody who saw its later state.")
	}
	root, err := tlog.Root(c.Size, hashes)
	if err != nil {
		return err
	}
	if root != c.Root {
		return fmt.Errorf("%w: the transparency log does not hold checkpoint %d, which is %s", archive.ErrIntegrity, c.Size, where)
	}
	return nil
}

// lastOpening recomputes what the latest tick committed to, from the rows as they are now.
func (s *Service) lastOpening(ctx context.Context, tx *store.Tx, size int64) error {
	o, err := tx.LogOpening(ctx, size-1)
	if err != nil {
		if errors.Is(err, archive.ErrNotFound) {
			err = fmt.Errorf("%w: tick %d cannot be opened", archive.ErrIntegrity, size-1)
		}
		return err
	}
	ticks, err := tx.LogTicks(ctx, size-1, 1)
	if err != nil {
		return err
	}
	if len(ticks) != 1 || ticks[0].Position != size-1 {
		return fmt.Errorf("%w: tick %d is missing", archive.ErrIntegrity, size-1)
	}
	if commit.Tick(o.Salt, o.CustodyRoot, o.StatementsRoot) != ticks[0].Commitment {
		return fmt.Errorf("%w: tick %d does not open", archive.ErrIntegrity, size-1)
	}
	head, err := tx.Head(ctx, false)
	if err != nil {
		return err
	}
	if head < o.CustodySize {
		return fmt.Errorf("%w: the custody record ends before what tick %d vouches for", archive.ErrIntegrity, size-1)
	}
	root, err := commit.VeiledRoot(commit.CustodyDepth, o.CustodySize, o.CustodyVeil, custodyHashes(ctx, tx))
	if err != nil {
		return err
	}
	if root != o.CustodyRoot {
		return fmt.Errorf("%w: the custody record is not the one that tick %d vouches for", archive.ErrIntegrity, size-1)
	}
	return nil
}

// open draws the salts of the tick at a position and computes what it commits to. It gives the statements in the order of their
// places.
func (s *Service) open(ctx context.Context, tx *store.Tx, position int64, now time.Time) (o store.LogOpening, ids []string, err error) {
	o = store.LogOpening{Position: position, At: now}
	for _, to := range []*[32]byte{&o.Salt, &o.CustodyVeil, &o.StatementsVeil} {
		if *to, err = s.random(); err != nil {
			return o, nil, err
		}
	}
	if o.CustodySize, err = tx.Head(ctx, true); err != nil {
		return o, nil, fmt.Errorf("lock head of the record: %w", err)
	}
	if o.CustodyRoot, err = commit.VeiledRoot(commit.CustodyDepth, o.CustodySize, o.CustodyVeil, custodyHashes(ctx, tx)); err != nil {
		return o, nil, err
	}
	waiting, err := tx.OpenStatements(ctx)
	if err != nil {
		return o, nil, err
	}
	// In the order of their identifiers, a place would tell which statement was made first.
	if err := shuffle(s.o.Rand, waiting); err != nil {
		return o, nil, err
	}
	if len(waiting) > mostStatements {
		waiting = waiting[:mostStatements]
	}
	leaves := make([]commit.Hash, len(waiting))
	for i, st := range waiting {
		leaves[i] = commit.Statement(st.Salt, st.Body)
		ids = append(ids, st.ID)
	}
	tree, err := commit.MemoryTree(leaves)
	if err != nil {
		return o, nil, err
	}
	o.Statements = int64(len(waiting))
	o.StatementsRoot, err = commit.VeiledRoot(commit.StatementDepth, o.Statements, o.StatementsVeil, tree)
	return o, ids, err
}

// shuffle puts a slice in a random order (Fisher and Yates), each order as likely as the others.
func shuffle[T any](random io.Reader, list []T) error {
	for i := len(list) - 1; i > 0; i-- {
		j, err := below(random, uint32(i+1))
		if err != nil {
			return err
		}
		list[i], list[j] = list[j], list[i]
	}
	return nil
}

func below(random io.Reader, n uint32) (uint32, error) {
	for limit := (1<<32 - 1) - (1<<32-1)%uint64(n); ; {
		var b [4]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, fmt.Errorf("read randomness: %w", err)
		}
		v := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
		if v < limit { // else some remainders would be more likely
			return uint32(v % uint64(n)), nil
		}
	}
}

// sign makes the checkpoint of the log as it is now, after it was proved that the one before is a part of it.
func (s *Service) sign(ctx context.Context, tx *store.Tx, l store.PublicLog, keys []store.LogKey, before store.LogCheckpoint, size int64, now time.Time, hashes tlog.HashReader) (store.LogCheckpoint, error) {
	root, err := tlog.Root(size, hashes)
	if err != nil {
		return store.LogCheckpoint{}, err
	}
	if before.Size > 0 {
		proof, err := tlog.Consistency(before.Size, size, hashes)
		if err != nil {
			return store.LogCheckpoint{}, err
		}
		if err := tlog.CheckConsistency(proof, before.Size, before.Root, size, root); err != nil {
			return store.LogCheckpoint{}, fmt.Errorf("%w: the transparency log no longer contains checkpoint %d", archive.ErrIntegrity, before.Size)
		}
	}
	k, err := keyFor(keys, size)
	if err != nil {
		return store.LogCheckpoint{}, err
	}
	signer, err := s.signer(ctx, l.Origin, k)
	if err != nil {
		return store.LogCheckpoint{}, err
	}
	text, err := tlog.Sign(tlog.Checkpoint{Origin: l.Origin, Size: size, Root: root}, signer)
	if err != nil {
		return store.LogCheckpoint{}, err
	}
	c := store.LogCheckpoint{Size: size, Root: root, Text: text, At: now}
	return c, tx.AddLogCheckpoint(ctx, c)
}

func openCheckpoint(text []byte, k store.LogKey) (tlog.Checkpoint, error) {
	v, err := tlog.NewVerifier(k.VerifierKey)
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	return tlog.Open(text, v)
}

// openAny opens a checkpoint that any of the keys has signed.
func openAny(text []byte, keys []store.LogKey) (c tlog.Checkpoint, err error) {
	err = tlog.ErrCheckpoint
	for i := len(keys) - 1; i >= 0; i-- {
		if c, err = openCheckpoint(text, keys[i]); err == nil {
			return c, nil
		}
	}
	return c, err
}

func logHashes(ctx context.Context, tx *store.Tx) tlog.HashReader { return reader(ctx, tx.LogHashes) }

func custodyHashes(ctx context.Context, tx *store.Tx) tlog.HashReader { return reader(ctx, tx.Hashes) }

// reader turns a missing hash into what it is: a hole in a tree.
func reader(ctx context.Context, read func(context.Context, []int64) ([]tlog.Hash, error)) tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out, err := read(ctx, at)
		if errors.Is(err, archive.ErrNotFound) {
			err = fmt.Errorf("%w: %v", archive.ErrIntegrity, err)
		}
		return out, err
	})
}

// noteText is the part of a signed note that is signed.
func noteText(signed []byte) []byte {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return nil
	}
	return append(text[:len(text):len(text)], '\n')
}

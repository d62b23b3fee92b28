package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/tlog"
)

// PublicLog says which public log this archive keeps, and on which days and at which hour it grows.
type PublicLog struct {
	Origin    string
	StartedOn time.Time     // midnight UTC of the day of the first tick
	Cadence   time.Duration // whole seconds
	Offset    time.Duration // of a tick within its day, whole seconds
}

// LogKey is a key that signs the public log, endorsed by the one before.
type LogKey struct {
	Number      int64 // from 1
	VerifierKey string
	Endorsement string // signed note; empty for the first
	Since       int64  // size of the log from which it signs
	At          time.Time
}

// LogTick is an entry of the public log.
type LogTick struct {
	Position   int64
	DueAt      time.Time
	Commitment [32]byte
	Blank      bool // filled in because it was missed: random, opens to nothing
}

// LogOpening is what opens a tick.
type LogOpening struct {
	Position       int64
	At             time.Time
	Salt           [32]byte
	CustodyRoot    [32]byte // veiled
	CustodyVeil    [32]byte
	StatementsRoot [32]byte // veiled
	StatementsVeil [32]byte
	CustodySize    int64
	Statements     int64 // how many
}

// LogCheckpoint is a checkpoint of the public log as this archive signed it.
type LogCheckpoint struct {
	Size int64
	Root [32]byte
	Text []byte // signed note without cosignatures
	At   time.Time
}

// LogCosignature is the signature line of a witness under a checkpoint.
type LogCosignature struct {
	Size        int64
	Witness     string // name
	VerifierKey string
	Line        string
	At          time.Time
}

// States of stamps.
const (
	StampPending   = "pending"
	StampConfirmed = "confirmed"
	StampFailed    = "failed"
)

// LogStamp is what an outside clock said, or has yet to say, about a checkpoint.
type LogStamp struct {
	ID        string
	Size      int64
	Kind      string // "rfc3161" or "opentimestamps"
	Authority string // its name in the configuration, never an address
	State     string
	Token     []byte // nil: none yet
	Reason    string // code; why it failed
	StampedAt time.Time
	AskedAt   time.Time
	UpdatedAt time.Time
}

// Publication says that the public log was put somewhere.
type Publication struct {
	ID      string
	At      time.Time
	Kind    string // "directory" or "s3"
	Size    int64
	Outcome string
	Reason  string // code
}

const (
	logKeyColumns        = `number, vkey, endorsement, since, at`
	logTickColumns       = `position, due_at, commitment, blank`
	logOpeningColumns    = `position, at, salt, custody_size, custody_root, custody_veil, statements_root, statements, statements_veil`
	logCheckpointColumns = `size, root, text, at`
	logCosignColumns     = `size, witness, vkey, line, at`
	logStampColumns      = `id, size, kind, authority, state, token, reason, stamped_at, asked_at, updated_at`
	publicationColumns   = `id, at, kind, size, outcome, reason`
)

func scanPublicLog(s scanner) (l PublicLog, err error) {
	var day, cadence, offset int64
	err = s.Scan(&l.Origin, &day, &cadence, &offset)
	l.StartedOn = time.UnixMicro(day * dayLength).UTC()
	l.Cadence, l.Offset = time.Duration(cadence)*time.Second, time.Duration(offset)*time.Second
	return l, err
}

func scanLogKey(s scanner) (k LogKey, err error) {
	err = s.Scan(&k.Number, &k.VerifierKey, &k.Endorsement, &k.Since, at{&k.At})
	return k, err
}

func scanLogTick(s scanner) (t LogTick, err error) {
	var blank int64
	err = s.Scan(&t.Position, at{&t.DueAt}, b32{&t.Commitment}, &blank)
	t.Blank = blank != 0
	return t, err
}

func scanLogOpening(s scanner) (o LogOpening, err error) {
	err = s.Scan(&o.Position, at{&o.At}, b32{&o.Salt}, &o.CustodySize, b32{&o.CustodyRoot}, b32{&o.CustodyVeil},
		b32{&o.StatementsRoot}, &o.Statements, b32{&o.StatementsVeil})
	return o, err
}

func scanLogCheckpoint(s scanner) (c LogCheckpoint, err error) {
	err = s.Scan(&c.Size, b32{&c.Root}, &c.Text, at{&c.At})
	return c, err
}

func scanLogCosignature(s scanner) (c LogCosignature, err error) {
	err = s.Scan(&c.Size, &c.Witness, &c.VerifierKey, &c.Line, at{&c.At})
	return c, err
}

func scanLogStamp(s scanner) (t LogStamp, err error) {
	err = s.Scan(&t.ID, &t.Size, &t.Kind, &t.Authority, &t.State, &t.Token, &t.Reason, at{&t.StampedAt}, at{&t.AskedAt}, at{&t.UpdatedAt})
	return t, err
}

func scanPublication(s scanner) (p Publication, err error) {
	err = s.Scan(&p.ID, at{&p.At}, &p.Kind, &p.Size, &p.Outcome, &p.Reason)
	return p, err
}

// AddPublicLog says, once and for good, which public log this archive keeps; archive.ErrExists.
func (tx *Tx) AddPublicLog(ctx context.Context, l PublicLog) error {
	if l.Origin == "" || l.Cadence < time.Second || l.Offset < 0 || l.Cadence%time.Second != 0 || l.Offset%time.Second != 0 {
		return fmt.Errorf("begin public log: %w: origin, cadence and offset in whole seconds are needed", archive.ErrInvalid)
	}
	if _, err := tx.exec(ctx, `INSERT INTO public_log (id, origin, started_on, cadence_s, offset_s) VALUES (1, $1, $2, $3, $4)`,
		l.Origin, dayOf(l.StartedOn.UnixMicro()), int64(l.Cadence/time.Second), int64(l.Offset/time.Second)); err != nil {
		return fmt.Errorf("begin public log: %w", err)
	}
	return nil
}

// PublicLog gives the public log, if there is one.
func (tx *Tx) PublicLog(ctx context.Context) (PublicLog, bool, error) {
	return maybe(one(ctx, tx, scanPublicLog, `SELECT origin, started_on, cadence_s, offset_s FROM public_log WHERE id = 1`))
}

// lockLog holds the public log until the end of the transaction; archive.ErrNotFound if there is none.
func (tx *Tx) lockLog(ctx context.Context) error {
	_, err := one(ctx, tx, value[int64], `SELECT id FROM public_log WHERE id = 1`+tx.db.eng.lock())
	return err
}

// AddLogKey adds the next key of the public log; archive.ErrConflict if its number does not follow or it signs from before
// the key in front of it.
func (tx *Tx) AddLogKey(ctx context.Context, k LogKey) error {
	if err := tx.lockLog(ctx); err != nil {
		return fmt.Errorf("add key %d of the public log: %w", k.Number, err)
	}
	keys, err := tx.LogKeys(ctx)
	if err == nil && (k.Number != int64(len(keys))+1 || len(keys) > 0 && k.Since < keys[len(keys)-1].Since) {
		err = archive.ErrConflict
	}
	if err == nil {
		err = tx.insert(ctx, "log_key", logKeyColumns, [][]any{{k.Number, k.VerifierKey, k.Endorsement, k.Since, k.At.UnixMicro()}})
	}
	if err != nil {
		return fmt.Errorf("add key %d of the public log: %w", k.Number, err)
	}
	return nil
}

// LogKeys gives the keys of the public log by number.
func (tx *Tx) LogKeys(ctx context.Context) ([]LogKey, error) {
	return all(ctx, tx, scanLogKey, `SELECT `+logKeyColumns+` FROM log_key ORDER BY number`)
}

// AddLogTicks adds entries to the public log with the stored hashes that tlog.Append gave for them. opening belongs to the
// last of them; all others are blank, and the last one is if opening is nil. The log is held until the end of the
// transaction. archive.ErrConflict if the entries do not follow what is there, archive.ErrNotFound if there is no log.
func (tx *Tx) AddLogTicks(ctx context.Context, ticks []LogTick, opening *LogOpening, hashes []tlog.Hash) error {
	if len(ticks) == 0 {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("add tick %d: %w", ticks[0].Position, err) }
	size, err := tx.LogSize(ctx, true)
	if err != nil {
		return fail(err)
	}
	if ticks[0].Position != size {
		return fail(fmt.Errorf("%w: the log has %d", archive.ErrConflict, size))
	}
	last, found, err := maybe(one(ctx, tx, scanLogTick, `SELECT `+logTickColumns+` FROM log_tick ORDER BY position DESC LIMIT 1`))
	if err != nil {
		return fail(err)
	}
	rows := make([][]any, len(ticks))
	for i, t := range ticks {
		opened := opening != nil && i == len(ticks)-1
		switch {
		case t.Position != size+int64(i) || t.Blank == opened || opened && opening.Position != t.Position:
			return fail(fmt.Errorf("%w: entry %d does not follow or is not opened as it says", archive.ErrInvalid, t.Position))
		case (found || i > 0) && !t.DueAt.After(last.DueAt):
			return fail(fmt.Errorf("%w: entry %d is due before the one in front", archive.ErrConflict, t.Position))
		}
		last = t
		rows[i] = []any{t.Position, t.DueAt.UnixMicro(), t.Commitment[:], flag(t.Blank)}
	}
	first := tlog.StoredCount(size)
	if int64(len(hashes)) != tlog.StoredCount(size+int64(len(ticks)))-first {
		return fail(fmt.Errorf("%w: %d hashes for %d entries", archive.ErrInvalid, len(hashes), len(ticks)))
	}
	if err := tx.insert(ctx, "log_tick", logTickColumns, rows); err != nil {
		return fail(err)
	}
	if o := opening; o != nil {
		if err := tx.insert(ctx, "log_opening", logOpeningColumns, [][]any{{o.Position, o.At.UnixMicro(), o.Salt[:], o.CustodySize,
			o.CustodyRoot[:], o.CustodyVeil[:], o.StatementsRoot[:], o.Statements, o.StatementsVeil[:]}}); err != nil {
			return fail(err)
		}
	}
	stored := make([][]any, len(hashes))
	for i := range hashes {
		stored[i] = []any{first + int64(i), hashes[i][:]}
	}
	if err := tx.insert(ctx, "log_hash", "position, hash", stored); err != nil {
		return fail(err)
	}
	return nil
}

// LogSize is how many entries the public log has. With lock no other transaction adds any until this one ends;
// archive.ErrNotFound if there is no log to hold.
func (tx *Tx) LogSize(ctx context.Context, lock bool) (int64, error) {
	if lock {
		if err := tx.lockLog(ctx); err != nil {
			return 0, err
		}
	}
	return one(ctx, tx, value[int64], `SELECT COALESCE(MAX(position), -1) + 1 FROM log_tick`)
}

// LogTicks gives up to limit entries of the public log from a position on; archive.ErrIntegrity if one is missing in
// between.
func (tx *Tx) LogTicks(ctx context.Context, from int64, limit int) ([]LogTick, error) {
	found, err := all(ctx, tx, scanLogTick, `SELECT `+logTickColumns+` FROM log_tick WHERE position >= $1 ORDER BY position LIMIT $2`, from, limit)
	if err != nil {
		return nil, err
	}
	for i, t := range found {
		if t.Position != from+int64(i) {
			return nil, fmt.Errorf("tick %d is missing: %w", from+int64(i), archive.ErrIntegrity)
		}
	}
	return found, nil
}

// LogOpening gives what opens a tick; archive.ErrNotFound if it is blank or not there.
func (tx *Tx) LogOpening(ctx context.Context, position int64) (LogOpening, error) {
	return one(ctx, tx, scanLogOpening, `SELECT `+logOpeningColumns+` FROM log_opening WHERE position = $1`, position)
}

// LogOpenings gives all openings of ticks by position. For checks only.
func (tx *Tx) LogOpenings(ctx context.Context) iter.Seq2[LogOpening, error] {
	return walk(func(last *LogOpening) ([]LogOpening, error) {
		after := int64(-1)
		if last != nil {
			after = last.Position
		}
		return all(ctx, tx, scanLogOpening, `SELECT `+logOpeningColumns+` FROM log_opening WHERE position > $1 ORDER BY position LIMIT $2`, after, page)
	})
}

// LogOpeningFor gives the opening of the first tick that covers the event at an index of the custody record.
func (tx *Tx) LogOpeningFor(ctx context.Context, custodyIndex int64) (LogOpening, bool, error) {
	return maybe(one(ctx, tx, scanLogOpening, `SELECT `+logOpeningColumns+` FROM log_opening WHERE custody_size > $1
		ORDER BY custody_size, position LIMIT 1`, custodyIndex))
}

// LogHashes gives stored hashes of the public log in the order asked; archive.ErrNotFound if one is missing.
func (tx *Tx) LogHashes(ctx context.Context, positions []int64) ([]tlog.Hash, error) {
	type stored struct {
		position int64
		hash     [32]byte
	}
	found := make(map[int64]tlog.Hash, len(positions))
	for chunk := range slices.Chunk(positions, 500) {
		var p part
		p.add(`SELECT position, hash FROM log_hash WHERE 1 = 1`)
		in(&p, "position", chunk)
		rows, err := all(ctx, tx, func(s scanner) (r stored, err error) { err = s.Scan(&r.position, b32{&r.hash}); return r, err }, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			found[r.position] = r.hash
		}
	}
	out := make([]tlog.Hash, len(positions))
	for i, p := range positions {
		h, ok := found[p]
		if !ok {
			return nil, fmt.Errorf("hash %d of the public log: %w", p, archive.ErrNotFound)
		}
		out[i] = h
	}
	return out, nil
}

// LogHashCount is the number of stored hashes of the public log.
func (tx *Tx) LogHashCount(ctx context.Context) (int64, error) {
	return one(ctx, tx, value[int64], `SELECT COUNT(*) FROM log_hash`)
}

// AddLogCheckpoint adds a checkpoint of the public log. The same one again is passed over; archive.ErrConflict if there
// is another of that size, or if it is larger than the log: two checkpoints of one size are a fork.
func (tx *Tx) AddLogCheckpoint(ctx context.Context, c LogCheckpoint) error {
	fail := func(err error) error { return fmt.Errorf("add checkpoint %d of the public log: %w", c.Size, err) }
	size, err := tx.LogSize(ctx, true)
	if err != nil {
		return fail(err)
	}
	if c.Size > size {
		return fail(fmt.Errorf("%w: the log has %d", archive.ErrConflict, size))
	}
	there, found, err := maybe(one(ctx, tx, scanLogCheckpoint, `SELECT `+logCheckpointColumns+` FROM log_checkpoint WHERE size = $1`, c.Size))
	switch {
	case err != nil:
		return fail(err)
	case found && there.Root == c.Root && string(there.Text) == string(c.Text):
		return nil
	case found:
		return fail(archive.ErrConflict)
	}
	if err := tx.insert(ctx, "log_checkpoint", logCheckpointColumns, [][]any{{c.Size, c.Root[:], c.Text, c.At.UnixMicro()}}); err != nil {
		return fail(err)
	}
	return nil
}

// LogCheckpoints gives up to limit checkpoints of the public log, newest first; 0 or less: all.
func (tx *Tx) LogCheckpoints(ctx context.Context, limit int) ([]LogCheckpoint, error) {
	var p part
	p.add(`SELECT `+logCheckpointColumns+` FROM log_checkpoint ORDER BY size DESC`).addIf(limit > 0, ` LIMIT ?`, limit)
	return all(ctx, tx, scanLogCheckpoint, p.text.String(), p.args...)
}

// LogCheckpointAt gives the smallest checkpoint of the public log whose size is at least the given one.
func (tx *Tx) LogCheckpointAt(ctx context.Context, atLeast int64) (LogCheckpoint, bool, error) {
	return maybe(one(ctx, tx, scanLogCheckpoint, `SELECT `+logCheckpointColumns+` FROM log_checkpoint WHERE size >= $1 ORDER BY size LIMIT 1`, atLeast))
}

// AddLogCosignature adds the signature line of a witness. One of the same witness key under the same checkpoint is passed
// over: the first stands.
func (tx *Tx) AddLogCosignature(ctx context.Context, c LogCosignature) error {
	n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM log_cosignature WHERE size = $1 AND vkey = $2`, c.Size, c.VerifierKey)
	if err == nil && n == 0 {
		err = tx.insert(ctx, "log_cosignature", logCosignColumns, [][]any{{c.Size, c.Witness, c.VerifierKey, c.Line, c.At.UnixMicro()}})
	}
	if err != nil {
		return fmt.Errorf("add cosignature of checkpoint %d: %w", c.Size, err)
	}
	return nil
}

// LogCosignatures gives the signature lines of witnesses under a checkpoint, sorted by the text of their keys.
func (tx *Tx) LogCosignatures(ctx context.Context, size int64) ([]LogCosignature, error) {
	return all(ctx, tx, scanLogCosignature, `SELECT `+logCosignColumns+` FROM log_cosignature WHERE size = $1 ORDER BY vkey`, size)
}

// SetLogStamp adds a stamp or changes the one of the same identifier. A confirmed one stays confirmed: archive.ErrConflict.
func (tx *Tx) SetLogStamp(ctx context.Context, t LogStamp) error {
	if err := archive.CheckID(archive.PrefixStamp, t.ID); err != nil {
		return err
	}
	n, err := tx.exec(ctx, `INSERT INTO log_stamp (`+logStampColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, token = excluded.token, reason = excluded.reason,
		stamped_at = excluded.stamped_at, updated_at = excluded.updated_at
		WHERE log_stamp.size = excluded.size AND log_stamp.kind = excluded.kind AND log_stamp.authority = excluded.authority
		AND (log_stamp.state <> 'confirmed' OR excluded.state = 'confirmed')`,
		t.ID, t.Size, t.Kind, t.Authority, t.State, blob(t.Token), t.Reason, us(t.StampedAt), t.AskedAt.UnixMicro(), t.UpdatedAt.UnixMicro())
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("note stamp %s: %w", t.ID, err)
	}
	return nil
}

// LogStamps gives the stamps of a checkpoint by identifier.
func (tx *Tx) LogStamps(ctx context.Context, size int64) ([]LogStamp, error) {
	return all(ctx, tx, scanLogStamp, `SELECT `+logStampColumns+` FROM log_stamp WHERE size = $1 ORDER BY id`, size)
}

// PendingStamps gives the stamps that are still waited for, by identifier.
func (tx *Tx) PendingStamps(ctx context.Context) ([]LogStamp, error) {
	return all(ctx, tx, scanLogStamp, `SELECT `+logStampColumns+` FROM log_stamp WHERE state = 'pending' ORDER BY id`)
}

// AddPublication notes that the public log was put somewhere, or could not be.
func (tx *Tx) AddPublication(ctx context.Context, p Publication) error {
	if err := tx.insert(ctx, "log_publication", publicationColumns, [][]any{{p.ID, p.At.UnixMicro(), p.Kind, p.Size, p.Outcome, p.Reason}}); err != nil {
		return fmt.Errorf("note publication %s: %w", p.ID, err)
	}
	return nil
}

// LatestPublication gives the latest publication, whatever its outcome.
func (tx *Tx) LatestPublication(ctx context.Context) (Publication, bool, error) {
	return maybe(one(ctx, tx, scanPublication, `SELECT `+publicationColumns+` FROM log_publication ORDER BY at DESC, id DESC LIMIT 1`))
}

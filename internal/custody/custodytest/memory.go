// Package custodytest holds a custody record in memory, for the tests of what writes and of what verifies it.
//
// It guarantees the behaviour that custody asks of a transaction and that verify asks of a source, over slices that a
// test may alter as an intruder would. It is for tests only.
package custodytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/verify"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// VaultID is the vault of the records made here.
const VaultID = "va_00000000000000000000000000"

// Agent is who acts in them.
const Agent = "ag_00000000000000000000000001"

// Memory is a record and a small catalogue. The slices are the rows of the tables.
type Memory struct {
	HeadSize    int64
	Leaves      []verify.Leaf
	Openings    []verify.Opening
	Hashes      []verify.StoredHash
	Checkpoints []verify.Checkpoint
	Things      map[string][]verify.Thing // by kind

	Calls []string // methods called on Tx, in order
	Fail  string   // a method of Tx that returns an error
}

// Tx gives the record as a transaction of the store has it.
func (m *Memory) Tx() *Tx { return &Tx{m} }

// Source gives the record as the verifier reads it.
func (m *Memory) Source() *Source { return &Source{m} }

// Clone gives a copy that can be altered.
func (m *Memory) Clone() *Memory {
	c := *m
	c.Leaves = slices.Clone(m.Leaves)
	for i := range c.Leaves {
		c.Leaves[i].Commitment = bytes.Clone(c.Leaves[i].Commitment)
	}
	c.Openings = slices.Clone(m.Openings)
	for i := range c.Openings {
		o := &c.Openings[i]
		o.Salt, o.Event, o.Subjects = bytes.Clone(o.Salt), bytes.Clone(o.Event), slices.Clone(o.Subjects)
	}
	c.Hashes = slices.Clone(m.Hashes)
	for i := range c.Hashes {
		c.Hashes[i].Hash = bytes.Clone(c.Hashes[i].Hash)
	}
	c.Checkpoints = slices.Clone(m.Checkpoints)
	for i := range c.Checkpoints {
		p := &c.Checkpoints[i]
		p.Root, p.Note = bytes.Clone(p.Root), bytes.Clone(p.Note)
	}
	c.Things = map[string][]verify.Thing{}
	for k, v := range m.Things {
		c.Things[k] = slices.Clone(v)
	}
	return &c
}

// Tx is a Memory as a transaction.
type Tx struct{ m *Memory }

var (
	_ custody.Tx           = (*Tx)(nil)
	_ custody.CheckpointTx = (*Tx)(nil)
	_ custody.ReadTx       = (*Tx)(nil)
	_ custody.ExportTx     = (*Tx)(nil)
)

func (t *Tx) call(name string) error {
	t.m.Calls = append(t.m.Calls, name)
	if t.m.Fail == name {
		return fmt.Errorf("%s: disk on fire", name)
	}
	return nil
}

func (t *Tx) Head(_ context.Context, lock bool) (int64, error) {
	name := "Head"
	if lock {
		name = "Head+lock"
	}
	return t.m.HeadSize, t.call(name)
}

func (t *Tx) SetHead(_ context.Context, size int64) error {
	if err := t.call("SetHead"); err != nil {
		return err
	}
	t.m.HeadSize = size
	return nil
}

func (t *Tx) AppendLeaves(_ context.Context, first int64, commitments ...[]byte) error {
	if err := t.call("AppendLeaves"); err != nil {
		return err
	}
	for i, c := range commitments {
		t.m.Leaves = append(t.m.Leaves, verify.Leaf{Index: first + int64(i), Commitment: bytes.Clone(c)})
	}
	return nil
}

func (t *Tx) AddOpenings(_ context.Context, openings ...store.Opening) error {
	if err := t.call("AddOpenings"); err != nil {
		return err
	}
	for _, o := range openings {
		row := verify.Opening{Index: o.Index, EventID: o.EventID, Type: o.Type, Time: o.Time.UnixMicro(), Agent: o.Agent,
			Salt: bytes.Clone(o.Salt), Event: bytes.Clone(o.Event)}
		for _, s := range o.Subjects {
			row.Subjects = append(row.Subjects, verify.Subject{Role: s.Role, Kind: s.Kind, ID: s.ID})
		}
		t.m.Openings = append(t.m.Openings, row)
	}
	return nil
}

func (t *Tx) AddHashes(_ context.Context, first int64, hashes []tlog.Hash) error {
	if err := t.call("AddHashes"); err != nil {
		return err
	}
	for i, h := range hashes {
		t.m.Hashes = append(t.m.Hashes, verify.StoredHash{Position: first + int64(i), Hash: bytes.Clone(h[:])})
	}
	return nil
}

func (t *Tx) Hashes(_ context.Context, positions []int64) ([]tlog.Hash, error) {
	if err := t.call("Hashes"); err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, len(positions))
	for i, p := range positions {
		at := slices.IndexFunc(t.m.Hashes, func(h verify.StoredHash) bool { return h.Position == p })
		if at < 0 {
			return nil, archive.ErrNotFound
		}
		out[i] = tlog.Hash(t.m.Hashes[at].Hash)
	}
	return out, nil
}

func (t *Tx) AddCheckpoint(_ context.Context, c store.Checkpoint) error {
	if err := t.call("AddCheckpoint"); err != nil {
		return err
	}
	t.m.Checkpoints = append(t.m.Checkpoints, verify.Checkpoint{Size: c.Size, Root: bytes.Clone(c.Root), Note: bytes.Clone(c.Note)})
	return nil
}

func (t *Tx) Checkpoints(context.Context) ([]store.Checkpoint, error) {
	var out []store.Checkpoint
	for _, c := range t.m.Checkpoints {
		out = append(out, store.Checkpoint{Size: c.Size, Root: bytes.Clone(c.Root), Note: bytes.Clone(c.Note)})
	}
	return out, t.call("Checkpoints")
}

func (t *Tx) opening(o verify.Opening) store.Opening {
	out := store.Opening{Index: o.Index, EventID: o.EventID, Type: o.Type, Time: time.UnixMicro(o.Time).UTC(), Agent: o.Agent,
		Salt: bytes.Clone(o.Salt), Event: bytes.Clone(o.Event)}
	for _, s := range o.Subjects {
		out.Subjects = append(out.Subjects, archive.Subject{Role: s.Role, Kind: s.Kind, ID: s.ID})
	}
	for _, l := range t.m.Leaves {
		if l.Index == o.Index {
			out.Commitment = bytes.Clone(l.Commitment)
		}
	}
	return out
}

func (t *Tx) Opening(_ context.Context, index int64) (store.Opening, error) {
	for _, o := range t.m.Openings {
		if o.Index == index {
			return t.opening(o), t.call("Opening")
		}
	}
	return store.Opening{}, archive.ErrNotFound
}

func (t *Tx) Openings(_ context.Context, from int64, limit int) ([]store.Opening, error) {
	var out []store.Opening
	for _, o := range t.m.Openings {
		if o.Index >= from && len(out) < limit {
			out = append(out, t.opening(o))
		}
	}
	return out, t.call("Openings")
}

func (t *Tx) EventsOf(_ context.Context, kind, id string) ([]int64, error) {
	var out []int64
	for _, o := range t.m.Openings {
		if slices.ContainsFunc(o.Subjects, func(s verify.Subject) bool { return s.Kind == kind && s.ID == id }) {
			out = append(out, o.Index)
		}
	}
	return out, t.call("EventsOf")
}

// Source is a Memory as the verifier reads it.
type Source struct{ m *Memory }

var (
	_ verify.Source    = (*Source)(nil)
	_ verify.Catalogue = (*Source)(nil)
)

func from[T any](rows []T, index func(T) int64, from int64, limit int) []T {
	var out []T
	for _, r := range rows {
		if index(r) >= from {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b T) int {
		switch x, y := index(a), index(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return out[:min(limit, len(out))]
}

func (s *Source) Head(context.Context) (int64, error) { return s.m.HeadSize, nil }

func (s *Source) Leaves(_ context.Context, at int64, limit int) ([]verify.Leaf, error) {
	return from(s.m.Leaves, func(l verify.Leaf) int64 { return l.Index }, at, limit), nil
}

func (s *Source) Openings(_ context.Context, at int64, limit int) ([]verify.Opening, error) {
	return from(s.m.Openings, func(o verify.Opening) int64 { return o.Index }, at, limit), nil
}

func (s *Source) Hashes(_ context.Context, at int64, limit int) ([]verify.StoredHash, error) {
	return from(s.m.Hashes, func(h verify.StoredHash) int64 { return h.Position }, at, limit), nil
}

func (s *Source) Checkpoints(context.Context) ([]verify.Checkpoint, error) {
	return s.m.Checkpoints, nil
}

func (s *Source) Things(_ context.Context, kind string, ids []string) ([]verify.Thing, error) {
	var out []verify.Thing
	for _, t := range s.m.Things[kind] {
		if slices.Contains(ids, t.ID) {
			out = append(out, t)
		}
	}
	return out, nil
}

func (s *Source) Unrecorded(_ context.Context, kind string, types []string, after string, limit int) ([]string, error) {
	table, subject := kind, kind
	if kind == verify.KindClosing {
		table, subject = verify.KindAccession, verify.KindAccession
	}
	var out []string
	for _, t := range s.m.Things[table] {
		if t.ID <= after || kind == verify.KindClosing && t.SHA256 == "" {
			continue
		}
		named := slices.ContainsFunc(s.m.Openings, func(o verify.Opening) bool {
			return slices.Contains(types, o.Type) && slices.ContainsFunc(o.Subjects, func(s verify.Subject) bool {
				return s.Kind == subject && s.ID == t.ID && (kind == verify.KindClosing || s.Role == "outcome")
			})
		})
		if !named {
			out = append(out, t.ID)
		}
	}
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}

// Random is an endless, repeatable stream: SHA-256 of a counter.
func Random() io.Reader { return &random{} }

type random struct {
	n   uint64
	buf []byte
}

func (r *random) Read(p []byte) (int, error) {
	for i := range p {
		if len(r.buf) == 0 {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("custodytest"), r.n))
			r.buf, r.n = sum[:], r.n+1
		}
		p[i], r.buf = r.buf[0], r.buf[1:]
	}
	return len(p), nil
}

// Clock is a clock that begins at noon of the first of March 2027 and moves on by a second and a microsecond each time it
// is asked.
func Clock() func() time.Time {
	at := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		at = at.Add(time.Second + time.Microsecond)
		return at
	}
}

// Recorder gives a recorder with repeatable clock, randomness and key, and the text of its verifier key.
func Recorder() (*custody.Recorder, string) {
	skey, vkey, err := tlog.GenerateKey(Random(), custody.Origin(VaultID))
	if err != nil {
		panic(err)
	}
	signer, err := tlog.NewSigner(skey)
	if err != nil {
		panic(err)
	}
	return custody.New(custody.Options{
		Tool: "zapis 0.1.0", Now: Clock(), Rand: Random(), Signer: signer, Origin: custody.Origin(VaultID),
	}), vkey
}

// ID gives the n-th identifier with a prefix.
func ID(prefix string, n int) string { return fmt.Sprintf("%s_%026d", prefix, n) }

// Digest gives the n-th digest.
func Digest(n int) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "bytes %d", n))
	return sum[:]
}

// Item gives the n-th item of the accession of these records.
func Item(n int) archive.Item {
	return archive.Item{ID: ID("it", n), Accession: ID("ac", 1), Size: int64(1000 * n), SHA256: Digest(n),
		Object: archive.ObjectRef{Object: ID("ob", n), Envelope: ID("en", 1)}}
}

// HashReader reads the stored hashes.
func (m *Memory) HashReader() tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return m.Tx().Hashes(context.Background(), at) })
}

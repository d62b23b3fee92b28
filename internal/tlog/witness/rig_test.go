package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/faultfs"
	"zapis/internal/tlog"
)

const testOrigin = "log.example/zapis"

// tree is a log under test: one key, any number of leaves, and as many contradicting trees as wanted.
type tree struct {
	t      testing.TB
	signer tlog.Signer
	vkey   string
	salt   string
	leaves []tlog.Hash
	hashes []tlog.Hash
}

func newTree(t testing.TB, origin string) *tree {
	t.Helper()
	seed := sha256.Sum256([]byte(origin))
	skey, vkey, err := tlog.GenerateKey(bytes.NewReader(seed[:]), origin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tlog.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &tree{t: t, signer: s, vkey: vkey}
}

func (l *tree) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = l.hashes[n]
	}
	return out, nil
}

// grow adds leaves.
func (l *tree) grow(n int) *tree {
	l.t.Helper()
	for range n {
		leaf := tlog.LeafHash(binary.BigEndian.AppendUint64([]byte(l.salt), uint64(len(l.leaves))))
		_, more, err := tlog.Append(int64(len(l.leaves)), []tlog.Hash{leaf}, l)
		if err != nil {
			l.t.Fatal(err)
		}
		l.leaves = append(l.leaves, leaf)
		l.hashes = append(l.hashes, more...)
	}
	return l
}

// fork gives the same log as it would be if it went another way after its first leaves.
func (l *tree) fork(keep int, salt string) *tree {
	l.t.Helper()
	f := &tree{t: l.t, signer: l.signer, vkey: l.vkey, salt: salt}
	f.leaves = append(f.leaves, l.leaves[:keep]...)
	f.hashes = append(f.hashes, l.hashes[:tlog.StoredCount(int64(keep))]...)
	return f
}

func (l *tree) root(size int64) tlog.Hash {
	l.t.Helper()
	h, err := tlog.Root(size, l)
	if err != nil {
		l.t.Fatal(err)
	}
	return h
}

// at gives the signed checkpoint of a size.
func (l *tree) at(size int64) []byte {
	l.t.Helper()
	signed, err := tlog.Sign(tlog.Checkpoint{Origin: l.signer.Name(), Size: size, Root: l.root(size)}, l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

func (l *tree) size() int64 { return int64(len(l.leaves)) }

func (l *tree) proof(from, to int64) []tlog.Hash {
	l.t.Helper()
	if from == 0 || from == to {
		return nil
	}
	p, err := tlog.Consistency(from, to, l)
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

func (l *tree) prove(_ context.Context, from, to int64) ([]tlog.Hash, error) {
	return tlog.Consistency(from, to, l)
}

func (l *tree) verifier() tlog.Verifier {
	l.t.Helper()
	v, err := tlog.NewVerifier(l.vkey)
	if err != nil {
		l.t.Fatal(err)
	}
	return v
}

// publish writes a C2SP tlog-tiles folder: full tiles, partial ones of this size, and the checkpoint.
func (l *tree) publish(dir string) {
	l.t.Helper()
	size := l.size()
	for level := 0; size>>(8*level) > 0; level++ {
		whole := size >> (8 * level)
		for n := int64(0); n*tlog.TileWidth < whole; n++ {
			width := min(int(whole-n*tlog.TileWidth), tlog.TileWidth)
			var data []byte
			for i := range int64(width) {
				h := l.hashes[tlog.StoredIndex(8*level, n*tlog.TileWidth+i)]
				data = append(data, h[:]...)
			}
			name, err := tlog.TilePath(level, n, width)
			if err != nil {
				l.t.Fatal(err)
			}
			l.put(dir, name, data)
		}
	}
	l.put(dir, "checkpoint", l.at(size))
}

func (l *tree) put(dir, name string, data []byte) {
	l.t.Helper()
	at := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(at, data, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// clock stands still unless it is moved.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 22, 0, 10, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.t }

// newWitness makes a witness in a real folder that knows the logs.
func newWitness(t testing.TB, c *clock, logs ...*tree) (*Witness, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "witness")
	o := Options{Now: c.now}
	if _, err := Create(dir, "witness.example/w1", o); err != nil {
		t.Fatal(err)
	}
	w := openWitness(t, dir, c)
	for _, l := range logs {
		if err := w.Add(Log{Keys: []string{l.vkey}}); err != nil {
			t.Fatal(err)
		}
	}
	return w, dir
}

func openWitness(t testing.TB, dir string, c *clock) *Witness {
	t.Helper()
	w, err := Open(dir, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// simulated is a simulated disk as the folder of a witness.
type simulated struct{ *faultfs.FS }

func (s simulated) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

package c2sp

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/torchwood"
	fnote "github.com/transparency-dev/formats/note"
	tclient "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/persistence/inmemory"
	twitness "github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"

	"zapis/internal/tlog"
	"zapis/internal/tlog/witness"
)

const origin = "log.example/zapis"

// tree is a transparency log in memory.
type tree struct {
	t      *testing.T
	signer tlog.Signer
	vkey   string
	hashes []tlog.Hash
	size   int64
}

func newTree(t *testing.T) *tree {
	t.Helper()
	skey, vkey, err := tlog.GenerateKey(rand.Reader, origin)
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

func (l *tree) grow(n int, salt byte) *tree {
	l.t.Helper()
	for range n {
		_, more, err := tlog.Append(l.size, []tlog.Hash{tlog.LeafHash(binary.BigEndian.AppendUint64([]byte{salt}, uint64(l.size)))}, l)
		if err != nil {
			l.t.Fatal(err)
		}
		l.hashes = append(l.hashes, more...)
		l.size++
	}
	return l
}

// fork gives another tree of the same key that agrees with the first leaves.
func (l *tree) fork(keep int64) *tree {
	return &tree{t: l.t, signer: l.signer, vkey: l.vkey, size: keep, hashes: append([]tlog.Hash(nil), l.hashes[:tlog.StoredCount(keep)]...)}
}

func (l *tree) at(size int64) []byte {
	l.t.Helper()
	root, err := tlog.Root(size, l)
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := tlog.Sign(tlog.Checkpoint{Origin: origin, Size: size, Root: root}, l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

func (l *tree) prove(_ context.Context, from, to int64) ([]tlog.Hash, error) {
	return tlog.Consistency(from, to, l)
}

func (l *tree) bytes(from, to int64) [][]byte {
	l.t.Helper()
	p, err := l.prove(context.Background(), from, to)
	if err != nil {
		l.t.Fatal(err)
	}
	var out [][]byte
	for _, h := range p {
		out = append(out, bytes.Clone(h[:]))
	}
	return out
}

// ourWitness serves a witness of ours that knows the log.
func ourWitness(t *testing.T, l *tree) (address, vkey string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "witness")
	if _, err := witness.Create(dir, "witness.example/ours", witness.Options{}); err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(dir, witness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if err := w.Add(witness.Log{Keys: []string{l.vkey}}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(w.Handler(slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return s.URL, w.VerifierKey()
}

// Verifiers of two other projects read our cosignatures and their time, and we read theirs.
func TestCosignaturesAreReadByOthers(t *testing.T) {
	t.Parallel()
	l := newTree(t).grow(9, 0)
	address, vkey := ourWitness(t, l)
	var c witness.Client
	line, err := c.Cosign(context.Background(), address, vkey, 0, l.prove, l.at(9))
	if err != nil {
		t.Fatal(err)
	}
	signed := append(l.at(9), line...)
	logKey, err := note.NewVerifier(l.vkey)
	if err != nil {
		t.Fatal(err)
	}

	tw, err := torchwood.NewCosignatureVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	policy := torchwood.ThresholdPolicy(3, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(logKey), torchwood.SingleVerifierPolicy(tw))
	cp, n, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil || cp.N != 9 || len(n.Sigs) != 2 {
		t.Fatalf("torchwood: size %d: %v", cp.N, err)
	}
	at, err := torchwood.CosignatureTimestamp(n.Sigs[1])
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Hour {
		t.Errorf("torchwood: time %d: %v", at, err)
	}
	if _, _, err := torchwood.VerifyCheckpoint(l.at(9), policy); err == nil {
		t.Error("torchwood: accepted without a cosignature: this test sees nothing")
	}

	fv, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	n, err = note.Open(signed, note.VerifierList(logKey, fv))
	if err != nil || len(n.Sigs) != 2 {
		t.Errorf("formats: %v", err)
	}

	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := torchwood.NewCosignatureSigner("witness.example/torchwood", private)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := tlog.SplitNote(signed)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tlog.NewCosignVerifier(signer.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, when, err := v.Find(theirs); err != nil || time.Since(when).Abs() > time.Hour {
		t.Errorf("their cosignature: %v: %v", when, err)
	}
}

// The client of another project is served by our witness, errors and all.
func TestOurWitnessServesOthers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l := newTree(t).grow(20, 0)
	evil := l.fork(3).grow(17, 1)
	address, vkey := ourWitness(t, l)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c := tclient.NewWitness(u, http.DefaultClient)
	v, err := torchwood.NewCosignatureVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	cosigned := func(old, size int64) {
		t.Helper()
		var proof [][]byte
		if old > 0 && old < size {
			proof = l.bytes(old, size)
		}
		lines, _, err := c.Update(ctx, uint64(old), l.at(size), proof)
		if err != nil {
			t.Fatalf("size %d after %d: %v", size, old, err)
		}
		if n, err := note.Open(append(l.at(size), lines...), note.VerifierList(v)); err != nil || len(n.Sigs) != 1 {
			t.Fatalf("size %d: %q: %v", size, lines, err)
		}
	}
	cosigned(0, 5)
	cosigned(5, 5)
	cosigned(5, 12)
	if _, size, err := c.Update(ctx, 5, l.at(20), l.bytes(5, 20)); !errors.Is(err, twitness.ErrCheckpointStale) || size != 12 {
		t.Errorf("stale: %d, %v", size, err)
	}
	if _, _, err := c.Update(ctx, 12, evil.at(20), evil.bytes(12, 20)); !errors.Is(err, twitness.ErrInvalidProof) {
		t.Errorf("fork: %v", err)
	}
	if _, size, err := c.Update(ctx, 12, evil.at(12), nil); !errors.Is(err, twitness.ErrCheckpointStale) && !errors.Is(err, twitness.ErrRootMismatch) || size != 12 {
		t.Errorf("fork at the same size: %d, %v", size, err)
	}
	if _, _, err := c.Update(ctx, 21, l.at(20), nil); !errors.Is(err, twitness.ErrOldSizeInvalid) {
		t.Errorf("old size above: %v", err)
	}
	other := newTree(t).grow(20, 0) // the same origin, another key
	if _, _, err := c.Update(ctx, 12, other.at(20), l.bytes(12, 20)); !errors.Is(err, twitness.ErrNoValidSignature) {
		t.Errorf("another key: %v", err)
	}
	cosigned(12, 20)
}

// Our client is served by the witness of another project, and its cosignature verifies here.
func TestOthersWitnessServesUs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l := newTree(t).grow(20, 0)
	logKey, err := note.NewVerifier(l.vkey)
	if err != nil {
		t.Fatal(err)
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "witness.example/theirs")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err = fnote.VKeyToCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	w, err := twitness.New(ctx, twitness.Opts{
		Persistence: inmemory.New(), Signers: []note.Signer{signer},
		VerifierForLog: func(_ context.Context, o string) (note.Verifier, bool, error) { return logKey, o == origin, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/add-checkpoint", twitness.NewHTTPHandler(w).AddCheckpoint)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	v, err := tlog.NewCosignVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	var c witness.Client
	for _, step := range [][2]int64{{0, 5}, {5, 9}, {0, 15}, {9, 20}} { // twice what we remember is wrong
		line, err := c.Cosign(ctx, s.URL, vkey, step[0], l.prove, l.at(step[1]))
		if err != nil {
			t.Fatalf("size %d after %d: %v", step[1], step[0], err)
		}
		if _, when, err := v.Find(append(l.at(step[1]), line...)); err != nil || time.Since(when).Abs() > time.Hour {
			t.Errorf("size %d: %v: %v", step[1], when, err)
		}
	}
	evil := l.fork(3).grow(20, 1)
	for _, size := range []int64{15, 20, 23} {
		if _, err := c.Cosign(ctx, s.URL, vkey, 0, evil.prove, evil.at(size)); !errors.Is(err, witness.ErrFork) {
			t.Errorf("fork at size %d: %v", size, err)
		}
	}
	stranger := newTree(t).grow(21, 0) // this one answers as if something of its own had broken
	if line, err := c.Cosign(ctx, s.URL, vkey, 20, stranger.prove, stranger.at(21)); err == nil || line != "" {
		t.Errorf("another key: %q, %v", line, err)
	}
}

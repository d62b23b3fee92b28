package anchor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
)

const (
	testOrigin = "archive.example/log"
	testAgent  = "ag_00000000000000000000000001"
)

// secrets is a vault of nothing but secrets.
type secrets struct {
	mu   sync.Mutex
	all  map[string][]byte
	fail error // of the next PutSecret
}

func (s *secrets) Secret(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.all[name]
	if !ok {
		return nil, archive.ErrNotFound
	}
	return bytes.Clone(v), nil
}

func (s *secrets) PutSecret(_ context.Context, name string, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if _, ok := s.all[name]; ok {
		return archive.ErrExists
	}
	s.all[name] = bytes.Clone(v)
	return nil
}

// keeper keeps the newest checkpoint in memory.
type keeper struct {
	note []byte
	fail error
}

func (k *keeper) Keep(note []byte) error {
	if k.fail == nil {
		k.note = bytes.Clone(note)
	}
	return k.fail
}
func (k *keeper) Kept() ([]byte, error) { return k.note, nil }

// friend is a witness in this process.
type friend struct {
	Witness
	key  *tlog.Cosigner
	says error
	line string // said instead of a cosignature
	seen int64
	old  []int64
}

// friends asks them.
type friends struct {
	mu  sync.Mutex
	all map[string]*friend
}

func (f *friends) Cosign(_ context.Context, w Witness, checkpoint []byte, old int64, proof func(int64) ([]tlog.Hash, error)) (string, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.all[w.Name]
	x.old = append(x.old, old)
	if x.says != nil {
		return "", time.Time{}, x.says
	}
	if x.line != "" {
		return x.line, time.Time{}, nil
	}
	if _, err := proof(x.seen); err != nil {
		return "", time.Time{}, err
	}
	text := string(noteText(checkpoint))
	c, err := tlog.ParseCheckpoint(text)
	if err != nil {
		return "", time.Time{}, err
	}
	x.seen = c.Size
	line, err := x.key.Cosign(text)
	return line, time.Time{}, err
}

// clockwork is a time authority in this process.
type clockwork struct {
	name, kind string
	say        func(imprint [32]byte, former []byte) (StampResult, error)
}

func (a *clockwork) Name() string { return a.name }
func (a *clockwork) Kind() string { return a.kind }
func (a *clockwork) Stamp(_ context.Context, imprint [32]byte, former []byte) (StampResult, error) {
	return a.say(imprint, former)
}

// rig is a transparency log with everything around it.
type rig struct {
	*Service
	t       testing.TB
	db      *store.DB
	custody *custody.Recorder
	secrets *secrets
	keeper  *keeper
	friends *friends
	clock   time.Time
	seed    *rand.ChaCha8
}

var day0 = time.Date(2026, 11, 22, 14, 3, 7, 0, time.UTC)

func newRig(t testing.TB, change ...func(*rig, *Options)) *rig {
	t.Helper()
	return rigOn(t, storetest.Open(t, store.SQLite), 1, change...)
}

func rigOn(t testing.TB, db *store.DB, seed uint64, change ...func(*rig, *Options)) *rig {
	t.Helper()
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	r := &rig{
		t: t, db: db, clock: day0, secrets: &secrets{all: map[string][]byte{}}, keeper: &keeper{},
		friends: &friends{all: map[string]*friend{}}, seed: rand.NewChaCha8(s),
	}
	now := func() time.Time { return r.clock }
	random := &locked{r: r.seed}
	r.custody = custody.New(custody.Options{Tool: "zapis test", Now: now, Rand: random})
	o := Options{
		DB: r.db, Secrets: r.secrets, Custody: r.custody, At: 10 * time.Minute, Keeper: r.keeper,
		Cosigner: r.friends, CheckPage: []byte("<!doctype html><title>check</title>"), Timeout: 5 * time.Second, Now: now, Rand: random,
	}
	for _, c := range change {
		c(r, &o)
	}
	var err error
	if r.Service, err = New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

type locked struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *locked) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// witness adds one to the options.
func (r *rig) witness(o *Options, name string) *friend {
	r.t.Helper()
	skey, vkey, err := tlog.GenerateCosignerKey(r.seed, name)
	if err != nil {
		r.t.Fatal(err)
	}
	f := &friend{Witness: Witness{Name: name, VerifierKey: vkey, URL: "http://127.0.0.1:1"}}
	if f.key, err = tlog.NewCosigner(skey, func() time.Time { return r.clock }); err != nil {
		r.t.Fatal(err)
	}
	r.friends.all[name] = f
	o.Witnesses = append(o.Witnesses, f.Witness)
	return f
}

func (r *rig) init() *rig {
	r.t.Helper()
	if _, err := r.Init(context.Background(), testAgent, testOrigin); err != nil {
		r.t.Fatal(err)
	}
	return r
}

func (r *rig) tick() Ticked {
	r.t.Helper()
	got, err := r.Tick(context.Background(), testAgent, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// days lets so many days pass, with a tick on each.
func (r *rig) days(n int) {
	r.t.Helper()
	for range n {
		r.clock = r.clock.Add(24 * time.Hour)
		r.tick()
	}
}

// act records events in the custody record.
func (r *rig) act(n int) {
	r.t.Helper()
	events := make([]archive.Event, n)
	for i := range events {
		events[i] = archive.Event{Type: archive.EventAdministration, Agent: testAgent, Outcome: archive.Success, Detail: map[string]string{"act": "test"}}
	}
	r.write(func(tx *store.Tx) error {
		_, err := r.custody.Record(context.Background(), tx, events...)
		return err
	})
}

func (r *rig) write(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Write(context.Background(), f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Read(context.Background(), f); err != nil {
		r.t.Fatal(err)
	}
}

// state makes an open statement.
func (r *rig) state(n int) string {
	r.t.Helper()
	body := fmt.Appendf(nil, `{"format":"zapis scope","n":"%d"}`, n)
	st := store.Statement{ID: archive.NewIDFrom(archive.PrefixStatement, r.clock, r.seed), Kind: "scope", Body: body, SHA256: sum(body), CreatedAt: r.clock, CreatedBy: testAgent}
	_, _ = r.seed.Read(st.Salt[:])
	r.write(func(tx *store.Tx) error { return tx.AddStatement(context.Background(), st) })
	return st.ID
}

// publishTo publishes to a folder.
func (r *rig) publishTo(dir string) (Published, error) {
	r.t.Helper()
	t, c, err := OpenFolder(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	return r.Publish(context.Background(), testAgent, t)
}

func (r *rig) folder() string { return filepath.Join(r.t.TempDir(), "public") }

func wantErr(t testing.TB, err, want error, part string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), part) {
		t.Fatalf("error is %v, want %v with %q", err, want, part)
	}
}

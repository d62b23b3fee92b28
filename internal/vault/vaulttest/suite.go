package vaulttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"zapis/internal/vault"
)

// Segment is the segment size of the suite's vaults, in bytes.
const Segment = 256 << 10

const pass = "correct horse"

// Noise gives n bytes that depend on seed only.
func Noise(seed uint64, n int) []byte {
	p := make([]byte, n)
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(s).Read(p)
	return p
}

// Fixture is a vault with a passphrase and a key file on some storage.
type Fixture struct {
	Backend vault.Backend
	Vault   *vault.Vault
	KeyFile *age.HybridIdentity
}

// NewVault makes a vault with small segments and a cheap passphrase in an empty place.
func NewVault(t testing.TB, b vault.Backend) Fixture {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(t.Context(), b, vault.CreateOptions{
		Passphrase: []byte(pass), KeyFileRecipients: []string{id.Recipient().String()}, SegmentSize: Segment, WorkFactor: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return Fixture{b, v, id}
}

// Seal commits the given pieces as objects of one batch.
func Seal(t testing.TB, v *vault.Vault, pieces ...[]byte) vault.Commit {
	t.Helper()
	batch := v.Begin(t.Context())
	for _, p := range pieces {
		if _, err := batch.Add(t.Context(), bytes.NewReader(p), vault.AddOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := batch.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Ref of the i-th object of a commit.
func Ref(c vault.Commit, i int) vault.Ref {
	return vault.Ref{Object: c.Objects[i].ID, Envelope: c.Envelope}
}

// ReadAll opens an object and gives its bytes.
func ReadAll(ctx context.Context, v *vault.Vault, ref vault.Ref) ([]byte, error) {
	r, err := v.Reader(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func mustRead(t testing.TB, v *vault.Vault, c vault.Commit, pieces ...[]byte) {
	t.Helper()
	for i, want := range pieces {
		got, err := ReadAll(t.Context(), v, Ref(c, i))
		if err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("object %d: other bytes than were sealed", i)
		}
	}
}

// Damages runs CheckSums and gives what it reports, without what is in order.
func Damages(t testing.TB, b vault.Backend) map[string]error {
	t.Helper()
	found := map[string]error{}
	err := vault.CheckSums(context.Background(), b, func(name string, err error) {
		if err != nil {
			found[name] = err
		}
	}, nil)
	if err != nil {
		t.Fatalf("check sums: %v", err)
	}
	return found
}

func clean(t testing.TB, b vault.Backend) {
	t.Helper()
	for name, err := range Damages(t, b) {
		t.Errorf("%s: %v", name, err)
	}
}

// Names lists the files under a prefix.
func Names(t testing.TB, b vault.Backend, prefix string) []string {
	t.Helper()
	var names []string
	for info, err := range b.List(context.Background(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

func contents(t testing.TB, b vault.Backend, name string) []byte {
	t.Helper()
	r, err := b.Open(context.Background(), name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer r.Close()
	data := make([]byte, r.Size())
	if n, err := r.ReadAt(data, 0); n < len(data) {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

func change(t testing.TB, b vault.Backend, name string, f func([]byte) []byte) (restore func()) {
	t.Helper()
	was := contents(t, b, name)
	if err := b.Replace(context.Background(), name, f(bytes.Clone(was))); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := b.Replace(context.Background(), name, was); err != nil {
			t.Fatal(err)
		}
	}
}

// Run runs the whole suite. open gives an empty place for each test. cheap says that calls cost nothing, so that more
// positions are damaged and more calls fail; with ZAPIS_TEST_THOROUGH=1 every call fails once in every way.
func Run(t *testing.T, cheap bool, open func(t testing.TB) vault.Backend) {
	step := func(all, more, some int) int {
		switch {
		case os.Getenv("ZAPIS_TEST_THOROUGH") == "1":
			return all
		case cheap:
			return more
		}
		return some
	}
	t.Run("Backend", func(t *testing.T) { t.Parallel(); Backend(t, open(t)) })
	t.Run("Sizes", func(t *testing.T) { t.Parallel(); testSizes(t, open(t)) })
	t.Run("Ranges", func(t *testing.T) { t.Parallel(); testRanges(t, open(t)) })
	t.Run("Batch", func(t *testing.T) { t.Parallel(); testBatch(t, open(t)) })
	t.Run("Open", func(t *testing.T) { t.Parallel(); testOpen(t, open(t), open(t)) })
	t.Run("Secrets", func(t *testing.T) { t.Parallel(); testSecrets(t, open(t)) })
	t.Run("Flips", func(t *testing.T) { t.Parallel(); testFlips(t, open(t), step(40, 25, 9)) })
	t.Run("Damage", func(t *testing.T) { t.Parallel(); testDamage(t, open(t), open(t)) })
	t.Run("Erase", func(t *testing.T) { t.Parallel(); testErase(t, open(t)) })
	t.Run("Heal", func(t *testing.T) { t.Parallel(); testHeal(t, open(t), open(t)) })
	t.Run("Mirror", func(t *testing.T) { t.Parallel(); testMirror(t, open(t), open(t), open(t)) })
	t.Run("Leftovers", func(t *testing.T) { t.Parallel(); testLeftovers(t, open(t)) })
	t.Run("Lying", func(t *testing.T) { t.Parallel(); testLying(t, open(t)) })
	t.Run("RotatedMeanwhile", func(t *testing.T) { t.Parallel(); testRotatedMeanwhile(t, open(t)) })
	t.Run("FailedCalls", func(t *testing.T) { t.Parallel(); testFailedCalls(t, open, step(1, 2, 9)) })
	t.Run("RekeyCrash", func(t *testing.T) { t.Parallel(); testRekeyCrash(t, open, step(1, 4, 17)) })
	t.Run("EraseCrash", func(t *testing.T) { t.Parallel(); testEraseCrash(t, open, step(1, 2, 5)) })
}

// Backend holds a storage against the port.
func Backend(t *testing.T, b vault.Backend) {
	ctx := t.Context()
	write := func(w vault.BlobWriter, err error, data []byte) error {
		if err != nil {
			return err
		}
		for len(data) > 0 { // in pieces of odd length
			n := min(len(data), 700_001)
			if k, err := w.Write(data[:n]); err != nil || k != n {
				return errors.Join(err, w.Abort())
			}
			data = data[n:]
		}
		return w.Close()
	}
	create := func(name string, data []byte) error {
		w, err := b.Create(ctx, name)
		return write(w, err, data)
	}
	for _, n := range []int{0, 1, 4095, 1 << 20, 8 << 20, 8<<20 + 1, 20<<20 + 5} {
		name := fmt.Sprintf("blob/0%d/size-%d", n%7, n)
		want := Noise(uint64(n), n)
		if err := create(name, want); err != nil {
			t.Fatalf("create %d bytes: %v", n, err)
		}
		if err := b.Sync(ctx, name); err != nil {
			t.Fatal(err)
		}
		if got := contents(t, b, name); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came back otherwise", n)
		}
		info, err := b.Stat(ctx, name)
		if err != nil || info.Size != int64(n) || info.Name != name || info.Version == "" {
			t.Fatalf("stat %d: %+v %v", n, info, err)
		}
		if err := create(name, []byte("other")); !errors.Is(err, vault.ErrExists) {
			t.Fatalf("create over an existing file: %v", err)
		}
		if got := contents(t, b, name); !bytes.Equal(got, want) {
			t.Fatal("create changed an existing file")
		}
	}
	// Ranges, short reads, ends.
	const name = "blob/00/range"
	want := Noise(3, 300_000)
	if err := create(name, want); err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ off, n int }{{0, 1}, {299_999, 1}, {65_535, 2}, {100, 200_000}, {0, 300_000}} {
		p := make([]byte, c.n)
		if n, err := r.ReadAt(p, int64(c.off)); n != c.n || (err != nil && !errors.Is(err, io.EOF)) || !bytes.Equal(p, want[c.off:c.off+c.n]) {
			t.Errorf("read %d at %d: %d, %v", c.n, c.off, n, err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 10), 299_995); n != 5 || !errors.Is(err, io.EOF) {
		t.Errorf("read over the end: %d, %v", n, err)
	}
	if n, err := r.ReadAt(make([]byte, 10), 300_000); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read after the end: %d, %v", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read before the beginning gave no error")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	// Replacement.
	before, _ := b.Stat(ctx, name)
	if err := b.Replace(ctx, name, []byte("new")); err != nil {
		t.Fatal(err)
	}
	after, err := b.Stat(ctx, name)
	if err != nil || after.Version == before.Version || string(contents(t, b, name)) != "new" {
		t.Errorf("replace: %+v, then %+v, %v", before, after, err)
	}
	w, err := b.Overwrite(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(Noise(1, 9<<20)); err != nil {
		t.Fatal(err)
	}
	if string(contents(t, b, name)) != "new" {
		t.Error("overwrite was visible before it was closed")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if string(contents(t, b, name)) != "new" {
		t.Error("an aborted overwrite changed the file")
	}
	if err := b.Replace(ctx, "key/fresh.age", []byte("x")); err != nil || string(contents(t, b, "key/fresh.age")) != "x" {
		t.Errorf("replace of nothing: %v", err)
	}
	// Abort of a new file.
	w, err = b.Create(ctx, "blob/00/aborted")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(Noise(1, 9<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Stat(ctx, "blob/00/aborted"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("an aborted file is there: %v", err)
	}
	// Lists.
	for prefix, n := range map[string]int{"": 9, "blob/": 8, "blob/00/": 3, "blob/00/ra": 1, "key/": 1, "none/": 0, "blob/00/range": 1} {
		if got := Names(t, b, prefix); len(got) != n && !(prefix == "blob/00/") {
			t.Errorf("list %q: %q", prefix, got)
		}
		for _, got := range Names(t, b, prefix) {
			if !strings.HasPrefix(got, prefix) {
				t.Errorf("list %q gives %q", prefix, got)
			}
		}
	}
	for range b.List(ctx, "") { // may be left early
		break
	}
	// Removal, absence.
	if err := b.Remove(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove(ctx, name); err != nil {
		t.Errorf("remove again: %v", err)
	}
	if err := b.Remove(ctx, "blob/zz/never"); err != nil {
		t.Errorf("remove what never was: %v", err)
	}
	if _, err := b.Open(ctx, name); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("open after remove: %v", err)
	}
	if _, err := b.Stat(ctx, "blob"); !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrFormat) {
		t.Errorf("stat of a folder: %v", err)
	}
	// An ended context.
	dead, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.Replace(dead, "key/dead.age", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("replace with an ended context: %v", err)
	}
	if _, err := b.Open(dead, "key/fresh.age"); !errors.Is(err, context.Canceled) {
		t.Errorf("open with an ended context: %v", err)
	}
}

func sizes() []int {
	const chunk = 64 << 10
	return []int{
		0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, Segment - 1, Segment, Segment + 1, 2*Segment - 1, 2 * Segment, 2*Segment + 1,
		1<<20 - 1, 1 << 20, 1<<20 + 1, 1<<20 + Segment, 5<<20 + 3,
	}
}

func testSizes(t *testing.T, b vault.Backend) {
	f := NewVault(t, b)
	var pieces [][]byte
	for i, n := range sizes() {
		pieces = append(pieces, Noise(uint64(i), n))
	}
	var sealed int64
	batch := f.Vault.Begin(t.Context())
	for _, p := range pieces {
		// A source that gives what it likes: one byte, then odd pieces.
		o, err := batch.Add(t.Context(), &stutter{p: p}, vault.AddOptions{ExpectSize: int64(len(p)), Progress: func(n int64) { sealed += n }})
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != int64(len(p)) || o.SHA256 != sha256.Sum256(p) {
			t.Fatalf("%d bytes: other size or digest", len(p))
		}
		want := max(1, (len(p)+Segment-1)/Segment)
		if len(o.Segments) != want {
			t.Fatalf("%d bytes: %d segments instead of %d", len(p), len(o.Segments), want)
		}
		for i, s := range o.Segments {
			end := min((i+1)*Segment, len(p))
			if s.Index != i || s.PlainLength != int64(end-i*Segment) || s.PlainSHA256 != sha256.Sum256(p[:end]) {
				t.Fatalf("%d bytes: segment %d does not describe its part", len(p), i)
			}
		}
	}
	n, total := batch.Size()
	c, err := batch.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n != len(pieces) || total != sealed {
		t.Errorf("size %d, %d; progress %d", n, total, sealed)
	}
	// From the storage alone.
	v, err := vault.Open(t.Context(), b, vault.Passphrase([]byte(pass)))
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, v, c, pieces...)
	for i, p := range pieces {
		var n int64
		if err := v.CheckObject(t.Context(), Ref(c, i), func(k int64) { n += k }); err != nil || n != int64(len(p)) {
			t.Errorf("check object of %d bytes: %v, %d", len(p), err, n)
		}
		r, err := v.Reader(t.Context(), Ref(c, i))
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if n, err := r.WriteTo(&buf); err != nil || n != int64(len(p)) || !bytes.Equal(buf.Bytes(), p) {
			t.Errorf("write to of %d bytes: %d, %v", len(p), n, err)
		}
		r.Close()
	}
	for _, blob := range c.Blobs {
		if err := vault.CheckBlob(t.Context(), b, blob, nil); err != nil {
			t.Error(err)
		}
		if blob.Size >= 2*(Segment+8<<10) {
			t.Errorf("blob of %d bytes: a new one should have begun", blob.Size)
		}
	}
	described, err := v.DescribeCommit(t.Context(), c.Envelope)
	if err != nil || fmt.Sprint(described) != fmt.Sprint(c) {
		t.Errorf("the vault describes the commit otherwise: %v", err)
	}
	clean(t, b)
}

// stutter gives bytes in uneven pieces, and the end together with the last ones.
type stutter struct {
	p []byte
	n int
}

func (s *stutter) Read(p []byte) (int, error) {
	s.n++
	k := min(len(p), len(s.p), 1+(s.n*7919)%90_000)
	copy(p, s.p[:k])
	s.p = s.p[k:]
	if len(s.p) == 0 {
		return k, io.EOF
	}
	return k, nil
}

func testRanges(t *testing.T, b vault.Backend) {
	f := NewVault(t, b)
	const chunk = 64 << 10
	p := Noise(9, 3*Segment+chunk+77)
	c := Seal(t, f.Vault, Noise(1, 100), p)
	r, err := f.Vault.Reader(t.Context(), Ref(c, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != int64(len(p)) {
		t.Fatal(r.Size())
	}
	var edges []int
	for _, at := range []int{0, chunk, 2 * chunk, Segment, Segment + chunk, 2 * Segment, 3 * Segment, 3*Segment + chunk, len(p)} {
		for d := -1; d <= 1; d++ {
			if at+d >= 0 && at+d <= len(p) {
				edges = append(edges, at+d)
			}
		}
	}
	buf := make([]byte, len(p)+10)
	for _, from := range edges {
		for _, to := range edges {
			if to < from {
				continue
			}
			n, err := r.ReadAt(buf[:to-from], int64(from))
			if n != to-from || !bytes.Equal(buf[:n], p[from:to]) || (err != nil && from < len(p)) {
				t.Fatalf("read [%d:%d): %d, %v", from, to, n, err)
			}
		}
		n, err := r.ReadAt(buf, int64(from))
		if n != len(p)-from || !errors.Is(err, io.EOF) || !bytes.Equal(buf[:n], p[from:]) {
			t.Fatalf("read from %d over the end: %d, %v", from, n, err)
		}
	}
	if _, err := r.ReadAt(buf[:1], -1); err == nil {
		t.Error("read at -1 gave no error")
	}
	// Seek and Read, against bytes.Reader.
	plain := bytes.NewReader(p)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		if rnd.IntN(3) == 0 {
			at, whence := rnd.Int64N(int64(len(p))+10), rnd.IntN(3)
			if whence == io.SeekEnd {
				at = -at
			} else if whence == io.SeekCurrent {
				at -= int64(len(p)) / 2
			}
			x, errX := r.Seek(at, whence)
			y, errY := plain.Seek(at, whence)
			if (errX == nil) != (errY == nil) || (errX == nil && x != y) {
				t.Fatalf("seek %d,%d: %d, %v; %d, %v", at, whence, x, errX, y, errY)
			}
		}
		want := make([]byte, rnd.IntN(100_000))
		m, errM := io.ReadFull(plain, want)
		n, errN := io.ReadFull(r, buf[:len(want)])
		if n != m || !errors.Is(errN, errM) || !bytes.Equal(buf[:n], want[:m]) {
			t.Fatalf("read %d: %d, %v; %d, %v", len(want), n, errN, m, errM)
		}
	}
	// Several at once.
	done := make(chan error, 8)
	for g := range 8 {
		go func() {
			q := make([]byte, 50_000)
			for i := range 12 {
				at := (g*99_991 + i*77_777) % (len(p) - len(q))
				if _, err := r.ReadAt(q, int64(at)); err != nil || !bytes.Equal(q, p[at:at+len(q)]) {
					done <- fmt.Errorf("read at %d: %w", at, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

type brokenSource struct {
	left int
	err  error
}

func (s *brokenSource) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, s.err
	}
	n := min(len(p), s.left)
	s.left -= n
	return n, nil
}

func testBatch(t *testing.T, b vault.Backend) {
	f := NewVault(t, b)
	ctx := t.Context()
	// Nothing begun leaves nothing.
	if _, err := f.Vault.Begin(ctx).Commit(ctx); err != nil {
		t.Error(err)
	}
	// A source that fails early, in the first buffer, and late.
	reason := errors.New("/home/somebody/name of a person.mp4: input/output error")
	batch := f.Vault.Begin(ctx)
	good := Noise(5, 3<<20)
	if _, err := batch.Add(ctx, bytes.NewReader(good), vault.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 10, 1 << 20, 4 << 20} {
		_, err := batch.Add(ctx, &brokenSource{n, reason}, vault.AddOptions{})
		if !errors.Is(err, vault.ErrSource) || !errors.Is(err, reason) {
			t.Fatalf("source broken after %d bytes: %v", n, err)
		}
		if strings.Contains(err.Error(), "person") {
			t.Fatalf("the error carries a path: %v", err)
		}
	}
	dropped, err := batch.Add(ctx, bytes.NewReader(Noise(6, 4<<20)), vault.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	batch.Drop(dropped.ID)
	small := Noise(7, 99)
	if _, err := batch.Add(ctx, bytes.NewReader(small), vault.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := batch.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Objects) != 2 {
		t.Fatalf("%d objects committed", len(c.Objects))
	}
	mustRead(t, f.Vault, c, good, small)
	if _, err := f.Vault.Reader(ctx, vault.Ref{Object: dropped.ID, Envelope: c.Envelope}); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a dropped object opens: %v", err)
	}
	clean(t, b)
	if n := len(Names(t, b, "blob/")); n != len(c.Blobs) {
		t.Errorf("%d blobs stored, %d in the commit: what was dropped should be gone", n, len(c.Blobs))
	}
	// An ended batch.
	if _, err := batch.Add(ctx, bytes.NewReader(small), vault.AddOptions{}); !errors.Is(err, vault.ErrClosed) {
		t.Errorf("add after commit: %v", err)
	}
	if err := batch.Abort(ctx); err != nil {
		t.Error(err)
	}
	mustRead(t, f.Vault, c, good, small)
	// Abort.
	before := len(Names(t, b, ""))
	batch = f.Vault.Begin(ctx)
	if _, err := batch.Add(ctx, bytes.NewReader(good), vault.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := batch.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	if after := len(Names(t, b, "")); after != before {
		t.Errorf("%d files before, %d after an aborted batch", before, after)
	}
	// A context that ends while sealing.
	short, cancel := context.WithCancel(ctx)
	batch = f.Vault.Begin(ctx)
	_, err = batch.Add(short, io.MultiReader(bytes.NewReader(good), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}), &brokenSource{1 << 40, nil}), vault.AddOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("add with an ended context: %v", err)
	}
	if err := batch.Abort(ctx); err != nil {
		t.Error(err)
	}
	clean(t, b)
	// Several batches at once.
	done := make(chan error)
	for g := range 4 {
		go func() {
			batch := f.Vault.Begin(ctx)
			p := Noise(uint64(g), 700_000)
			_, err := batch.Add(ctx, bytes.NewReader(p), vault.AddOptions{})
			if err == nil {
				var c vault.Commit
				c, err = batch.Commit(ctx)
				if err == nil {
					var got []byte
					got, err = ReadAll(ctx, f.Vault, Ref(c, 0))
					if err == nil && !bytes.Equal(got, p) {
						err = errors.New("other bytes")
					}
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	clean(t, b)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testOpen(t *testing.T, b, other vault.Backend) {
	ctx := t.Context()
	if _, err := vault.Open(ctx, b, vault.Passphrase([]byte(pass))); !errors.Is(err, vault.ErrNotVault) {
		t.Errorf("open an empty place: %v", err)
	}
	if len(Names(t, b, "")) > 0 {
		t.Error("open made something")
	}
	f := NewVault(t, b)
	g := NewVault(t, other)
	if _, err := vault.Create(ctx, b, vault.CreateOptions{Passphrase: []byte("x"), WorkFactor: 2}); !errors.Is(err, vault.ErrExists) {
		t.Errorf("create over a vault: %v", err)
	}
	for _, c := range []struct {
		name string
		u    vault.Unlock
		want error
	}{
		{"passphrase", vault.Passphrase([]byte(pass)), nil},
		{"key file", vault.KeyFile([]byte("# comment\n" + f.KeyFile.String() + "\n")), nil},
		{"wrong passphrase", vault.Passphrase([]byte("wrong")), vault.ErrCannotOpen},
		{"empty passphrase", vault.Passphrase(nil), vault.ErrCannotOpen},
		{"unknown key file", vault.KeyFile([]byte(g.KeyFile.String())), vault.ErrCannotOpen},
		{"no key file", vault.KeyFile([]byte("hello")), vault.ErrCannotOpen},
	} {
		v, err := vault.Open(ctx, b, c.u)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && (v.ID() != f.Vault.ID() || v.Recipient() != f.Vault.Recipient()) {
			t.Errorf("%s: another vault", c.name)
		}
	}
	h, err := vault.Inspect(ctx, b)
	if err != nil || h.Vault != f.Vault.ID() || h.SegmentSize != Segment {
		t.Errorf("inspect: %+v, %v", h, err)
	}
	open := func() error {
		_, err := vault.Open(ctx, b, vault.Passphrase([]byte(pass)))
		return err
	}
	foreign := contents(t, other, "vault.json")
	for _, c := range []struct {
		name, file string
		f          func([]byte) []byte
		want       error
	}{
		{"header of another vault", "vault.json", func([]byte) []byte { return foreign }, vault.ErrForeign},
		{"recipient of another vault", "vault.json", func(p []byte) []byte {
			return bytes.Replace(p, []byte(f.Vault.Recipient()), []byte(g.Vault.Recipient()), 1)
		}, vault.ErrForeign},
		{"key of another vault", "key/passphrase.age", func([]byte) []byte { return contents(t, other, "key/passphrase.age") }, vault.ErrForeign},
		{"other segment size", "vault.json", func(p []byte) []byte { return bytes.Replace(p, []byte("262144"), []byte("131072"), 1) }, vault.ErrForeign},
		{"unknown format", "vault.json", func(p []byte) []byte { return bytes.Replace(p, []byte(`"format":1`), []byte(`"format":2`), 1) }, vault.ErrFormat},
		{"unknown field", "vault.json", func(p []byte) []byte { return bytes.Replace(p, []byte("{"), []byte(`{"x":1,`), 1) }, vault.ErrFormat},
		{"field twice", "vault.json", func(p []byte) []byte { return bytes.Replace(p, []byte("{"), []byte(`{"format":1,`), 1) }, vault.ErrFormat},
		{"empty header", "vault.json", func([]byte) []byte { return nil }, vault.ErrFormat},
		{"cut key", "key/passphrase.age", func(p []byte) []byte { return p[:len(p)-1] }, vault.ErrCorrupt},
	} {
		restore := change(t, b, c.file, c.f)
		if err := open(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		restore()
	}
	if err := open(); err != nil {
		t.Error(err)
	}
}

func testSecrets(t *testing.T, b vault.Backend) {
	f := NewVault(t, b)
	ctx := t.Context()
	if _, err := f.Vault.Secret(ctx, "database"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a secret that is not there: %v", err)
	}
	if err := f.Vault.PutSecret(ctx, "database", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	if err := f.Vault.PutSecret(ctx, "database", []byte("other")); !errors.Is(err, vault.ErrExists) {
		t.Errorf("put again: %v", err)
	}
	v, err := vault.Open(ctx, b, vault.KeyFile([]byte(f.KeyFile.String())))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Secret(ctx, "database"); err != nil || string(got) != "0123456789" {
		t.Errorf("secret: %q, %v", got, err)
	}
	for _, bad := range []string{"", "../x", "A", "a/b", strings.Repeat("a", 65)} {
		if err := v.PutSecret(ctx, bad, nil); err == nil {
			t.Errorf("secret with the name %q was accepted", bad)
		}
	}
	clean(t, b)
	restore := change(t, b, "secret/database.age", func(p []byte) []byte { p[len(p)-1] ^= 1; return p })
	if _, err := v.Secret(ctx, "database"); !errors.Is(err, vault.ErrCorrupt) {
		t.Errorf("damaged secret: %v", err)
	}
	if found := Damages(t, b); found["secret/database.age"] == nil {
		t.Errorf("damaged secret is not named: %v", found)
	}
	restore()
	clean(t, b)
}

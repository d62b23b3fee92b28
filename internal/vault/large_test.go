package vault_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/vaulttest"
)

// TestRealSegmentSize seals around the boundary of the product's own segment size and reads across it.
func TestRealSegmentSize(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("130 MB")
	}
	d, err := localdisk.Create(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(t.Context(), d, vault.CreateOptions{Passphrase: []byte("p"), WorkFactor: 2})
	if err != nil {
		t.Fatal(err)
	}
	const seg = vault.DefaultSegmentSize
	b := v.Begin(t.Context())
	for _, n := range []int64{seg, seg + 1} {
		o, err := b.Add(t.Context(), newRepeating(n), vault.AddOptions{ExpectSize: n})
		if err != nil {
			t.Fatal(err)
		}
		if want := int((n + seg - 1) / seg); len(o.Segments) != want {
			t.Errorf("%d bytes in %d segments", n, len(o.Segments))
		}
	}
	c, err := b.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Objects {
		if err := v.CheckObject(t.Context(), vaulttest.Ref(c, i), nil); err != nil {
			t.Error(err)
		}
	}
	r, err := v.Reader(t.Context(), vaulttest.Ref(c, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tail := make([]byte, 101)
	if _, err := r.ReadAt(tail, seg-100); err != nil {
		t.Fatal(err)
	}
	source := newRepeating(seg + 1)
	if _, err := io.CopyN(io.Discard, source, seg-100); err != nil {
		t.Fatal(err)
	}
	if want, _ := io.ReadAll(source); !bytes.Equal(tail, want) {
		t.Error("other bytes across the boundary")
	}
}

// TestNoGoroutineStays: committed, aborted, failed and cancelled batches leave nothing running.
func TestNoGoroutineStays(t *testing.T) {
	b := vaulttest.NewMemory()
	f := vaulttest.NewVault(t, b)
	before := runtime.NumGoroutine()
	faulty := &vaulttest.Faulty{Backend: b}
	v, err := vault.Open(t.Context(), faulty, vault.Passphrase([]byte("correct horse")))
	if err != nil {
		t.Fatal(err)
	}
	for k := range 30 {
		faulty.FailCall(k, vaulttest.Lost, k%2 == 0)
		batch := v.Begin(t.Context())
		_, err := batch.Add(t.Context(), bytes.NewReader(vaulttest.Noise(1, 3<<20)), vault.AddOptions{})
		if err == nil {
			_, err = batch.Commit(t.Context())
		}
		_ = batch.Abort(t.Context())
	}
	_ = vaulttest.Seal(t, f.Vault, vaulttest.Noise(1, 3<<20))
	// What was told to end needs its turn of the processor, which a busy machine gives late.
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
}

// TestModes: nothing in a vault is readable or writable by anybody else.
func TestModes(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "vault")
	d, err := localdisk.Create(root)
	if err != nil {
		t.Fatal(err)
	}
	f := vaulttest.NewVault(t, d)
	vaulttest.Seal(t, f.Vault, []byte("x"))
	err = filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if want := os.FileMode(0o600); info.Mode().IsRegular() && info.Mode() != want {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		if info.IsDir() && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

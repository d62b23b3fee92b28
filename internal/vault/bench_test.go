package vault_test

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

// Set the temporary folder (TMPDIR) to the file system that is to be measured.

func benchVault(b *testing.B) *vault.Vault {
	b.Helper()
	d, err := localdisk.Create(b.TempDir() + "/v")
	if err != nil {
		b.Fatal(err)
	}
	v, err := vault.Create(context.Background(), d, vault.CreateOptions{Passphrase: []byte("bench"), WorkFactor: 4})
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

// repeating gives n bytes without spending the processor on making them.
type repeating struct {
	block []byte
	at    int
	left  int64
}

var repeatingBlock = sync.OnceValue(func() []byte {
	block := make([]byte, 1<<20+13)
	_, _ = io.ReadFull(noise(int64(len(block))), block)
	return block
})

func newRepeating(n int64) *repeating { return &repeating{block: repeatingBlock(), left: n} }

func (r *repeating) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	r.left -= int64(n)
	return n, nil
}

func seal(b *testing.B, v *vault.Vault, sizes ...int64) []vault.Object {
	b.Helper()
	batch := v.Begin(context.Background())
	for _, n := range sizes {
		if _, err := batch.Add(context.Background(), newRepeating(n), vault.AddOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	c, err := batch.Commit(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return c.Objects
}

// BenchmarkSealLarge: one object of 400 MB, sealed, synced and read back.
func BenchmarkSealLarge(b *testing.B) {
	v := benchVault(b)
	const size = 400_000_000
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		seal(b, v, size)
	}
}

// BenchmarkSealSmall: 500 objects of 20 KB in one commit.
func BenchmarkSealSmall(b *testing.B) {
	v := benchVault(b)
	sizes := make([]int64, 500)
	for i := range sizes {
		sizes[i] = 20_000
	}
	b.SetBytes(500 * 20_000)
	b.ReportAllocs()
	for b.Loop() {
		seal(b, v, sizes...)
	}
}

// BenchmarkRead: sequential, whole object.
func BenchmarkRead(b *testing.B) {
	v := benchVault(b)
	const size = 200_000_000
	o := seal(b, v, size)[0]
	b.SetBytes(size)
	for b.Loop() {
		r, err := v.Reader(context.Background(), vault.Ref{Object: o.ID, Envelope: o.Envelope})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{r}); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkWriteTo: the same through WriterTo, which opens ahead.
func BenchmarkWriteTo(b *testing.B) {
	v := benchVault(b)
	const size = 200_000_000
	o := seal(b, v, size)[0]
	b.SetBytes(size)
	for b.Loop() {
		r, err := v.Reader(context.Background(), vault.Ref{Object: o.ID, Envelope: o.Envelope})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.WriteTo(struct{ io.Writer }{io.Discard}); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkRange: 64 KiB at places all over an object, by one Reader.
func BenchmarkRange(b *testing.B) {
	v := benchVault(b)
	const size = 200_000_000
	o := seal(b, v, size)[0]
	r, err := v.Reader(context.Background(), vault.Ref{Object: o.ID, Envelope: o.Envelope})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	at := int64(0)
	for b.Loop() {
		at = (at + 77_777_777) % (size - int64(len(p)))
		if _, err := r.ReadAt(p, at); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckBlob: without keys.
func BenchmarkCheckBlob(b *testing.B) {
	v := benchVault(b)
	const size = 200_000_000
	o := seal(b, v, size)[0]
	c, err := v.DescribeCommit(context.Background(), o.Envelope)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		for _, blob := range c.Blobs {
			if err := vault.CheckBlob(context.Background(), v.Backend(), blob, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkCheckObject: with keys.
func BenchmarkCheckObject(b *testing.B) {
	v := benchVault(b)
	const size = 200_000_000
	o := seal(b, v, size)[0]
	b.SetBytes(size)
	for b.Loop() {
		if err := v.CheckObject(context.Background(), vault.Ref{Object: o.ID, Envelope: o.Envelope}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

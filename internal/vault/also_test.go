package vault_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"zapis/internal/vault"
	"zapis/internal/vault/vaulttest"
)

// tap keeps what it is given and fails at a byte, if told to.
type tap struct {
	got    bytes.Buffer
	failAt int
}

var errTap = errors.New("tap fails")

func (t *tap) Write(p []byte) (int, error) {
	if len(p) > 64<<10 {
		return 0, errors.New("a piece is too large")
	}
	if t.failAt > 0 && t.got.Len()+len(p) > t.failAt {
		return 0, errTap
	}
	return t.got.Write(p)
}

func newVault(t *testing.T) *vault.Vault {
	t.Helper()
	v, err := vault.Create(t.Context(), vaulttest.NewMemory(), vault.CreateOptions{Passphrase: []byte("p"), WorkFactor: 2, SegmentSize: 3 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAlsoIsGivenThePlaintext(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	for _, size := range []int{0, 1, 64 << 10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 9<<20 + 17} {
		raw := vaulttest.Noise(uint64(size), size)
		b := v.Begin(t.Context())
		var also tap
		o, err := b.Add(t.Context(), bytes.NewReader(raw), vault.AddOptions{Also: &also})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(also.got.Bytes(), raw) || o.SHA256 != sha256.Sum256(raw) || o.Size != int64(size) {
			t.Errorf("%d bytes: the writer beside the vault got %d, or others", size, also.got.Len())
		}
		if _, err := b.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A writer that fails costs its object and nothing else.
func TestAlsoThatFails(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	b := v.Begin(t.Context())
	for _, size := range []int{100, 9 << 20} {
		raw := vaulttest.Noise(uint64(size), size)
		if _, err := b.Add(t.Context(), bytes.NewReader(raw), vault.AddOptions{Also: &tap{failAt: size / 2}}); !errors.Is(err, vault.ErrSource) || !errors.Is(err, errTap) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	o, err := b.Add(t.Context(), bytes.NewReader([]byte("whole")), vault.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Commit(t.Context())
	if err != nil || len(c.Objects) != 1 || c.Objects[0].ID != o.ID {
		t.Errorf("%+v, %v", c, err)
	}
}

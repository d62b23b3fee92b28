package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/timestamp"
)

// A file of block headers that is absent or not the chain is an error at the moment it is needed, which names no path and confirms nothing.
func TestBlockHeadersAreCheckedWhenNeeded(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "somebody")
	b := &blockHeaders{name: name}
	if _, _, err := b.MerkleRoot(t.Context(), 0); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "somebody") {
		t.Errorf("absent: %v", err)
	}
	if err := os.WriteFile(name, make([]byte, 160), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.MerkleRoot(t.Context(), 0); !errors.Is(err, timestamp.ErrNotVerified) {
		t.Errorf("not the chain: %v", err)
	}
}

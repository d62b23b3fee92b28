package record

import (
	"bytes"
	"errors"
	"testing"

	"zapis/internal/archive"
)

func sealer(t *testing.T, b byte) *Sealer {
	t.Helper()
	s, err := New(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpensOnlyForItsRowAndKey(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	for _, text := range [][]byte{nil, []byte("/media/ivan/disk"), bytes.Repeat([]byte{7}, 1000)} {
		sealed := s.Seal("pr_1", text)
		got, err := s.Open("pr_1", sealed)
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("Open = %q, %v", got, err)
		}
		if _, err := s.Open("pr_2", sealed); !errors.Is(err, archive.ErrIntegrity) {
			t.Errorf("opened for another row: %v", err)
		}
		if _, err := sealer(t, 2).Open("pr_1", sealed); !errors.Is(err, archive.ErrIntegrity) {
			t.Errorf("opened under another key: %v", err)
		}
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := s.Open("pr_1", bad); !errors.Is(err, archive.ErrIntegrity) {
				t.Fatalf("flip at %d not found: %v", i, err)
			}
		}
	}
}

func TestSealingHidesTextAndExactLength(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	a, b := s.Seal("x", []byte("short")), s.Seal("x", []byte("a little longer"))
	if len(a) != len(b) {
		t.Errorf("lengths differ: %d and %d", len(a), len(b))
	}
	if bytes.Equal(s.Seal("x", []byte("same")), s.Seal("x", []byte("same"))) {
		t.Error("two sealings of one text are equal")
	}
}

func TestFingerprintPartsDoNotRunTogether(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	if bytes.Equal(s.Fingerprint([]byte("ab"), []byte("c")), s.Fingerprint([]byte("a"), []byte("bc"))) {
		t.Error("parts run together")
	}
	if bytes.Equal(s.Fingerprint([]byte("a")), sealer(t, 2).Fingerprint([]byte("a"))) {
		t.Error("the key plays no part")
	}
}

func TestNewRefusesShortKey(t *testing.T) {
	t.Parallel()
	if _, err := New(make([]byte, 16)); !errors.Is(err, archive.ErrInvalid) {
		t.Error(err)
	}
}

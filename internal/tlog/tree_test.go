package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// The functions naive… follow RFC 6962 section 2.1 word for word, over the list of all leaves.

func naiveRoot(d [][]byte) Hash {
	switch n := len(d); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, d[0]...))
	default:
		k := naiveSplit(n)
		left, right := naiveRoot(d[:k]), naiveRoot(d[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

// naiveSplit is the largest power of two smaller than n.
func naiveSplit(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

func naivePath(m int, d [][]byte) []Hash {
	if len(d) == 1 {
		return nil
	}
	if k := naiveSplit(len(d)); m < k {
		return append(naivePath(m, d[:k]), naiveRoot(d[k:]))
	} else {
		return append(naivePath(m-k, d[k:]), naiveRoot(d[:k]))
	}
}

func naiveProof(m int, d [][]byte) []Hash { return naiveSubproof(m, d, true) }

func naiveSubproof(m int, d [][]byte, whole bool) []Hash {
	if m == len(d) {
		if whole {
			return nil
		}
		return []Hash{naiveRoot(d)}
	}
	if k := naiveSplit(len(d)); m <= k {
		return append(naiveSubproof(m, d[:k], whole), naiveRoot(d[k:]))
	} else {
		return append(naiveSubproof(m-k, d[k:], false), naiveRoot(d[:k]))
	}
}

// table is a stored-hash table in memory.
type table struct {
	hashes []Hash
	reads  int
}

func (t *table) ReadHashes(at []int64) ([]Hash, error) {
	t.reads++
	out := make([]Hash, len(at))
	for i, n := range at {
		if n < 0 || n >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("no hash %d", n)
		}
		out[i] = t.hashes[n]
	}
	return out, nil
}

// grow appends leaves in batches of the given sizes.
func (t *table) grow(tb interface{ Fatalf(string, ...any) }, leaves [][]byte, batches ...int) {
	var size int64
	for _, n := range batches {
		n = min(n, len(leaves))
		hashes := make([]Hash, n)
		for i, l := range leaves[:n] {
			hashes[i] = LeafHash(l)
		}
		leaves = leaves[n:]
		t.reads = 0
		first, add, err := Append(size, hashes, t)
		if err != nil {
			tb.Fatalf("append %d leaves at %d: %v", n, size, err)
		}
		if t.reads > 1 {
			tb.Fatalf("append %d leaves at %d read %d times, once is allowed", n, size, t.reads)
		}
		if first != int64(len(t.hashes)) {
			tb.Fatalf("append at %d: first hash is %d, the table has %d", size, first, len(t.hashes))
		}
		t.hashes = append(t.hashes, add...)
		size += int64(n)
		if want := StoredCount(size); want != int64(len(t.hashes)) {
			tb.Fatalf("tree of %d stores %d hashes, %d were expected", size, len(t.hashes), want)
		}
	}
}

func leavesOf(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, "leaf %d", i)
	}
	return out
}

// The vectors of the reference implementation of RFC 6962.
func TestKnownRoots(t *testing.T) {
	t.Parallel()
	var leaves [][]byte
	for _, h := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		raw, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, raw)
	}
	var tab table
	tab.grow(t, leaves, 8)
	for size, want := range []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	} {
		root, err := Root(int64(size), &tab)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(root[:]); got != want {
			t.Errorf("root at %d is %s, want %s", size, got, want)
		}
	}
}

func TestAgreesWithRFC6962(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		leaves := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 1, 80).Draw(t, "leaves")
		batches := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 10).Draw(t, "batches")
		var tab table
		tab.grow(t, leaves, append(batches, len(leaves))...)

		n := len(leaves)
		root, err := Root(int64(n), &tab)
		if err != nil || root != naiveRoot(leaves) {
			t.Fatalf("root at %d differs: %v", n, err)
		}
		at := rapid.IntRange(0, n-1).Draw(t, "leaf")
		path, err := Inclusion(int64(n), int64(at), &tab)
		if err != nil || !equal(path, naivePath(at, leaves)) {
			t.Fatalf("inclusion proof of %d in %d differs: %v", at, n, err)
		}
		if err := CheckInclusion(path, int64(n), root, int64(at), LeafHash(leaves[at])); err != nil {
			t.Fatal(err)
		}
		if err := CheckInclusion(path, int64(n), root, int64(at), LeafHash(append([]byte{0}, leaves[at]...))); !errors.Is(err, ErrProof) {
			t.Fatalf("another leaf passes: %v", err)
		}
		from := rapid.IntRange(1, n).Draw(t, "from")
		old, err := Root(int64(from), &tab)
		if err != nil || old != naiveRoot(leaves[:from]) {
			t.Fatalf("root at %d differs: %v", from, err)
		}
		proof, err := Consistency(int64(from), int64(n), &tab)
		if err != nil || !equal(proof, naiveProof(from, leaves)) {
			t.Fatalf("consistency proof of %d in %d differs: %v", from, n, err)
		}
		if err := CheckConsistency(proof, int64(from), old, int64(n), root); err != nil {
			t.Fatal(err)
		}
		old[0] ^= 1
		if err := CheckConsistency(proof, int64(from), old, int64(n), root); !errors.Is(err, ErrProof) {
			t.Fatalf("another tree passes as part: %v", err)
		}
	})
}

func equal(a, b []Hash) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// A stored hash that was altered must change the root or a proof that uses it.
func TestAlteredHashesAreNoticed(t *testing.T) {
	t.Parallel()
	leaves := leavesOf(21)
	for i := range StoredCount(21) {
		var tab table
		tab.grow(t, leaves, 21)
		tab.hashes[i][31] ^= 0x80
		seen := false
		for size := int64(1); size <= 21; size++ {
			root, err := Root(size, &tab)
			if err != nil {
				t.Fatal(err)
			}
			good := naiveRoot(leaves[:size])
			seen = seen || root != good
			for at := range size {
				path, err := Inclusion(size, at, &tab)
				if err != nil {
					t.Fatal(err)
				}
				seen = seen || CheckInclusion(path, size, good, at, LeafHash(leaves[at])) != nil
			}
		}
		if !seen {
			t.Errorf("hash %d can be altered without changing a root or breaking a proof", i)
		}
	}
}

func TestOutsideTheTree(t *testing.T) {
	t.Parallel()
	var tab table
	tab.grow(t, leavesOf(5), 5)
	for name, err := range map[string]error{
		"negative size":      second(Root(-1, &tab)),
		"leaf beyond":        second(Inclusion(5, 5, &tab)),
		"negative leaf":      second(Inclusion(5, -1, &tab)),
		"empty within":       second(Consistency(0, 5, &tab)),
		"larger within":      second(Consistency(6, 5, &tab)),
		"check leaf beyond":  CheckInclusion(nil, 5, Hash{}, 5, Hash{}),
		"check empty within": CheckConsistency(nil, 0, Hash{}, 5, Hash{}),
	} {
		if !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v, want ErrRange", name, err)
		}
	}
	if _, _, err := Append(-1, nil, &tab); !errors.Is(err, ErrRange) {
		t.Errorf("append at -1: %v", err)
	}
	short := HashReaderFunc(func([]int64) ([]Hash, error) { return nil, nil })
	if _, err := Root(5, short); !errors.Is(err, ErrRange) {
		t.Errorf("root over missing hashes: %v", err)
	}
	if _, _, err := Append(5, make([]Hash, 1), short); !errors.Is(err, ErrRange) {
		t.Errorf("append over missing hashes: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestLeafIsNotANode(t *testing.T) {
	t.Parallel()
	a, b := LeafHash([]byte("a")), LeafHash([]byte("b"))
	if LeafHash(append(bytes.Clone(a[:]), b[:]...)) == NodeHash(a, b) {
		t.Error("a leaf can pass for a node")
	}
}

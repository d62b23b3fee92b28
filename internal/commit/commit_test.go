package commit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"zapis/internal/tlog"
)

// The page once more, as plainly as it is written there.

func u64(n int64) []byte  { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
func tag(s string) []byte { return append([]byte(s), 0) }
func join(parts ...[]byte) []byte {
	return bytes.Join(parts, nil)
}
func h(parts ...[]byte) Hash { return sha256.Sum256(join(parts...)) }
func mac(key []byte, parts ...[]byte) Hash {
	m := hmac.New(sha256.New, key)
	m.Write(join(parts...))
	return Hash(m.Sum(nil))
}

func plainHash(l int, s int64, veil [32]byte, data []Hash) Hash {
	if s >= int64(len(data)) {
		return mac(veil[:], tag("zapis.veil.v1"), u64(int64(l)))
	}
	if l == 0 {
		return h([]byte{0}, data[s][:])
	}
	left, right := plainHash(l-1, s, veil, data), plainHash(l-1, s+1<<(l-1), veil, data)
	return h([]byte{1}, left[:], right[:])
}

type folder struct {
	list   []Hash
	places []int64
	data   []Hash
	short  bool
}

func (f *folder) fold(l int, s int64) Hash {
	if !slices.ContainsFunc(f.places, func(p int64) bool { return p >= s && p < s+1<<l }) {
		if len(f.list) == 0 {
			f.short = true
			return Hash{}
		}
		next := f.list[0]
		f.list = f.list[1:]
		return next
	}
	if l == 0 {
		return h([]byte{0}, f.data[s][:])
	}
	left := f.fold(l-1, s)
	right := f.fold(l-1, s+1<<(l-1))
	return h([]byte{1}, left[:], right[:])
}

func TestFormulas(t *testing.T) {
	t.Parallel()
	salt, sha, a, b := h([]byte("salt")), h([]byte("sha")), h([]byte("a")), h([]byte("b"))
	derive := func(label string, n int64) []byte { d := mac(salt[:], tag(label), u64(n)); return d[:] }
	for name, c := range map[string]struct{ have, want Hash }{
		"derive":    {Derive(salt, "x", 7), mac(salt[:], []byte("x\x00"), u64(7))},
		"segment":   {Segment(salt, 3, 17, sha), h(tag("zapis.segment.v1"), derive("segment", 3), u64(17), sha[:])},
		"whole":     {Whole(salt, 99, sha), h(tag("zapis.whole.v1"), derive("whole", 0), u64(99), sha[:])},
		"measure":   {Measure(salt, Measured{1, 2, 3, 4, 5}), h(tag("zapis.measure.v1"), derive("measure", 0), u64(1), u64(2), u64(3), u64(4), u64(5))},
		"item":      {ItemLeaf(salt, a, b), h(tag("zapis.item.v1"), salt[:], a[:], b[:])},
		"total":     {Total(7, 8, 9), h(tag("zapis.total.v1"), u64(7), u64(8), u64(9))},
		"statement": {Statement(salt, []byte(`{"x":"y"}`)), h(tag("zapis.statement.v1"), salt[:], []byte(`{"x":"y"}`))},
		"tick":      {Tick(salt, a, b), h(tag("zapis.tick.v1"), salt[:], a[:], b[:])},
	} {
		if c.have != c.want {
			t.Errorf("%s is not what the page says", name)
		}
	}
}

// Fixed values, so that a slip made in both spellings above is seen too. Computed with Python's hashlib and hmac.
func TestFormulasHoldTheirValues(t *testing.T) {
	t.Parallel()
	var salt [32]byte
	for i := range salt {
		salt[i] = byte(i)
	}
	sha := sha256.Sum256([]byte("abc"))
	root, err := SegmentRoot(salt, 3, sha[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		have Hash
		want string
	}{
		"whole":        {Whole(salt, 3, sha), wantWhole},
		"segment":      {Segment(salt, 0, 3, sha), wantSegment},
		"segment root": {root, wantSegmentRoot},
	} {
		if got := hex.EncodeToString(c.have[:]); got != c.want {
			t.Errorf("%s is %s, want %s", name, got, c.want)
		}
	}
}

func leafData(n int) []Hash {
	out := make([]Hash, n)
	for i := range out {
		out[i] = h([]byte("leaf"), u64(int64(i)))
	}
	return out
}

// counted counts how often hashes are read.
type counted struct {
	tlog.HashReader
	calls int
}

func (c *counted) ReadHashes(at []int64) ([]tlog.Hash, error) {
	c.calls++
	return c.HashReader.ReadHashes(at)
}

func TestVeiledTreeIsThePage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(0, 8).Draw(t, "depth")
		data := leafData(rapid.IntRange(0, 1<<depth).Draw(t, "n"))
		veil := h([]byte{rapid.Byte().Draw(t, "veil")})
		n := int64(len(data))
		tree, err := MemoryTree(data)
		if err != nil {
			t.Fatal(err)
		}
		reader := &counted{HashReader: tree}
		root, err := VeiledRoot(depth, n, veil, reader)
		if err != nil {
			t.Fatal(err)
		}
		if want := plainHash(depth, 0, veil, data); root != want {
			t.Fatalf("root over %d at depth %d differs from the page", n, depth)
		}
		if reader.calls > 1 {
			t.Errorf("root read hashes %d times", reader.calls)
		}
		if n == 0 {
			return
		}
		var places []int64
		for i := range n {
			if rapid.IntRange(0, 3).Draw(t, "in") == 0 {
				places = append(places, i)
			}
		}
		reader.calls = 0
		proof, err := VeiledProof(depth, n, veil, places, reader)
		if err != nil {
			t.Fatal(err)
		}
		if reader.calls > 1 {
			t.Errorf("proof read hashes %d times", reader.calls)
		}
		f := &folder{list: proof, places: places, data: data}
		if f.fold(depth, 0) != root || f.short || len(f.list) != 0 {
			t.Fatalf("proof for %v of %d at depth %d does not hold", places, n, depth)
		}
	})
}

// Where all places are filled the tree is that of RFC 6962.
func TestFullVeiledTreeIsPlain(t *testing.T) {
	t.Parallel()
	data := leafData(64)
	tree, err := MemoryTree(data)
	if err != nil {
		t.Fatal(err)
	}
	veiled, err := VeiledRoot(6, 64, Hash{1}, tree)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := tlog.Root(64, tree)
	if err != nil || Hash(plain) != veiled {
		t.Errorf("%x and %x: %v", plain, veiled, err)
	}
}

// The real depth: far beyond what a plain walk could do.
func TestDeepTree(t *testing.T) {
	t.Parallel()
	data := leafData(1000)
	tree, err := MemoryTree(data)
	if err != nil {
		t.Fatal(err)
	}
	root, err := VeiledRoot(CustodyDepth, 1000, Hash{1}, tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []int64{0, 511, 512, 999} {
		proof, err := VeiledProof(CustodyDepth, 1000, Hash{1}, []int64{p}, tree)
		if err != nil {
			t.Fatal(err)
		}
		f := &folder{list: proof, places: []int64{p}, data: data}
		if len(proof) != CustodyDepth || f.fold(CustodyDepth, 0) != root {
			t.Errorf("place %d: %d hashes, or another root", p, len(proof))
		}
	}
}

func TestVeiledRefuses(t *testing.T) {
	t.Parallel()
	tree, err := MemoryTree(leafData(5))
	if err != nil {
		t.Fatal(err)
	}
	is := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = VeiledRoot(2, 5, Hash{}, tree)
	is("more than it holds", err)
	_, err = VeiledRoot(3, -1, Hash{}, tree)
	is("negative", err)
	_, err = VeiledRoot(49, 1, Hash{}, tree)
	is("too deep", err)
	_, err = VeiledRoot(3, 6, Hash{}, tree)
	is("more than is stored", err)
	for _, places := range [][]int64{{5}, {-1}, {1, 1}, {2, 1}} {
		_, err = VeiledProof(3, 5, Hash{}, places, tree)
		is("places", err)
	}
	_, err = SegmentRoot(Hash{}, SegmentSize+1, make([]byte, 32))
	is("too few digests", err)
	_, err = SegmentRoot(Hash{}, 1<<45, nil)
	is("too large an item", err)
	_, err = SegmentRoot(Hash{}, -1, make([]byte, 32))
	is("negative size", err)
}

func TestSegmentsDoNotDependOnTheWrites(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte("0123456789abcdef"), 3*SegmentSize/16+5)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{0, 1, SegmentSize - 1, SegmentSize, SegmentSize + 1, 2 * SegmentSize, len(raw)}).Draw(t, "size")
		var s Segments
		for rest := raw[:size]; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 1<<21).Draw(t, "piece"))
			if m, err := s.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		var want []byte
		for i := int64(0); i < SegmentCount(int64(size)); i++ {
			sum := sha256.Sum256(raw[i*SegmentSize : i*SegmentSize+SegmentLength(int64(size), i)])
			want = append(want, sum[:]...)
		}
		if got := s.Digests(); !bytes.Equal(got, want) || !bytes.Equal(s.Digests(), want) || s.Size() != int64(size) {
			t.Fatalf("%d bytes give %d digests, want %d, or others", size, len(got)/32, len(want)/32)
		}
	})
}

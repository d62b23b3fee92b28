package timestamp

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// easy is a target that every second hash meets.
const easy = 0x207fffff

// chain makes n headers of little work. root gives the Merkle root of a height; spacing is in seconds.
func chain(t testing.TB, n int, spacing uint32, root func(int) [32]byte) ([]byte, Trust) {
	t.Helper()
	var out []byte
	var before [32]byte
	bits, first, last := uint32(easy), uint32(0), uint32(0)
	for i := range n {
		var h [headerSize]byte
		binary.LittleEndian.PutUint32(h[:], 4)
		copy(h[4:], before[:])
		if root != nil {
			r := root(i)
			copy(h[36:], r[:])
		}
		at := 1_700_000_000 + uint32(i)*spacing
		if i > 0 && i%period == 0 {
			bits = retarget(bits, int64(last)-int64(first), easy)
		}
		if i%period == 0 {
			first = at
		}
		last = at
		binary.LittleEndian.PutUint32(h[68:], at)
		binary.LittleEndian.PutUint32(h[72:], bits)
		before = work(&h, bits, true)
		out = append(out, h[:]...)
	}
	return out, Trust{Height: 4032, Hash: double(out[:headerSize]), Limit: easy}
}

// work tries nonces until the work is done, or, with done false, until it is not.
func work(h *[headerSize]byte, bits uint32, done bool) [32]byte {
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if hash := double(h[:]); worked(hash, bits) == done {
			return hash
		}
	}
}

func openBytes(file []byte, trust Trust) (*HeaderFile, error) {
	return OpenHeaders(context.Background(), bytes.NewReader(file), int64(len(file)), trust)
}

func TestHeaderFile(t *testing.T) {
	t.Parallel()
	root := func(i int) [32]byte { return [32]byte{byte(i), byte(i >> 8), 7} }
	file, trust := chain(t, 2*period+100, 500, root) // a little fast: the difficulty must rise
	if bits := binary.LittleEndian.Uint32(file[2*period*headerSize+72:]); bits >= easy {
		t.Fatalf("the difficulty did not change: %08x", bits)
	}
	f, err := openBytes(file, trust)
	if err != nil {
		t.Fatal(err)
	}
	if f.Last() != trust.Height+2*period+100-6 {
		t.Errorf("last %d", f.Last())
	}
	for _, i := range []int{0, 1, period - 1, period, period + 1, 2*period - 1, 2 * period, 2*period + 94} {
		got, at, err := f.MerkleRoot(t.Context(), trust.Height+int64(i))
		if err != nil || got != root(i) || at.Unix() != int64(1_700_000_000+500*i) {
			t.Errorf("block %d: %x, %v, %v", i, got, at, err)
		}
	}
	for _, height := range []int64{-1, 0, trust.Height - 1, f.Last() + 1, trust.Height + 2*period + 99, 1 << 40} {
		if _, _, err := f.MerkleRoot(t.Context(), height); !errors.Is(err, ErrNoHeader) {
			t.Errorf("height %d: %v", height, err)
		}
	}
	if _, err := openBytes(file[:headerSize], trust); err != nil {
		t.Errorf("one header: %v", err)
	}
}

// Each way to lie with a header file.
func TestHeaderFileIsChecked(t *testing.T) {
	t.Parallel()
	const n = period + 20
	file, trust := chain(t, n, 590, nil)
	redo := func(f []byte, i int, change func(h *[headerSize]byte)) { // a header changed and worked again
		h := [headerSize]byte(f[i*headerSize:])
		change(&h)
		bits := binary.LittleEndian.Uint32(h[72:])
		if expand(bits) != nil {
			work(&h, bits, true)
		}
		copy(f[i*headerSize:], h[:])
	}
	for name, c := range map[string]struct {
		change func([]byte) []byte
		trust  func(*Trust)
		say    string
	}{
		"another first header": {func(f []byte) []byte { redo(f, 0, func(h *[80]byte) { h[36] ^= 1 }); return f }, nil, "not the trusted one"},
		"another root":         {func(f []byte) []byte { redo(f, 100, func(h *[80]byte) { h[36] ^= 1 }); return f }, nil, "block 4133 does not follow"},
		"a gap":                {func(f []byte) []byte { return slices.Delete(f, 80*50, 80*51) }, nil, "block 4082 does not follow"},
		"two changed places": {func(f []byte) []byte {
			a := slices.Clone(f[80*5 : 80*6])
			copy(f[80*5:], f[80*6:80*7])
			copy(f[80*6:], a)
			return f
		}, nil, "does not follow"},
		"no work in the last": {func(f []byte) []byte {
			h := [80]byte(f[80*(n-1):])
			work(&h, binary.LittleEndian.Uint32(h[72:]), false)
			copy(f[80*(n-1):], h[:])
			return f
		}, nil, "not the work"},
		"easier than it must be": {func(f []byte) []byte {
			redo(f, n-1, func(h *[80]byte) { binary.LittleEndian.PutUint32(h[72:], easy) })
			return f
		}, nil, "another difficulty"},
		"easier than all": {func(f []byte) []byte {
			redo(f, 10, func(h *[80]byte) { binary.LittleEndian.PutUint32(h[72:], 0x217fffff) })
			return f[:80*11]
		}, nil, "another difficulty"},
		"cut in a header":      {func(f []byte) []byte { return f[:len(f)-1] }, nil, "whole number"},
		"empty":                {func([]byte) []byte { return nil }, nil, "whole number"},
		"from within a period": {nil, func(t *Trust) { t.Height++ }, "multiple of 2,016"},
		"below zero":           {nil, func(t *Trust) { t.Height = -period }, "multiple of 2,016"},
		"harder limit":         {nil, func(t *Trust) { t.Limit = 0 }, "another difficulty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, tr := slices.Clone(file), trust
			if c.change != nil {
				f = c.change(f)
			}
			if c.trust != nil {
				c.trust(&tr)
			}
			if _, err := openBytes(f, tr); !errors.Is(err, ErrNotVerified) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v, want %q", err, c.say)
			}
		})
	}
	t.Run("changed after it was opened", func(t *testing.T) {
		t.Parallel()
		mine := slices.Clone(file)
		f, err := openBytes(mine, trust)
		if err != nil {
			t.Fatal(err)
		}
		mine[80*3+40] ^= 1
		if _, _, err := f.MerkleRoot(t.Context(), trust.Height+3); !errors.Is(err, ErrNotVerified) {
			t.Error(err)
		}
	})
}

// Two headers everybody has: Bitcoin's first, and the one after.
func TestBitcoinsOwnHeaders(t *testing.T) {
	t.Parallel()
	header := func(version uint32, before, root string, at, bits, nonce uint32) []byte {
		h := binary.LittleEndian.AppendUint32(nil, version)
		for _, s := range []string{before, root} {
			p, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(p)
			h = append(h, p...)
		}
		for _, n := range []uint32{at, bits, nonce} {
			h = binary.LittleEndian.AppendUint32(h, n)
		}
		return h
	}
	const first = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
	file := append(header(1, strings.Repeat("0", 64), "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 1231006505, 0x1d00ffff, 2083236893),
		header(1, first, "0e3e2357e806b6cdb1f70b54c3a3a17b6714ee1f0e68bebb44a74b1efd512098", 1231469665, 0x1d00ffff, 2573394689)...)
	if _, err := openBytes(file, Genesis); err != nil {
		t.Error(err)
	}
	file[80+79] ^= 1
	if _, err := openBytes(file, Genesis); !errors.Is(err, ErrNotVerified) || !strings.Contains(err.Error(), "work") {
		t.Error(err)
	}
}

// The changes of difficulty that Bitcoin's own tests hold fast, three of them of real blocks.
func TestRetarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bits        uint32
		first, last int64
		want        uint32
	}{
		{0x1d00ffff, 1261130161, 1262152739, 0x1d00d86a},
		{0x1d00ffff, 1231006505, 1233061996, 0x1d00ffff}, // not easier than the limit
		{0x1c05a3f4, 1279008237, 1279297671, 0x1c0168fd}, // at most four times as hard
		{0x1c387f6f, 1263163443, 1269211443, 0x1d00e1fd}, // at most four times as easy
	} {
		if got := retarget(c.bits, c.last-c.first, 0x1d00ffff); got != c.want {
			t.Errorf("%08x: %08x, want %08x", c.bits, got, c.want)
		}
	}
	for _, bits := range []uint32{0, 0x01003456, 0x1d800000, 0x21000001, 0xff123456, 0x04923456} {
		if target := expand(bits); target != nil && (target.Sign() <= 0 || target.BitLen() > 256) {
			t.Errorf("%08x: %v", bits, target)
		}
	}
	if got := compact(expand(0x1b0404cb)); got != 0x1b0404cb {
		t.Errorf("%08x", got)
	}
	if got := compact(big.NewInt(0x80)); got != 0x02008000 {
		t.Errorf("%08x", got)
	}
}

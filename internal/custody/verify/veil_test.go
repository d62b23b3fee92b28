package verify

import (
	"crypto/sha256"
	"testing"

	"pgregory.net/rapid"
)

// plainVeiled is the definition of docs/design/proof-bundle.md, place by place.
func plainVeiled(l int, s int64, veil []byte, leaves []hash) hash {
	switch {
	case s >= int64(len(leaves)):
		return hash(derived(veil, "zapis.veil.v1", int64(l)))
	case l == 0:
		return leafHash(leaves[s][:])
	}
	return nodeHash(plainVeiled(l-1, s, veil, leaves), plainVeiled(l-1, s+1<<(l-1), veil, leaves))
}

func TestVeiledRootFromTheEdge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(0, 9).Draw(t, "depth")
		n := rapid.IntRange(0, 1<<depth).Draw(t, "n")
		veil := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "veil")
		var grown tree
		var leaves []hash
		for i := range n {
			d := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
			leaves = append(leaves, d)
			grown.put(d[:])
		}
		if grown.veiled(depth, veil) != plainVeiled(depth, 0, veil, leaves) {
			t.Fatalf("%d leaves at depth %d", n, depth)
		}
	})
}

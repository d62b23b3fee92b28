package detect

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// trees are the decision trees of a cascade in pigo's format: each compares pairs of pixels within a window and adds its
// leaf to the score, and a window whose score falls to the threshold of a tree is no face.
//
// The walk is our own, because that of the library computes the place of every pixel anew for every window; here it is
// computed once for a size, turn and width of picture. A test holds the results against the library's.
type trees struct {
	codes      []int8        // 4 for each inner node: two places as (row, column) in 256ths of the window
	leaves     [][64]float32 // of each tree
	thresholds []float32
	cache      map[windowKey]window
}

// treeDepth is that of the trees of the cascade: 63 inner nodes, 64 leaves.
const treeDepth = 6

type windowKey struct{ size, dim, turn int }

// window is where the pixels of the nodes lie, from the middle of the window on.
type window struct {
	trees [][64]pair // node n of a tree at n, from 1 on
	reach int        // how far from the middle the furthest one lies
}

// pair is two pixels that are compared.
type pair struct{ a, b int32 }

var errCascade = errors.New("not a cascade")

// readTrees reads a cascade: 8 bytes, then the depth and the number of trees (32 bit, little endian), then for each tree
// 4 bytes for each inner node, a float for each leaf and the threshold.
func readTrees(b []byte) (*trees, error) {
	if len(b) < 16 {
		return nil, errCascade
	}
	depth, n := int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
	if depth != treeDepth || n < 1 || n > 10_000 {
		return nil, errCascade
	}
	const inner, leaves = 1<<treeDepth - 1, 1 << treeDepth
	if len(b) != 16+n*(4*inner+4*leaves+4) {
		return nil, errCascade
	}
	t := &trees{cache: map[windowKey]window{}}
	at := 16
	float := func() float32 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(b[at:]))
		at += 4
		return v
	}
	for range n {
		for range 4 * inner {
			t.codes = append(t.codes, int8(b[at]))
			at++
		}
		t.leaves = append(t.leaves, [leaves]float32{})
		for i := range leaves {
			t.leaves[len(t.leaves)-1][i] = float()
		}
		t.thresholds = append(t.thresholds, float())
	}
	return t, nil
}

// place computes the places of a window, turned by turn thirty-seconds of a circle (clockwise as seen in the picture).
func (t *trees) place(size, dim, turn int) window {
	key := windowKey{size, dim, turn}
	if w, ok := t.cache[key]; ok {
		return w
	}
	if len(t.cache) > 400 { // pictures of many sizes: forget
		clear(t.cache)
	}
	w := window{trees: make([][64]pair, len(t.leaves))}
	sin, cos := math.Sincos(float64(turn) * math.Pi / 16)
	place := func(r, c int) int32 {
		y, x := r*size>>8, c*size>>8
		if turn != 0 {
			y = int(math.Floor((cos*float64(r) + sin*float64(c)) * float64(size) / 256))
			x = int(math.Floor((cos*float64(c) - sin*float64(r)) * float64(size) / 256))
		}
		w.reach = max(w.reach, abs(x), abs(y))
		return int32(y*dim + x)
	}
	codes := t.codes
	for i := range w.trees {
		for n := 1; n < 1<<treeDepth; n++ {
			w.trees[i][n] = pair{place(int(codes[0]), int(codes[1])), place(int(codes[2]), int(codes[3]))}
			codes = codes[4:]
		}
	}
	t.cache[key] = w
	return w
}

// score gives the score of the window around the pixel at middle; not above 0 if it is no face.
func (t *trees) score(w *window, pix []byte, middle int) float32 {
	var sum float32
	for i := range w.trees {
		tree := &w.trees[i]
		node := 1
		for range treeDepth {
			p := tree[node&63]
			// To the right if the first is not brighter, without a branch: which way it goes cannot be foreseen.
			node = 2*node + 1 - int(uint32(int32(pix[middle+int(p.b)])-int32(pix[middle+int(p.a)]))>>31)
		}
		sum += t.leaves[i][node&63]
		if sum <= t.thresholds[i] {
			return -1
		}
	}
	return sum - t.thresholds[len(t.thresholds)-1]
}

// hit is a window that is a face.
type hit struct {
	x, y, size int // its middle and side, in pixels
	score      float32
}

// growth is by how much windows grow from one size to the next.
const growth = 1.15

// larger gives the size that follows on one.
func larger(size int) int {
	return int(float64(size) + math.Max(2, float64(size)*growth-float64(size)))
}

// rung gives the largest of the sizes that follow on leastFace which is not above a size: whoever begins there asks for few sizes, of each of
// which the places of the pixels take a quarter of a megabyte.
func rung(size int) int {
	r := leastFace
	for next := larger(r); next <= size; next = larger(r) {
		r = next
	}
	return r
}

// scan looks through windows of the sizes from least to most whose middle lies within [x0,x1) × [y0,y1), a tenth of their size
// apart.
func (t *trees) scan(g Gray, x0, y0, x1, y1, least, most, turn int, hits []hit) []hit {
	for size := least; size <= most; size = larger(size) {
		w := t.place(size, g.Stride, turn)
		step, edge := max(size/10, 1), max(size/2+1, w.reach)
		for y := max(y0, edge); y <= min(y1, g.H-edge-1); y += step {
			for x := max(x0, edge); x <= min(x1, g.W-edge-1); x += step {
				if s := t.score(&w, g.Pix, y*g.Stride+x); s > 0 {
					hits = append(hits, hit{x, y, size, s})
				}
			}
		}
	}
	return hits
}

// cluster joins windows that overlap by more than a fifth: the mean of their places, the sum of their scores.
func cluster(hits []hit) []hit {
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.score, b.score) })
	taken := make([]bool, len(hits))
	var out []hit
	for i, a := range hits {
		if taken[i] {
			continue
		}
		var sum hit
		n := 0
		for j, b := range hits {
			if overlap(a, b) > 0.2 {
				taken[j] = true
				sum = hit{sum.x + b.x, sum.y + b.y, sum.size + b.size, sum.score + b.score}
				n++
			}
		}
		out = append(out, hit{sum.x / n, sum.y / n, sum.size / n, sum.score})
	}
	return out
}

// overlap is the shared part of all that two windows cover.
func overlap(a, b hit) float64 {
	side := func(p, q int) float64 {
		return max(0, min(float64(p)+float64(a.size)/2, float64(q)+float64(b.size)/2)-max(float64(p)-float64(a.size)/2, float64(q)-float64(b.size)/2))
	}
	in := side(a.x, b.x) * side(a.y, b.y)
	return in / (float64(a.size*a.size) + float64(b.size*b.size) - in)
}

package media

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestEven(t *testing.T) {
	t.Parallel()
	const w, h = 900, 700
	page := askew(w, h, 0)
	if got := even(page, w, h); &got[0] != &page[0] {
		t.Error("a page of even light is changed")
	}
	shaded := slices.Clone(page)
	for y := range h {
		for x := range w {
			shaded[y*w+x] = byte(float64(page[y*w+x]) * (0.25 + 0.7*math.Hypot(float64(x), float64(y))/math.Hypot(w, h)))
		}
	}
	got := even(shaded, w, h)
	for i, p := range page {
		if p > 128 && got[i] < 170 || p < 128 && got[i] > 110 {
			t.Fatalf("at %d, %d: %d was %d", i%w, i/w, got[i], shaded[i])
		}
	}
}

func TestEvenOfAnyPicture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 300).Draw(t, "w"), rapid.IntRange(1, 300).Draw(t, "h")
		some := rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "pixels")
		grey := slices.Repeat(some, w*h/len(some)+1)[:w*h]
		before := slices.Clone(grey)
		if got := even(grey, w, h); len(got) != w*h || !slices.Equal(grey, before) {
			t.Fatalf("%d points, or the picture was changed in its place", len(got))
		}
	})
}

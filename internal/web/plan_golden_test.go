package web

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/redact/plan"
)

// goldenPlans are plans with everything that decides where a mask lies: keys far apart and close together, keys that are off, tracks that are
// held until the end, several sources, times beyond what a floating-point number multiplies exactly.
func goldenPlans() []plan.Plan {
	r := rand.New(rand.NewPCG(5, 8))
	id := func(prefix string, n int) string {
		const digits = "0123456789abcdefghjkmnpqrstvwxyz"
		b := bytes.Repeat([]byte{'0'}, 26)
		b[25], b[24] = digits[n%32], digits[n/32]
		return prefix + "_" + string(b)
	}
	var out []plan.Plan
	for n, longest := range []int64{1_000, 60_000_000, 7_200_000_000, plan.MaxUS} {
		p := plan.Plan{Sources: []string{id(archive.PrefixItem, 1), id(archive.PrefixItem, 2)}, Cuts: []plan.Cut{{Source: 0, FromUS: 0, ToUS: longest}}, Picture: plan.Picture{Hide: n%2 == 1},
			Sound: plan.Sound{Mode: plan.Mute}, Heights: []int{720, 360}, Salt: "00112233445566778899aabbccddeeff"}
		for i := range 12 {
			t := plan.Track{ID: id(archive.PrefixTrack, n*12+i), Source: i % 2, Kind: plan.Kinds()[i/2%2], Reason: plan.Reasons()[i%10]}
			if p.Picture.Hide && i%3 == 0 {
				t.Kind, t.Reveal = plan.Solid, true
			}
			us := r.Int64N(longest / 4)
			for k := range 1 + r.IntN(6) {
				w, h := plan.MinSide+r.IntN(plan.Whole-plan.MinSide), plan.MinSide+r.IntN(plan.Whole-plan.MinSide)
				t.Keys = append(t.Keys, plan.Key{AtUS: us, Box: [4]int{r.IntN(plan.Whole - w + 1), r.IntN(plan.Whole - h + 1), w, h}, Off: k > 0 && r.IntN(4) == 0})
				us += 1 + r.Int64N(longest/8)
			}
			t.UntilEnd = r.IntN(2) == 0 && !t.Keys[len(t.Keys)-1].Off
			p.Tracks = append(p.Tracks, t)
		}
		out = append(out, p)
	}
	return out
}

// The editor computes the masks of a moment by itself (web/src/mask/plan.ts). What it computes is what the renderer paints: both are held
// against the same vectors, of which this test makes the file and web/test/plan.test.ts reads it.
func TestGoldenMasks(t *testing.T) {
	t.Parallel()
	type vector struct {
		Plan plan.Plan `json:"plan"`
		At   [][]any   `json:"at"`
	}
	r := rand.New(rand.NewPCG(13, 21))
	var all []vector
	for _, p := range goldenPlans() {
		if _, err := plan.Parse(p.Canonical()); err != nil {
			t.Fatal(err)
		}
		v := vector{Plan: p}
		var moments []int64
		last := int64(0)
		for _, tr := range p.Tracks {
			for _, k := range tr.Keys {
				moments = append(moments, k.AtUS-1, k.AtUS, k.AtUS+1)
				last = max(last, k.AtUS)
			}
		}
		for range 150 {
			moments = append(moments, r.Int64N(last+2))
		}
		for i, us := range append(moments, last+1_000_000) {
			boxes := [][]any{}
			for _, b := range p.At(i%2, us) {
				boxes = append(boxes, []any{b.Track, b.Kind, b.Reveal, b.X, b.Y, b.W, b.H})
			}
			v.At = append(v.At, []any{i % 2, us, boxes})
		}
		all = append(all, v)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	b = append(bytes.ReplaceAll(b, []byte("],["), []byte("],\n[")), '\n')
	at := filepath.Join("..", "..", "web", "test", "plan.golden.json")
	if os.Getenv("ZAPIS_UPDATE") != "" {
		if err := os.WriteFile(at, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(at)
	if err != nil || !bytes.Equal(have, b) {
		t.Errorf("web/test/plan.golden.json has drifted from what the plan says: run this test with ZAPIS_UPDATE=1, then the tests of the web part (%v)", err)
	}
}

package derive

import (
	"math/rand/v2"
	"testing"

	"zapis/internal/media"
)

// speechLike makes sound and silence in turn; lengths in tenths of a second.
func speechLike(loud bool, tenths ...int) (out []int16) {
	for _, n := range tenths {
		for i := range n * frame {
			v := int16(0)
			if loud {
				v = int16(4000 - 8000*(i/40%2))
			}
			out = append(out, v)
		}
		loud = !loud
	}
	return out
}

// cutAll cuts a recording as the pass does, from windows of a given length.
func cutAll(samples []int16, window int) (out []piece) {
	for next := 0; next < len(samples); {
		rest := samples[next:]
		end := len(rest) <= window
		if !end {
			rest = rest[:window]
		}
		for len(rest) > 0 && (end || len(rest) >= ahead) {
			p := cut(rest, end)
			out = append(out, piece{next + p.from, next + p.to, next + p.next})
			next += p.next
			rest = rest[p.next:]
		}
	}
	return out
}

// Pieces follow each other, are ten minutes at most, hold everything that is loud, and do not depend on how much was decoded at once.
func TestCut(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 12 {
		var tenths []int
		for total := 0; total < 16_000; {
			k := 1 + r.IntN(900)
			switch r.IntN(6) {
			case 0:
				k *= 12
			case 1, 2:
				k = 1 + k/20
			}
			tenths = append(tenths, k)
			total += k
		}
		samples := speechLike(r.IntN(2) == 0, tenths...)
		samples = samples[:len(samples)-r.IntN(frame)]
		pieces := cutAll(samples, len(samples)+1)
		at, sent := 0, make([]bool, len(samples)/frame+1)
		for _, p := range pieces {
			if p.from < at || p.to < p.from || p.next < p.to || p.next <= at || p.to-p.from > pieceMost {
				t.Fatalf("recording %d: %+v after %d", n, p, at)
			}
			at = p.next
			for f := (p.from + frame - 1) / frame; f*frame < p.to; f++ {
				sent[f] = true
			}
		}
		if at != len(samples) {
			t.Fatalf("recording %d: %d of %d samples", n, at, len(samples))
		}
		lost := 0
		for f := range len(samples) / frame {
			if power(samples[f*frame:(f+1)*frame]) >= quiet && !sent[f] {
				lost++
			}
		}
		if lost > len(pieces) { // a frame at a cut lies in two pieces
			t.Errorf("recording %d: %d loud frames are sent by nobody", n, lost)
		}
		for _, window := range []int{ahead, ahead + 12_345} {
			again := cutAll(samples, window)
			if len(again) != len(pieces) {
				t.Fatalf("recording %d in windows of %d: %d pieces, %d at once", n, window, len(again), len(pieces))
			}
			for i := range again {
				if again[i] != pieces[i] {
					t.Fatalf("recording %d in windows of %d: piece %d is %+v, at once %+v", n, window, i, again[i], pieces[i])
				}
			}
		}
	}
}

// Nothing is sent of silence.
func TestCutSilence(t *testing.T) {
	t.Parallel()
	for _, p := range cutAll(make([]int16, 30*60*media.SoundRate), ahead) {
		if p.to != p.from {
			t.Errorf("%+v", p)
		}
	}
	for n := range int64(100_000) {
		if timeSample(sampleTime(n*977)) != n*977 {
			t.Fatalf("sample %d comes back as another", n*977)
		}
	}
}

package media

import "slices"

// Pages are photographed in whatever light there is. The program chooses what is ink with few thresholds for the whole page, and loses what lies
// in a shadow; so a page whose paper is not of one light is evened out first.
const (
	lightBlock  = 32 // pixels of the squares whose light is told
	lightPaper  = 85 // percent of the pixels of a square are darker than its paper, or as light
	lightUneven = 78 // percent of the light of the lightest squares that the darkest ones have, where nothing needs to be done
	lightLeast  = 24 // levels of grey: what is darker is no paper
	lightTo     = 235
)

// even gives a picture in which paper is of one light, or the picture itself if it is already.
func even(grey []byte, w, h int) []byte {
	bw, bh := (w+lightBlock-1)/lightBlock, (h+lightBlock-1)/lightBlock
	if bw < 4 || bh < 4 {
		return grey
	}
	paper := make([]float64, bw*bh)
	for by := range bh {
		for bx := range bw {
			var counts [256]int
			n := 0
			for y := by * lightBlock; y < min(h, (by+1)*lightBlock); y++ {
				for _, p := range grey[y*w+bx*lightBlock : y*w+min(w, (bx+1)*lightBlock)] {
					counts[p]++
					n++
				}
			}
			v, seen := 0, counts[0]
			for v < 255 && seen*100 < lightPaper*n {
				v++
				seen += counts[v]
			}
			paper[by*bw+bx] = float64(max(v, lightLeast))
		}
	}
	// A square that is all ink, or a picture on the page, has no paper of its own: that around it counts.
	smooth := make([]float64, len(paper))
	for by := range bh {
		for bx := range bw {
			var around []float64
			for y := max(0, by-2); y <= min(bh-1, by+2); y++ {
				around = append(around, paper[y*bw+max(0, bx-2):y*bw+min(bw, bx+3)]...)
			}
			slices.Sort(around)
			smooth[by*bw+bx] = around[len(around)*3/4]
		}
	}
	sorted := slices.Sorted(slices.Values(smooth))
	dark, light := sorted[len(sorted)/20], sorted[len(sorted)-1-len(sorted)/20]
	if dark*100 >= lightUneven*light {
		return grey
	}
	out := make([]byte, len(grey))
	for y := range h {
		fy := (float64(y)+0.5)/lightBlock - 0.5
		y0 := min(max(0, int(fy)), bh-1)
		y1 := min(y0+1, bh-1)
		ty := min(max(0, fy-float64(y0)), 1)
		for x := range w {
			fx := (float64(x)+0.5)/lightBlock - 0.5
			x0 := min(max(0, int(fx)), bw-1)
			x1 := min(x0+1, bw-1)
			tx := min(max(0, fx-float64(x0)), 1)
			v := (smooth[y0*bw+x0]*(1-tx)+smooth[y0*bw+x1]*tx)*(1-ty) + (smooth[y1*bw+x0]*(1-tx)+smooth[y1*bw+x1]*tx)*ty
			out[y*w+x] = byte(min(255, float64(grey[y*w+x])*lightTo/v))
		}
	}
	return out
}

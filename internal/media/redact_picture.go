package media

import (
	"bytes"
	"fmt"
	"image"
	"image/png"

	"zapis/internal/media/mask"
)

// stills is how many pictures are taken of a clip.
const stills = 3

// drawingWidth is how wide the drawing is at most.
const drawingWidth = 640

// pictures makes the stills, the poster and the drawing of painted frames. The encoders are ours and write no metadata.
func (r *Redacted) pictures(shown []*mask.Picture) error {
	best, most := 0, -1.0
	for i, p := range shown {
		b, err := encodeJPEG(full(p), 82)
		if err != nil {
			return fmt.Errorf("still %d: %w", i, err)
		}
		r.Stills = append(r.Stills, b)
		if c := contrast(full(p)); c > most {
			best, most = i, c
		}
	}
	if len(shown) == 0 {
		return nil
	}
	r.Poster = r.Stills[best]
	var err error
	r.Drawing, err = drawing(shown[best])
	return err
}

// full gives a picture in the range of values that JPEG has: 0 to 255.
func full(p *mask.Picture) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, p.W, p.H), image.YCbCrSubsampleRatio420)
	var luma, chroma [256]byte
	for i := range 256 {
		luma[i] = byte(min(max((float64(i)-16)*255/219+0.5, 0), 255))
		chroma[i] = byte(min(max((float64(i)-128)*255/224+128.5, 0), 255))
	}
	for y := range p.H {
		for x := range p.W {
			m.Y[y*m.YStride+x] = luma[p.Y[y*p.StrideY+x]]
		}
	}
	for y := range (p.H + 1) / 2 {
		for x := range (p.W + 1) / 2 {
			m.Cb[y*m.CStride+x] = chroma[p.U[y*p.StrideC+x]]
			m.Cr[y*m.CStride+x] = chroma[p.V[y*p.StrideC+x]]
		}
	}
	return m
}

// drawing gives the outlines of a picture, dark on white, in few greys: a poster that tells what a clip is of without showing it.
func drawing(p *mask.Picture) ([]byte, error) {
	k := max((p.W+drawingWidth-1)/drawingWidth, 1)
	w, h := p.W/k, p.H/k
	if w < 3 || h < 3 {
		w, h, k = p.W, p.H, 1
	}
	// Means of k by k pixels, then of their neighbours, so that noise draws nothing.
	small := make([]int, w*h)
	for y := range h {
		for x := range w {
			sum := 0
			for dy := range k {
				for dx := range k {
					sum += int(p.Y[(y*k+dy)*p.StrideY+x*k+dx])
				}
			}
			small[y*w+x] = sum * 16 / (k * k)
		}
	}
	at := func(m []int, x, y int) int { return m[min(max(y, 0), h-1)*w+min(max(x, 0), w-1)] }
	smooth := make([]int, w*h)
	for y := range h {
		for x := range w {
			sum := 4 * at(small, x, y)
			for _, d := range [][3]int{{-1, 0, 2}, {1, 0, 2}, {0, -1, 2}, {0, 1, 2}, {-1, -1, 1}, {1, -1, 1}, {-1, 1, 1}, {1, 1, 1}} {
				sum += d[2] * at(small, x+d[0], y+d[1])
			}
			smooth[y*w+x] = sum / 16
		}
	}
	out := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			gx := at(smooth, x+1, y-1) + 2*at(smooth, x+1, y) + at(smooth, x+1, y+1) - at(smooth, x-1, y-1) - 2*at(smooth, x-1, y) - at(smooth, x-1, y+1)
			gy := at(smooth, x-1, y+1) + 2*at(smooth, x, y+1) + at(smooth, x+1, y+1) - at(smooth, x-1, y-1) - 2*at(smooth, x, y-1) - at(smooth, x+1, y-1)
			edge := (max(gx, -gx) + max(gy, -gy)) / 16
			out.Pix[y*out.Stride+x] = byte(255 - min(max(edge-24, 0)*3, 224)/32*32)
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		return nil, fmt.Errorf("drawing: %w", err)
	}
	return b.Bytes(), nil
}

package clock

// Mode is a way of making dark writing on a white ground from a strip of a picture.
type Mode int

// The modes in the order in which they are tried.
const (
	BrightAlone   Mode = iota // what is bright and does not reach the edge, which the scene does
	Inverted                  // as it is, turned over
	Bright190                 // what is brighter than a threshold
	Bright215                 //
	BrightAlone15             // as BrightAlone, with a lower threshold
	Bright150                 //
	AsIs                      // dark writing on a light ground
	modeCount
)

// Modes gives all modes in the order in which they are tried.
func Modes() []Mode {
	out := make([]Mode, modeCount)
	for i := range out {
		out[i] = Mode(i)
	}
	return out
}

// Prepare makes dark writing on white from a strip of grey pixels of width w.
func Prepare(src []byte, w int, m Mode) []byte {
	out := make([]byte, len(src))
	switch m {
	case Inverted:
		for i, v := range src {
			out[i] = 255 - v
		}
	case AsIs:
		copy(out, src)
	case Bright150, Bright190, Bright215:
		t := map[Mode]byte{Bright150: 150, Bright190: 190, Bright215: 215}[m]
		for i, v := range src {
			if v <= t {
				out[i] = 255
			}
		}
	default:
		t := byte(190)
		if m == BrightAlone15 {
			t = 150
		}
		alone(out, src, w, t)
	}
	return out
}

// alone keeps bright blobs that reach neither the upper nor the lower edge.
func alone(out, src []byte, w int, threshold byte) {
	for i := range out {
		out[i] = 255
	}
	if w < 1 {
		return
	}
	h := len(src) / w
	seen := make([]bool, len(src))
	var stack, blob []int
	for start, v := range src {
		if seen[start] || v <= threshold {
			continue
		}
		stack, blob = append(stack[:0], start), blob[:0]
		seen[start] = true
		edge := false
		for len(stack) > 0 {
			q := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			blob = append(blob, q)
			x, y := q%w, q/w
			edge = edge || y <= 1 || y >= h-2
			for _, d := range [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				xx, yy := x+d[0], y+d[1]
				if xx < 0 || yy < 0 || xx >= w || yy >= h {
					continue
				}
				if r := yy*w + xx; !seen[r] && src[r] > threshold {
					seen[r] = true
					stack = append(stack, r)
				}
			}
		}
		if !edge && len(blob) > 6 {
			for _, q := range blob {
				out[q] = 0
			}
		}
	}
}

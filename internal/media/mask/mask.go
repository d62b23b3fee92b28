// Package mask paints over parts of a decoded picture so that nothing of what was there can be had back.
//
// It guarantees: every sample of every plane under a solid mask becomes the same fixed value, whatever it was; a mask is
// rounded outwards to whole chroma samples and grown by a margin, a revealed region is rounded inwards and shrunk by as far as
// scaling carries what lies beside it; a kind that is not known is painted solid; the same seed, picture and boxes give the same
// bytes. Under pixelation what is left of a region is at most six by six cells, each the mean colour of its cell at one moment
// of half a second, in sixteen levels, with noise.
//
// It does not find what has to be covered, does not follow anything, and does not make pixelation anonymous: of a face
// it leaves colours and their rough places. Solid is the default for that reason. It offers no blur: see [ErrBlur].
package mask

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
)

// Picture is a decoded picture, 8 bits a sample. U and V have half the width and half the height of Y, both rounded up; they are empty in a
// grey picture.
type Picture struct {
	W, H             int
	Y, U, V          []byte
	StrideY, StrideC int // bytes from one row to the next
}

// NewPicture gives a picture of a size, with planes packed one after the other as in a raw yuv420p (or gray) frame; buf is used for them if
// it is long enough.
func NewPicture(w, h int, grey bool, buf []byte) *Picture {
	n := FrameSize(w, h, grey)
	if len(buf) < n {
		buf = make([]byte, n)
	}
	p := &Picture{W: w, H: h, Y: buf[: w*h : w*h], StrideY: w}
	if !grey {
		cw, ch := (w+1)/2, (h+1)/2
		p.StrideC = cw
		p.U, p.V = buf[w*h:w*h+cw*ch:w*h+cw*ch], buf[w*h+cw*ch:n:n]
	}
	return p
}

// FrameSize is how many bytes a packed picture has.
func FrameSize(w, h int, grey bool) int {
	if grey {
		return w * h
	}
	return w*h + 2*((w+1)/2)*((h+1)/2)
}

// Kind is what is painted.
type Kind uint8

// The kinds. The zero value is the safest.
const (
	Solid    Kind = iota // one colour
	Pixelate             // few large cells
)

// ErrKind: there is no such kind of mask.
var ErrKind = errors.New("no such kind of mask")

// ErrBlur: blur is refused. A light one can be undone, and over many frames of a moving thing a strong one, too.
var ErrBlur = fmt.Errorf("%w: blur can be undone over several frames: use solid or pixelate", ErrKind)

// ParseKind reads the word of a kind: "solid" or "pixelate".
func ParseKind(s string) (Kind, error) {
	switch s {
	case "solid":
		return Solid, nil
	case "pixelate":
		return Pixelate, nil
	case "blur":
		return Solid, ErrBlur
	}
	return Solid, ErrKind
}

// Box is a region of the upright picture, in millionths of its width and height, and what is done with it.
type Box struct {
	// ID tells the tracks of a plan apart: the cells of a pixelated region are held by it.
	ID   int
	Kind Kind
	// Reveal: where the whole picture is hidden, this region is shown. It does nothing otherwise.
	Reveal     bool
	X, Y, W, H int
}

const (
	million = 1_000_000
	// marginPart of the shorter side is added on each side of a mask: what a hand draws too tight.
	marginPart = 100
	// Cells a pixelated region has across its longer side, at most.
	Cells = 6
	// levels apart two colours of cells are at least.
	step = 16
	// noise is added to the mean before it is rounded, up and down.
	noise = 12
	// black of a picture with the usual range of values
	blackY, greyC = 16, 128
)

// DefaultHold is for how many frames the cells of a pixelated region keep their colour unless the painter is told otherwise.
const DefaultHold = 12

// DefaultReach is how far, in pixels, a scaler that makes a picture smaller carries a sample: two samples, which are four pixels
// in the planes of colour, and one for where their samples lie; rounded up to whole samples of colour.
const DefaultReach = 6

// Painter paints the frames of one clip, in order. Not safe for use by several goroutines.
type Painter struct {
	// Hold is for how many frames cells keep their colour: half a second's worth.
	Hold int
	// Reach is for how many pixels beside the edge of a region what lies on the other side of it may have a part in a pixel. It is more than
	// DefaultReach where the picture was made larger.
	Reach int
	seed  [32]byte
	w, h  int
	held  map[int]*cells
	kept  []byte // scratch for revealed regions
}

type cells struct {
	period  int
	nx, ny  int
	y, u, v []byte
}

// New makes a painter of pictures of one size. The noise comes from the seed alone.
func New(seed [32]byte, w, h int) *Painter {
	return &Painter{Hold: DefaultHold, Reach: DefaultReach, seed: seed, w: w, h: h, held: map[int]*cells{}}
}

// area is a region in pixels: even edges, or the edge of the picture.
type area struct{ x0, y0, x1, y1 int }

func (a area) empty() bool { return a.x1 <= a.x0 || a.y1 <= a.y0 }

// Margin is how many pixels are added on each side of a mask in a picture of a size, for a reach as in Painter.
func Margin(w, h, reach int) int { return max(reach, (min(w, h)+marginPart-1)/marginPart) }

// outwards gives the pixels that a mask covers: rounded outwards and with the margin. What lies wholly beside the picture is empty.
func outwards(b Box, w, h, reach int) area {
	x0, y0, x1, y1, ok := clamp(b)
	if !ok {
		return area{}
	}
	m := Margin(w, h, reach)
	return area{
		max(0, x0*w/million-m) &^ 1, max(0, y0*h/million-m) &^ 1,
		min(w, (ceil(x1*w)+m+1)&^1), min(h, (ceil(y1*h)+m+1)&^1),
	}
}

// inwards gives the pixels of a revealed region in which nothing beside it has a part: shrunk by the reach and rounded inwards to whole chroma
// samples. At the edge of the picture there is nothing beside it.
func inwards(b Box, w, h, reach int) area {
	x0, y0, x1, y1, ok := clamp(b)
	if !ok {
		return area{}
	}
	a := area{0, 0, w, h}
	if x0 > 0 {
		a.x0 = (ceil(x0*w) + reach + 1) &^ 1
	}
	if y0 > 0 {
		a.y0 = (ceil(y0*h) + reach + 1) &^ 1
	}
	if x1 < million {
		a.x1 = max(x1*w/million-reach, 0) &^ 1
	}
	if y1 < million {
		a.y1 = max(y1*h/million-reach, 0) &^ 1
	}
	return a
}

func ceil(v int) int { return (v + million - 1) / million }

// clamp holds a box within the picture. A box without an area is none, unless it lies within: then it is a point, and a mask has its margin.
func clamp(b Box) (x0, y0, x1, y1 int, ok bool) {
	hold := func(v int) int { return min(max(v, 0), million) }
	w, h := min(max(b.W, 0), 4*million), min(max(b.H, 0), 4*million)
	x, y := min(max(b.X, -4*million), 4*million), min(max(b.Y, -4*million), 4*million)
	if x > million || y > million || x+w < 0 || y+h < 0 {
		return 0, 0, 0, 0, false
	}
	return hold(x), hold(y), hold(x + w), hold(y + h), true
}

// Paint paints a frame, counted from 0 in the clip: first the whole of it if hide is set, apart from what is revealed, then the pixelated
// regions, then the solid ones. The picture must have the painter's size.
func (m *Painter) Paint(p *Picture, frame int, boxes []Box, hide bool) {
	if hide {
		m.hide(p, boxes)
	}
	for _, b := range boxes {
		if b.Kind == Pixelate && !b.Reveal {
			if a := outwards(b, p.W, p.H, m.Reach); !a.empty() {
				m.pixelate(p, frame, b.ID, a)
			}
		}
	}
	for _, b := range boxes {
		if b.Kind != Pixelate && !b.Reveal {
			if a := outwards(b, p.W, p.H, m.Reach); !a.empty() {
				fill(p, a)
			}
		}
	}
}

// hide fills the whole picture and puts the revealed regions back.
func (m *Painter) hide(p *Picture, boxes []Box) {
	m.kept = m.kept[:0]
	for _, b := range boxes {
		if b.Reveal {
			eachRow(p, inwards(b, p.W, p.H, m.Reach), func(row []byte, _ bool) { m.kept = append(m.kept, row...) })
		}
	}
	fill(p, area{0, 0, p.W, p.H})
	at := 0
	for _, b := range boxes {
		if b.Reveal {
			eachRow(p, inwards(b, p.W, p.H, m.Reach), func(row []byte, _ bool) { at += copy(row, m.kept[at:]) })
		}
	}
	clear(m.kept)
}

// eachRow calls f with the rows of an area in each plane; chroma says of which.
func eachRow(p *Picture, a area, f func(row []byte, chroma bool)) {
	if a.empty() {
		return
	}
	for y := a.y0; y < a.y1; y++ {
		f(p.Y[y*p.StrideY+a.x0:y*p.StrideY+a.x1], false)
	}
	x0, x1 := a.x0/2, (a.x1+1)/2
	for _, plane := range [][]byte{p.U, p.V} {
		if len(plane) == 0 {
			continue
		}
		for y := a.y0 / 2; y < (a.y1+1)/2; y++ {
			f(plane[y*p.StrideC+x0:y*p.StrideC+x1], true)
		}
	}
}

func fill(p *Picture, a area) {
	eachRow(p, a, func(row []byte, chroma bool) {
		v := byte(blackY)
		if chroma {
			v = greyC
		}
		for i := range row {
			row[i] = v
		}
	})
}

// pixelate replaces an area by cells whose colours are held for a while.
func (m *Painter) pixelate(p *Picture, frame, id int, a area) {
	w, h := a.x1-a.x0, a.y1-a.y0
	// Cells are square and of even size, so that luma and chroma agree about them.
	side := ((max(w, h)+Cells-1)/Cells + 1) &^ 1
	nx, ny := (w+side-1)/side, (h+side-1)/side
	period := frame / max(m.Hold, 1)
	c := m.held[id]
	if c == nil || c.period != period || c.nx < nx || c.ny < ny {
		// A region that grows within a period gets new colours: that is more than one look in half a second, and still no
		// finer one.
		c = m.look(p, id, frame, period, a, side, nx, ny)
		m.held[id] = c
	}
	for y := a.y0; y < a.y1; y++ {
		row, line := p.Y[y*p.StrideY:], c.y[(y-a.y0)/side*c.nx:]
		for x := a.x0; x < a.x1; x++ {
			row[x] = line[(x-a.x0)/side]
		}
	}
	if len(p.U) == 0 {
		return
	}
	for y := a.y0 / 2; y < (a.y1+1)/2; y++ {
		u, v, n := p.U[y*p.StrideC:], p.V[y*p.StrideC:], (y-a.y0/2)/(side/2)*c.nx
		for x := a.x0 / 2; x < (a.x1+1)/2; x++ {
			k := n + (x-a.x0/2)/(side/2)
			u[x], v[x] = c.u[k], c.v[k]
		}
	}
}

// look takes the colours of the cells: means, with noise, in few levels.
func (m *Painter) look(p *Picture, id, frame, period int, a area, side, nx, ny int) *cells {
	c := &cells{period: period, nx: nx, ny: ny, y: make([]byte, nx*ny), u: make([]byte, nx*ny), v: make([]byte, nx*ny)}
	var text [24]byte
	binary.BigEndian.PutUint64(text[:], uint64(id))
	binary.BigEndian.PutUint64(text[8:], uint64(period))
	binary.BigEndian.PutUint64(text[16:], uint64(frame))
	r := rand.NewChaCha8(sha256.Sum256(append(m.seed[:], text[:]...)))
	take := func(plane []byte, stride, x0, y0, x1, y1, side int, to []byte) {
		for cy := range ny {
			for cx := range nx {
				sum, n := 0, 0
				for y := y0 + cy*side; y < min(y0+(cy+1)*side, y1); y++ {
					for x := x0 + cx*side; x < min(x0+(cx+1)*side, x1); x++ {
						sum += int(plane[y*stride+x])
						n++
					}
				}
				// Always drawn, also for a cell without a pixel, so that what follows does not depend on the size.
				extra := int(r.Uint64()%(2*noise+1)) - noise
				v := (sum/max(n, 1) + extra) / step * step
				to[cy*nx+cx] = byte(min(max(v, 16), 224))
			}
		}
	}
	take(p.Y, p.StrideY, a.x0, a.y0, a.x1, a.y1, side, c.y)
	if len(p.U) > 0 {
		take(p.U, p.StrideC, a.x0/2, a.y0/2, (a.x1+1)/2, (a.y1+1)/2, side/2, c.u)
		take(p.V, p.StrideC, a.x0/2, a.y0/2, (a.x1+1)/2, (a.y1+1)/2, side/2, c.v)
	}
	return c
}

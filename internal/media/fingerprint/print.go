package fingerprint

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A fingerprint on its way to the vault: magic, pieces of thumbnails, blocks, seconds, lengths of the pieces, and a tail of a fixed
// size that says how much there is of each. All figures are big-endian. See docs/design/fingerprint.md.
const (
	magic     = "zapis fingerprint 1\n"
	tailSize  = 4 + 4 + 4 + 4*2 + 8
	pieceLong = 60 * Rate // pictures in a piece
	maxFrames = 72 * 3600 * Rate
	// A second whose picture shows less than this has a hash of noise.
	leastQuality = 8
	bufferFrames = 30 * Rate // from which bars are found
)

// second is what is kept of one second: the hashes of its middle picture.
type second struct {
	quality byte
	hash    [regions]Hash
}

func (s second) shows() bool { return s.quality >= leastQuality }

const secondSize = 1 + regions*32

// Builder makes a fingerprint from pictures and writes it as it goes. It holds half a minute of pictures and a few hundred bytes for
// every second.
type Builder struct {
	w       io.Writer
	n       int64
	err     error
	waiting [][]byte // until it is known whether there are bars
	ready   bool
	picture rect
	hashers [regions]*hasher
	shrink  *shrinker
	frames  int
	piece   []byte
	pieces  []uint32
	blocks  []byte
	seconds []second
}

// NewBuilder begins a fingerprint that is written to w.
func NewBuilder(w io.Writer) *Builder {
	b := &Builder{w: w}
	b.write([]byte(magic))
	return b
}

func (b *Builder) write(p []byte) {
	if b.err != nil {
		return
	}
	n, err := b.w.Write(p)
	b.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	b.err = err
}

// Frame takes the next picture, of Width*Height bytes. The slice may be used again afterwards.
func (b *Builder) Frame(p []byte) error {
	if len(p) != Width*Height {
		return fmt.Errorf("%w: a picture of %d bytes", ErrFormat, len(p))
	}
	if b.frames+len(b.waiting) >= maxFrames {
		return fmt.Errorf("%w: more pictures than a fingerprint holds", ErrFormat)
	}
	if !b.ready {
		b.waiting = append(b.waiting, bytes.Clone(p))
		if len(b.waiting) == bufferFrames {
			b.begin()
		}
		return b.err
	}
	b.take(p)
	return b.err
}

func (b *Builder) begin() {
	b.ready = true
	var sample [][]byte
	for i := 0; i < len(b.waiting); i += Rate {
		sample = append(sample, b.waiting[i])
	}
	b.picture = framed(sample)
	for i, m := range margins {
		b.hashers[i] = newHasher(b.picture, m)
	}
	b.shrink = newShrinker(b.picture)
	for _, p := range b.waiting {
		b.take(p)
	}
	b.waiting = nil
}

func (b *Builder) take(p []byte) {
	if b.frames%Rate == Rate/2 {
		var s second
		for i, g := range b.hashers {
			h, q := g.hash(p)
			s.hash[i] = h
			if i == 0 {
				s.quality = byte(q)
			}
		}
		b.seconds = append(b.seconds, s)
	}
	small := b.shrink.do(p)
	b.piece = append(b.piece, small[:]...)
	b.blocks = append(b.blocks, blocksOf(small[:])...)
	b.frames++
	if b.frames%pieceLong == 0 {
		b.flush()
	}
}

// flush writes a piece: differences from picture to picture, deflated.
func (b *Builder) flush() {
	if len(b.piece) == 0 || b.err != nil {
		return
	}
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, 5)
	if err == nil {
		for i := len(b.piece) - 1; i >= thumb; i-- {
			b.piece[i] -= b.piece[i-thumb]
		}
		_, err = z.Write(b.piece)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		b.err = err
		return
	}
	b.pieces = append(b.pieces, uint32(out.Len()))
	b.piece = b.piece[:0]
	b.write(out.Bytes())
}

// Close ends the fingerprint and gives its runs for the index and how many seconds it covers; ErrShort if there is nothing to be told
// again.
func (b *Builder) Close() (runs []Run, seconds int, err error) {
	if !b.ready {
		b.begin()
	}
	b.flush()
	if b.err != nil {
		return nil, 0, fmt.Errorf("write fingerprint: %w", b.err)
	}
	if len(b.seconds) == 0 {
		return nil, 0, ErrShort
	}
	b.write(b.blocks)
	for _, s := range b.seconds {
		b.write(s.bytes())
	}
	var table []byte
	for _, n := range b.pieces {
		table = binary.BigEndian.AppendUint32(table, n)
	}
	b.write(table)
	var tail []byte
	tail = binary.BigEndian.AppendUint32(tail, uint32(b.frames))
	tail = binary.BigEndian.AppendUint32(tail, uint32(len(b.seconds)))
	tail = binary.BigEndian.AppendUint32(tail, uint32(len(b.pieces)))
	for _, v := range []int{b.picture.x0, b.picture.y0, b.picture.x1, b.picture.y1} {
		tail = binary.BigEndian.AppendUint16(tail, uint16(v))
	}
	tail = binary.BigEndian.AppendUint64(tail, uint64(b.n+tailSize))
	b.write(tail)
	if b.err != nil {
		return nil, 0, fmt.Errorf("write fingerprint: %w", b.err)
	}
	return runsOf(b.seconds), len(b.seconds), nil
}

func (s second) bytes() []byte {
	out := make([]byte, 0, secondSize)
	out = append(out, s.quality)
	for _, h := range s.hash {
		for _, w := range h {
			out = binary.BigEndian.AppendUint64(out, w)
		}
	}
	return out
}

// Print is a fingerprint that can be compared. It reads thumbnails when they are needed; it is not safe for concurrent use.
type Print struct {
	r       io.ReaderAt
	frames  int
	picture rect
	blocks  []byte
	seconds []second
	pieces  []int64 // where each begins, and where the last one ends
	held    map[int][]byte
	order   []int
}

// Seconds is how much footage it covers.
func (p *Print) Seconds() float64 { return float64(p.frames) / Rate }

// Runs gives what the index holds of it.
func (p *Print) Runs() []Run { return runsOf(p.seconds) }

// Open reads a fingerprint of the given size in bytes; ErrFormat if it is none.
func Open(r io.ReaderAt, size int64) (*Print, error) {
	bad := func(what string) (*Print, error) { return nil, fmt.Errorf("%w: %s", ErrFormat, what) }
	if size < int64(len(magic)+tailSize) {
		return bad("too short")
	}
	head := make([]byte, len(magic))
	if err := readFull(r, head, 0); err != nil {
		return nil, err
	}
	if string(head) != magic {
		return bad("another beginning")
	}
	tail := make([]byte, tailSize)
	if err := readFull(r, tail, size-tailSize); err != nil {
		return nil, err
	}
	frames, seconds, pieces := binary.BigEndian.Uint32(tail), binary.BigEndian.Uint32(tail[4:]), binary.BigEndian.Uint32(tail[8:])
	if binary.BigEndian.Uint64(tail[20:]) != uint64(size) {
		return bad("length")
	}
	if frames == 0 || frames > maxFrames || int(seconds) != (int(frames)+Rate-1-Rate/2)/Rate || int(pieces) != (int(frames)+pieceLong-1)/pieceLong || seconds == 0 {
		return bad("counts")
	}
	at := func(i int) int { return int(binary.BigEndian.Uint16(tail[12+2*i:])) }
	p := &Print{r: r, frames: int(frames), picture: rect{at(0), at(1), at(2), at(3)}, held: map[int][]byte{}}
	if q := p.picture; q.x0 >= q.x1 || q.y0 >= q.y1 || q.x1 > Width || q.y1 > Height {
		return bad("picture")
	}
	rest := int64(frames)*blocks + int64(seconds)*secondSize + int64(pieces)*4
	start := size - tailSize - rest
	if start < int64(len(magic)) {
		return bad("counts and length")
	}
	body := make([]byte, rest)
	if err := readFull(r, body, start); err != nil {
		return nil, err
	}
	p.blocks, body = body[:int(frames)*blocks:int(frames)*blocks], body[int(frames)*blocks:]
	for range seconds {
		s := second{quality: body[0]}
		for i := range s.hash {
			for w := range 4 {
				s.hash[i][w] = binary.BigEndian.Uint64(body[1+32*i+8*w:])
			}
		}
		p.seconds = append(p.seconds, s)
		body = body[secondSize:]
	}
	p.pieces = []int64{int64(len(magic))}
	for i := range int(pieces) {
		p.pieces = append(p.pieces, p.pieces[i]+int64(binary.BigEndian.Uint32(body[4*i:])))
	}
	if p.pieces[pieces] != start {
		return bad("lengths of the pieces")
	}
	return p, nil
}

func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: cut off", ErrFormat)
	}
	return fmt.Errorf("read fingerprint: %w", err)
}

// maxHeld is how many pieces stay in memory, of about 400 kB each.
const maxHeld = 24

// piece gives the thumbnails of piece n.
func (p *Print) piece(n int) ([]byte, error) {
	if b, ok := p.held[n]; ok {
		return b, nil
	}
	long := min(pieceLong, p.frames-n*pieceLong) * thumb
	packed := make([]byte, p.pieces[n+1]-p.pieces[n])
	if err := readFull(p.r, packed, p.pieces[n]); err != nil {
		return nil, err
	}
	b := make([]byte, long)
	z := flate.NewReader(bytes.NewReader(packed))
	if _, err := io.ReadFull(z, b); err != nil {
		return nil, fmt.Errorf("%w: piece %d", ErrFormat, n)
	}
	for i := thumb; i < len(b); i++ {
		b[i] += b[i-thumb]
	}
	if len(p.order) >= maxHeld {
		delete(p.held, p.order[0])
		p.order = p.order[1:]
	}
	p.held[n] = b
	p.order = append(p.order, n)
	return b, nil
}

// thumbnail gives the thumbnail of picture i.
func (p *Print) thumbnail(i int) ([]byte, error) {
	b, err := p.piece(i / pieceLong)
	if err != nil {
		return nil, err
	}
	i %= pieceLong
	return b[i*thumb : (i+1)*thumb], nil
}

// shrinker makes thumbnails of a rectangle of the picture, by area.
type shrinker struct {
	x [thumbW][]tap
	y [thumbH][]tap
}

func newShrinker(r rect) *shrinker {
	s := &shrinker{}
	fill := func(out [][]tap, lo, hi float64) {
		step := (hi - lo) / float64(len(out))
		for i := range out {
			a, b := lo+float64(i)*step, lo+float64(i+1)*step
			for p := int(a); float64(p) < b-1e-9; p++ {
				w := min(b, float64(p+1)) - max(a, float64(p))
				out[i] = append(out[i], tap{p, float32(w / step)})
			}
		}
	}
	fill(s.x[:], float64(r.x0), float64(r.x1))
	fill(s.y[:], float64(r.y0), float64(r.y1))
	return s
}

func (s *shrinker) do(p []byte) (out [thumb]byte) {
	var rows [Height][thumbW]float32
	first, last := s.y[0][0].at, s.y[thumbH-1][len(s.y[thumbH-1])-1].at
	for y := first; y <= last; y++ {
		line := p[y*Width : (y+1)*Width]
		for i := range s.x {
			var v float32
			for _, t := range s.x[i] {
				v += t.weight * float32(line[t.at])
			}
			rows[y][i] = v
		}
	}
	for i := range s.y {
		var sum [thumbW]float32
		for _, t := range s.y[i] {
			for c := range thumbW {
				sum[c] += t.weight * rows[t.at][c]
			}
		}
		for c, v := range sum {
			out[i*thumbW+c] = byte(min(max(v+0.5, 0), 255))
		}
	}
	return out
}

// blocksOf gives the mean of each block of a thumbnail.
func blocksOf(t []byte) []byte {
	const w, h = thumbW / blocksX, thumbH / blocksY
	out := make([]byte, blocks)
	for by := range blocksY {
		for bx := range blocksX {
			sum := 0
			for y := by * h; y < (by+1)*h; y++ {
				for x := bx * w; x < (bx+1)*w; x++ {
					sum += int(t[y*thumbW+x])
				}
			}
			out[by*blocksX+bx] = byte((sum + w*h/2) / (w * h))
		}
	}
	return out
}

package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Size and rate of the small grey frames that the lanes are made from.
const (
	greyWidth  = 160
	greyHeight = 90
	greyRate   = 5
)

// maxSeconds of media in one file: a recorder writes a day at most.
const maxSeconds = 72 * 3600

// Thresholds of the lanes, in grey levels of 255. They are those that found four of four cuts and no false one on
// the test material; see the tests for what they do on made pictures.
const (
	sceneChange = 22.0 // mean change of a cut, and also four times the change before
	blackMean   = 14.0
	blackMax    = 48
	flashChange = 26.0 // change of the mean brightness that counts as a flash
)

// greys turns grey frames into the picture's lanes.
type greys struct {
	rate     float64 // frames a second
	frames   int
	scenes   []float64
	motion   []int
	black    spans
	freeze   spans
	strobe   spans
	cur, prv []byte

	last      float64 // change of the frame before
	sum       float64 // changes of this second
	count     int
	mean      float64
	direction int
	turns     []int // frames at which the brightness turned over
}

// spans gathers stretches.
type spans struct {
	list []Span
	open bool
	from float64
}

func (s *spans) set(on bool, at float64) {
	if on && !s.open {
		s.open, s.from = true, at
	} else if !on && s.open {
		s.open = false
		s.list = append(s.list, Span{s.from, at})
	}
}

// longer drops stretches shorter than least seconds.
func longer(list []Span, least float64) []Span {
	out := []Span{}
	for _, s := range list {
		if s.To-s.From >= least {
			out = append(out, s)
		}
	}
	return out
}

func newGreys(rate float64) *greys {
	return &greys{rate: rate, cur: make([]byte, greyWidth*greyHeight), prv: make([]byte, greyWidth*greyHeight)}
}

// read takes whole frames until the end. A part of a frame at the end is an error: the program was cut off.
func (g *greys) read(r io.Reader, beat func(seconds float64)) error {
	br := bufio.NewReaderSize(r, greyWidth*greyHeight*4)
	for {
		_, err := io.ReadFull(br, g.cur)
		if err == io.EOF {
			break
		}
		if errors.Is(err, io.ErrUnexpectedEOF) { // a torn frame: the program did not end as it should
			err = fmt.Errorf("%w: %w", ErrNoReport, err)
		}
		if err != nil {
			return fmt.Errorf("grey frame %d: %w", g.frames, err)
		}
		g.frame()
		if at := float64(g.frames) / g.rate; at > maxSeconds {
			return fmt.Errorf("%w: more than %d hours of media", ErrTooLarge, maxSeconds/3600)
		} else if beat != nil {
			beat(at)
		}
		g.cur, g.prv = g.prv, g.cur
	}
	g.endSecond()
	end := float64(g.frames) / g.rate
	g.black.set(false, end)
	g.freeze.set(false, end)
	g.strobe.set(false, end)
	return nil
}

func (g *greys) frame() {
	at := float64(g.frames) / g.rate
	sum, diff, top := 0, 0, byte(0)
	prv := g.prv[:len(g.cur)]
	for i, v := range g.cur {
		sum += int(v)
		d := int(v) - int(prv[i])
		if d < 0 {
			d = -d
		}
		diff += d
		top = max(top, v)
	}
	n := float64(len(g.cur))
	mean, change := float64(sum)/n, float64(diff)/n
	if g.frames > 0 {
		if change > sceneChange && change > 4*g.last+4 {
			g.scenes = append(g.scenes, math.Round(at*100)/100)
		}
		g.freeze.set(diff == 0, at-1/g.rate)
		g.flash(mean - g.mean)
		g.last = change
		g.sum += change
	}
	g.black.set(mean < blackMean && top < blackMax, at)
	g.mean = mean
	g.frames++
	g.count++
	if float64(g.count) >= g.rate {
		g.endSecond()
	}
}

// flash notices fast changes of brightness to and fro: three turns within a second.
func (g *greys) flash(step float64) {
	d := 0
	if step > flashChange {
		d = 1
	} else if step < -flashChange {
		d = -1
	}
	if d != 0 && d == -g.direction {
		g.turns = append(g.turns, g.frames)
	}
	if d != 0 {
		g.direction = d
	}
	for len(g.turns) > 0 && float64(g.frames-g.turns[0]) > g.rate {
		g.turns = g.turns[1:]
	}
	g.strobe.set(len(g.turns) >= 3, float64(g.frames)/g.rate)
}

func (g *greys) endSecond() {
	if g.count == 0 {
		return
	}
	// The square root spreads the small figures, which are those of a person far from the camera.
	per := g.sum / float64(g.count)
	g.motion = append(g.motion, int(min(255, math.Round(math.Sqrt(per/64)*255))))
	g.sum, g.count = 0, 0
}

func (g *greys) lanes(l *Lanes) {
	l.Scenes, l.Motion = append([]float64{}, g.scenes...), append([]int{}, g.motion...)
	l.Black, l.Freeze, l.Strobe = longer(g.black.list, 0.5), longer(g.freeze.list, 2), longer(g.strobe.list, 0)
	l.Seconds = max(l.Seconds, len(g.motion))
}

// Sound for the lanes is 16-bit mono at this rate.
const (
	soundRate      = 16000
	peaksPerSecond = 50
	silenceBelow   = -50.0 // dB below full scale
	silenceLeast   = 2.0   // seconds
)

// sounds turns samples into the sound's lanes.
type sounds struct {
	samples  int64
	peaks    []int8
	loudness []float64
	silence  spans

	lo, hi   int16
	power    float64
	loud     bs1770
	quietest float64
}

func (s *sounds) read(r io.Reader, beat func(seconds float64)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	buf := make([]byte, 2*soundRate/peaksPerSecond)
	for {
		n, err := io.ReadFull(br, buf)
		if err == io.EOF {
			break
		}
		last := errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return fmt.Errorf("sound at sample %d: %w", s.samples, err)
		}
		if n%2 != 0 {
			return fmt.Errorf("sound at sample %d: %w", s.samples, io.ErrUnexpectedEOF)
		}
		s.piece(buf[:n])
		if s.samples > maxSeconds*soundRate {
			return fmt.Errorf("%w: more than %d hours of sound", ErrTooLarge, maxSeconds/3600)
		}
		if beat != nil && s.samples%(soundRate) == 0 {
			beat(float64(s.samples) / soundRate)
		}
		if last {
			break
		}
	}
	if rest := s.samples % soundRate; rest > 0 {
		s.second(float64(rest))
	}
	s.silence.set(false, float64(s.samples)/soundRate)
	return nil
}

func (s *sounds) piece(b []byte) {
	s.lo, s.hi = math.MaxInt16, math.MinInt16
	for i := 0; i+1 < len(b); i += 2 {
		v := int16(binary.LittleEndian.Uint16(b[i:]))
		s.lo, s.hi = min(s.lo, v), max(s.hi, v)
		x := float64(v) / 32768
		s.power += x * x
		s.loud.add(x)
	}
	s.peaks = append(s.peaks, int8(s.lo>>8), int8(s.hi>>8))
	s.samples += int64(len(b) / 2)
	if s.samples%soundRate == 0 {
		s.second(soundRate)
	}
}

func (s *sounds) second(n float64) {
	db := max(-90, 10*math.Log10(s.power/n+1e-12))
	at := float64(len(s.loudness))
	s.silence.set(db < silenceBelow, at)
	s.loudness = append(s.loudness, math.Round(db*10)/10)
	s.power = 0
}

func (s *sounds) lanes(l *Lanes) {
	l.PeaksPerSecond = peaksPerSecond
	l.Peaks, l.Loudness = s.peaks, append([]float64{}, s.loudness...)
	l.Silence = longer(s.silence.list, silenceLeast)
	l.Integrated = s.loud.integrated()
	l.Seconds = max(l.Seconds, len(s.loudness))
}

// bs1770 measures programme loudness after ITU-R BS.1770-4: two filters, blocks of 400 ms every 100 ms, an
// absolute and a relative gate. One channel.
type bs1770 struct {
	shelf, pass biquad
	ready       bool
	quarter     [4]float64 // powers of the last four 100 ms
	sum         float64
	n, hundreds int
	blocks      []float32
}

type biquad struct{ b0, b1, b2, a1, a2, z1, z2 float64 }

func (q *biquad) step(x float64) float64 {
	y := q.b0*x + q.z1
	q.z1 = q.b1*x - q.a1*y + q.z2
	q.z2 = q.b2*x - q.a2*y
	return y
}

// prepare makes the filters for soundRate, from the analogue prototypes behind the recommendation's figures, which
// are for 48 kHz.
func (m *bs1770) prepare() {
	m.ready = true
	k := math.Tan(math.Pi * 1681.974450955533 / soundRate)
	const q, gain = 0.7071752369554196, 3.999843853973347
	vh := math.Pow(10, gain/20)
	vb := math.Pow(vh, 0.4996667741545416)
	a0 := 1 + k/q + k*k
	m.shelf = biquad{
		b0: (vh + vb*k/q + k*k) / a0, b1: 2 * (k*k - vh) / a0, b2: (vh - vb*k/q + k*k) / a0,
		a1: 2 * (k*k - 1) / a0, a2: (1 - k/q + k*k) / a0,
	}
	k = math.Tan(math.Pi * 38.13547087602444 / soundRate)
	const qp = 0.5003270373238773
	a0 = 1 + k/qp + k*k
	m.pass = biquad{b0: 1, b1: -2, b2: 1, a1: 2 * (k*k - 1) / a0, a2: (1 - k/qp + k*k) / a0}
}

func (m *bs1770) add(x float64) {
	if !m.ready {
		m.prepare()
	}
	y := m.pass.step(m.shelf.step(x))
	m.sum += y * y
	if m.n++; m.n < soundRate/10 {
		return
	}
	m.quarter[m.hundreds%4] = m.sum / (soundRate / 10)
	m.hundreds++
	m.n, m.sum = 0, 0
	if m.hundreds >= 4 {
		m.blocks = append(m.blocks, float32((m.quarter[0]+m.quarter[1]+m.quarter[2]+m.quarter[3])/4))
	}
}

func (m *bs1770) integrated() float64 {
	lufs := func(p float64) float64 { return -0.691 + 10*math.Log10(p+1e-20) }
	gated := func(gate float64) float64 {
		sum, n := 0.0, 0
		for _, p := range m.blocks {
			if lufs(float64(p)) > gate {
				sum += float64(p)
				n++
			}
		}
		if n == 0 {
			return 0
		}
		return sum / float64(n)
	}
	p := gated(-70)
	if p == 0 {
		return -70
	}
	if q := gated(lufs(p) - 10); q > 0 {
		p = q
	}
	return math.Round(max(-70, lufs(p))*10) / 10
}

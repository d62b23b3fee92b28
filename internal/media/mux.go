package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// errProxy: the working copy that came out of the encoder is not what the recipe promises.
var errProxy = errors.New("working copy does not hold together")

// errNoSamples: nothing at all came out. errNoPicture: sound did.
var (
	errNoSamples = fmt.Errorf("%w: no samples", errProxy)
	errNoPicture = fmt.Errorf("%w: no picture", errProxy)
)

// The encoder's MP4 comes through a pipe, so it comes in fragments. A fragmented file without an index at the
// front plays badly over range requests: a player has to walk it to learn its length and its key frames. A plain
// one with the index at the front needs the whole file to be kept somewhere until the index is known. So the
// fragments are taken apart here as they come: their material is passed on at once, one mdat box a fragment, and
// one plain index is written at the end, where players fetch it with a second range request. Nothing but the
// index is held, about 8 bytes a frame. Taking it apart checks it as well.

// outSample is one frame in the index to be written.
type outSample struct {
	size     uint32
	duration uint32
	offset   int32
	sync     bool
}

type outChunk struct {
	at      int64
	samples int
}

// outTrack is one track in the index to be written. Samples lie in columns, for memory.
type outTrack struct {
	handler   string // "vide" or "soun"
	scale     uint32
	stsd      []byte
	tkhd      []byte
	sizes     []uint32
	durations []run
	offsets   []run
	syncs     []uint32 // numbers from 1
	chunks    []outChunk
	first     int64 // decoding time of the first sample
	total     int64 // sum of durations
	low       int64 // first presentation time, counted from the first decoding time
	skip      int64 // presentation time to begin with, as the edit list says, at least low
	delay     int64 // empty time before it, in this track's units
}

type run struct {
	n uint32
	v int64
}

func appendRun(r []run, v int64) []run {
	if len(r) > 0 && r[len(r)-1].v == v {
		r[len(r)-1].n++
		return r
	}
	return append(r, run{1, v})
}

func (t *outTrack) add(s outSample) {
	t.sizes = append(t.sizes, s.size)
	t.durations = appendRun(t.durations, int64(s.duration))
	t.offsets = appendRun(t.offsets, int64(s.offset))
	if s.sync {
		t.syncs = append(t.syncs, uint32(len(t.sizes)))
	}
	t.total += int64(s.duration)
}

// movieWriter makes the index.
type movieWriter struct{ tracks []*outTrack }

type boxes struct{ b []byte }

func (w *boxes) u8(v ...byte) { w.b = append(w.b, v...) }
func (w *boxes) u16(v ...uint16) {
	for _, x := range v {
		w.b = binary.BigEndian.AppendUint16(w.b, x)
	}
}
func (w *boxes) u32(v ...uint32) {
	for _, x := range v {
		w.b = binary.BigEndian.AppendUint32(w.b, x)
	}
}
func (w *boxes) u64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }

// box writes a box around what f writes.
func (w *boxes) box(kind string, f func()) {
	at := len(w.b)
	w.u32(0)
	w.b = append(w.b, kind...)
	f()
	binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at))
}

const movieScale = 1000

// moov writes the index; with edits, tracks begin where their skip says.
func (m movieWriter) moov(edits bool) []byte {
	var w boxes
	var longest int64
	for _, t := range m.tracks {
		longest = max(longest, t.inMovie(t.delay+t.shown()))
	}
	matrix := func() { w.u32(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30) }
	w.box("moov", func() {
		w.box("mvhd", func() {
			// No times of making: they would say when somebody worked on it.
			w.u32(1<<24, 0, 0, 0, 0, movieScale)
			w.u64(uint64(longest))
			w.u32(1<<16, 1<<24, 0, 0)
			matrix()
			w.u32(0, 0, 0, 0, 0, 0, uint32(len(m.tracks)+1))
		})
		for i, t := range m.tracks {
			w.box("trak", func() {
				w.box("tkhd", func() {
					w.u32(1<<24|3, 0, 0, 0, 0, uint32(i+1), 0)
					w.u64(uint64(t.inMovie(t.delay + t.shown())))
					w.u32(0, 0)
					volume := uint16(0)
					if t.handler == "soun" {
						volume = 1 << 8
					}
					w.u16(0, 0, volume, 0)
					matrix()
					var width, height uint32
					if n := len(t.tkhd); n >= 84 {
						width, height = binary.BigEndian.Uint32(t.tkhd[n-8:]), binary.BigEndian.Uint32(t.tkhd[n-4:])
					}
					w.u32(width, height)
				})
				if edits && (t.skip != 0 || t.delay != 0) {
					w.box("edts", func() {
						w.box("elst", func() {
							entries := uint32(1)
							if t.delay > 0 {
								entries = 2
							}
							w.u32(1<<24, entries)
							if t.delay > 0 {
								w.u64(uint64(t.inMovie(t.delay)))
								w.u64(math.MaxUint64) // -1: nothing
								w.u32(1 << 16)
							}
							w.u64(uint64(t.inMovie(t.shown())))
							w.u64(uint64(t.skip))
							w.u32(1 << 16)
						})
					})
				}
				w.box("mdia", func() { t.mdia(&w) })
			})
		}
	})
	return w.b
}

// shown is how much of the track is presented: all of it but what lies before skip.
func (t *outTrack) shown() int64 { return max(t.total-(t.skip-t.low), 0) }

func (t *outTrack) inMovie(v int64) int64 {
	return (max(v, 0)*movieScale + int64(t.scale) - 1) / int64(max(t.scale, 1))
}

func (t *outTrack) mdia(w *boxes) {
	w.box("mdhd", func() {
		w.u32(1<<24, 0, 0, 0, 0, t.scale)
		w.u64(uint64(t.total))
		w.u16(0x55c4, 0) // language: undetermined
	})
	w.box("hdlr", func() {
		w.u32(0, 0)
		w.u8([]byte(t.handler)...)
		w.u32(0, 0, 0)
		w.u8(0)
	})
	w.box("minf", func() {
		if t.handler == "vide" {
			w.box("vmhd", func() { w.u32(1, 0, 0) })
		} else {
			w.box("smhd", func() { w.u32(0, 0) })
		}
		w.box("dinf", func() {
			w.box("dref", func() {
				w.u32(0, 1)
				w.box("url ", func() { w.u32(1) })
			})
		})
		w.box("stbl", func() {
			w.box("stsd", func() { w.u8(t.stsd...) })
			w.box("stts", func() {
				w.u32(0, uint32(len(t.durations)))
				for _, r := range t.durations {
					w.u32(r.n, uint32(r.v))
				}
			})
			if len(t.offsets) > 1 || len(t.offsets) == 1 && t.offsets[0].v != 0 {
				w.box("ctts", func() {
					w.u32(1<<24, uint32(len(t.offsets)))
					for _, r := range t.offsets {
						w.u32(r.n, uint32(int32(r.v)))
					}
				})
			}
			if len(t.syncs) < len(t.sizes) {
				w.box("stss", func() { w.u32(0, uint32(len(t.syncs))); w.u32(t.syncs...) })
			}
			w.box("stsc", func() {
				var entries [][2]uint32
				for i, c := range t.chunks {
					if n := uint32(c.samples); len(entries) == 0 || entries[len(entries)-1][1] != n {
						entries = append(entries, [2]uint32{uint32(i + 1), n})
					}
				}
				w.u32(0, uint32(len(entries)))
				for _, e := range entries {
					w.u32(e[0], e[1], 1)
				}
			})
			w.box("stsz", func() { w.u32(0, 0, uint32(len(t.sizes))); w.u32(t.sizes...) })
			w.box("co64", func() {
				w.u32(0, uint32(len(t.chunks)))
				for _, c := range t.chunks {
					w.u64(uint64(c.at))
				}
			})
		})
	})
}

// defragmenter turns the encoder's fragments into a plain MP4 with its index at the end.
type defragmenter struct {
	r       io.Reader
	w       io.Writer
	written int64
	tracks  map[uint32]*outTrack
	order   []uint32
	extends map[uint32]trackDefaults
	ended   bool
	brand   string
	// nameless takes the encoder's name out of the sample descriptions.
	nameless bool
}

type trackDefaults struct{ duration, size, flags uint32 }

const (
	maxInit  = 1 << 20
	maxMoof  = 16 << 20
	maxFrags = 1 << 20
	maxOut   = 16 << 20 // samples of a working copy: 72 hours at 60 a second
)

// defragment reads the whole stream. An error of w is given as it is.
func defragment(r io.Reader, w io.Writer, brand string) (*defragmenter, error) {
	return newDefragmenter(r, w, brand).run()
}

func newDefragmenter(r io.Reader, w io.Writer, brand string) *defragmenter {
	return &defragmenter{r: r, w: w, tracks: map[uint32]*outTrack{}, extends: map[uint32]trackDefaults{}, brand: brand}
}

func (d *defragmenter) run() (*defragmenter, error) {
	if err := d.all(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *defragmenter) put(b []byte) error {
	n, err := d.w.Write(b)
	d.written += int64(n)
	return err
}

func (d *defragmenter) all() error {
	var pending []pendingRun
	for n := 0; ; n++ {
		if n > maxFrags {
			return fmt.Errorf("%w: too many boxes", errProxy)
		}
		var head [16]byte
		if _, err := io.ReadFull(d.r, head[:8]); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("%w: %w", errProxy, err)
		}
		length, header := uint64(binary.BigEndian.Uint32(head[:])), uint64(8)
		if length == 1 {
			if _, err := io.ReadFull(d.r, head[8:]); err != nil {
				return fmt.Errorf("%w: %w", errProxy, err)
			}
			length, header = binary.BigEndian.Uint64(head[8:]), 16
		}
		if length < header || length-header > math.MaxInt64/2 {
			return fmt.Errorf("%w: length of a box", errProxy)
		}
		length -= header
		body := func(limit uint64) ([]byte, error) {
			if length > limit {
				return nil, fmt.Errorf("%w: box too long", errProxy)
			}
			b := make([]byte, length)
			if _, err := io.ReadFull(d.r, b); err != nil {
				return nil, fmt.Errorf("%w: %w", errProxy, err)
			}
			return b, nil
		}
		switch kind := string(head[4:8]); kind {
		case "moov":
			b, err := body(maxInit)
			if err != nil {
				return err
			}
			if err := d.begin(b); err != nil {
				return err
			}
		case "moof":
			b, err := body(maxMoof)
			if err != nil {
				return err
			}
			if len(pending) > 0 || d.written == 0 {
				return fmt.Errorf("%w: fragment out of turn", errProxy)
			}
			if pending, err = d.fragment(b); err != nil {
				return err
			}
		case "mdat":
			if len(pending) == 0 {
				return fmt.Errorf("%w: material without a fragment", errProxy)
			}
			if err := d.material(pending, int64(length)); err != nil {
				return err
			}
			pending = nil
		case "mfra":
			d.ended = true
			if _, err := body(64 << 20); err != nil {
				return err
			}
		default:
			if _, err := body(maxInit); err != nil {
				return err
			}
		}
	}
	if len(pending) > 0 {
		return fmt.Errorf("%w: material missing", errProxy)
	}
	if !d.ended {
		return fmt.Errorf("%w: the end is missing", errProxy)
	}
	return d.finish()
}

// begin reads the tracks and writes the file type.
func (d *defragmenter) begin(moov []byte) error {
	if len(d.tracks) > 0 {
		return fmt.Errorf("%w: two indexes", errProxy)
	}
	err := children(moov, func(kind string, body []byte) error {
		switch kind {
		case "trak":
			t := &outTrack{}
			var ok bool
			if t.tkhd, ok = path(body, "tkhd"); !ok || len(t.tkhd) < 84 || t.tkhd[0] != 0 {
				return errBoxes
			}
			id := binary.BigEndian.Uint32(t.tkhd[12:])
			mdhd, ok := path(body, "mdia", "mdhd")
			if !ok || len(mdhd) < 20 || mdhd[0] != 0 {
				return errBoxes
			}
			t.scale = binary.BigEndian.Uint32(mdhd[12:])
			hdlr, ok := path(body, "mdia", "hdlr")
			if !ok || len(hdlr) < 12 || t.scale == 0 {
				return errBoxes
			}
			t.handler = string(hdlr[8:12])
			if t.handler != "vide" && t.handler != "soun" {
				return errBoxes
			}
			if t.stsd, ok = path(body, "mdia", "minf", "stbl", "stsd"); !ok {
				return errBoxes
			}
			if entry, _, ok := child(t.stsd[min(8, len(t.stsd)):], "avc1"); d.nameless && ok && len(entry) >= 78 {
				clear(entry[42:74]) // compressorname of ISO/IEC 14496-12 section 12.1.3
			}
			if d.tracks[id] != nil || len(d.order) == 2 {
				return errBoxes
			}
			t.first = -1
			d.tracks[id] = t
			d.order = append(d.order, id)
		case "mvex":
			return children(body, func(kind string, b []byte) error {
				if kind == "trex" && len(b) >= 24 {
					d.extends[binary.BigEndian.Uint32(b[4:])] = trackDefaults{
						binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:]),
					}
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: index: %w", errProxy, err)
	}
	if len(d.tracks) == 0 {
		return fmt.Errorf("%w: no tracks", errProxy)
	}
	var w boxes
	w.box("ftyp", func() { w.u8([]byte(d.brand)...); w.u32(0x200); w.u8([]byte(d.brand + "iso2mp41")...) })
	return d.put(w.b)
}

// pendingRun is a run of samples whose material comes next.
type pendingRun struct {
	track   *outTrack
	at      int64 // in the material
	size    int64
	samples int
}

// fragment reads a moof.
func (d *defragmenter) fragment(moof []byte) (runs []pendingRun, err error) {
	bad := func(what string) error { return fmt.Errorf("%w: fragment: %s", errProxy, what) }
	err = children(moof, func(kind string, traf []byte) error {
		if kind != "traf" {
			return nil
		}
		tfhd, ok := path(traf, "tfhd")
		if !ok || len(tfhd) < 8 {
			return bad("header")
		}
		flags := binary.BigEndian.Uint32(tfhd) & 0xffffff
		id := binary.BigEndian.Uint32(tfhd[4:])
		t := d.tracks[id]
		if t == nil || flags&1 != 0 {
			return bad("track")
		}
		def := d.extends[id]
		rest := tfhd[8:]
		take := func(flag uint32, to *uint32) error {
			if flags&flag == 0 {
				return nil
			}
			if len(rest) < 4 {
				return bad("header")
			}
			if to != nil {
				*to = binary.BigEndian.Uint32(rest)
			}
			rest = rest[4:]
			return nil
		}
		if err := errors.Join(take(2, nil), take(8, &def.duration), take(0x10, &def.size), take(0x20, &def.flags)); err != nil {
			return err
		}
		tfdt, ok := path(traf, "tfdt")
		if !ok || len(tfdt) < 8 {
			return bad("time")
		}
		start := int64(binary.BigEndian.Uint32(tfdt[4:]))
		if tfdt[0] == 1 {
			if len(tfdt) < 12 {
				return bad("time")
			}
			start = int64(binary.BigEndian.Uint64(tfdt[4:]))
		}
		if err := t.startAt(start); err != nil {
			return err
		}
		return children(traf, func(kind string, trun []byte) error {
			if kind != "trun" {
				return nil
			}
			p, err := t.run(trun, def, int64(len(moof)+8))
			if err != nil {
				return err
			}
			runs = append(runs, p)
			return nil
		})
	})
	if err == nil && len(runs) == 0 {
		err = bad("empty")
	}
	return runs, err
}

// startAt lines a fragment up with what is there; a gap lengthens the sample before.
func (t *outTrack) startAt(start int64) error {
	if start < 0 {
		return fmt.Errorf("%w: time below zero", errProxy)
	}
	if t.first < 0 {
		t.first, t.delay = start, start
		return nil
	}
	gap := start - (t.first + t.total)
	if gap == 0 {
		return nil
	}
	last := len(t.durations) - 1
	if gap < 0 || last < 0 || t.durations[last].v+gap > math.MaxInt32 {
		return fmt.Errorf("%w: times overlap", errProxy)
	}
	d := t.durations[last].v + gap
	if t.durations[last].n--; t.durations[last].n == 0 {
		t.durations = t.durations[:last]
	}
	t.durations = appendRun(t.durations, d)
	t.total += gap
	return nil
}

func (t *outTrack) run(trun []byte, def trackDefaults, moof int64) (pendingRun, error) {
	bad := fmt.Errorf("%w: run of samples", errProxy)
	if len(trun) < 8 {
		return pendingRun{}, bad
	}
	flags := binary.BigEndian.Uint32(trun) & 0xffffff
	n := binary.BigEndian.Uint32(trun[4:])
	rest := trun[8:]
	next := func() uint32 {
		if len(rest) < 4 {
			rest = nil
			return 0
		}
		v := binary.BigEndian.Uint32(rest)
		rest = rest[4:]
		return v
	}
	if flags&1 == 0 {
		return pendingRun{}, bad
	}
	p := pendingRun{track: t, at: int64(int32(next())) - moof - 8, samples: int(n)}
	firstFlags, hasFirst := uint32(0), flags&4 != 0
	if hasFirst {
		firstFlags = next()
	}
	fields := 0
	for _, f := range []uint32{0x100, 0x200, 0x400, 0x800} {
		if flags&f != 0 {
			fields += 4
		}
	}
	if n == 0 || n > maxOut || uint64(len(rest)) != uint64(n)*uint64(fields) || fields == 0 && n > 4096 ||
		len(t.sizes)+int(n) > maxOut || p.at < 0 {
		return pendingRun{}, bad
	}
	for i := range n {
		s := outSample{size: def.size, duration: def.duration}
		fl := def.flags
		if flags&0x100 != 0 {
			s.duration = next()
		}
		if flags&0x200 != 0 {
			s.size = next()
		}
		if flags&0x400 != 0 {
			fl = next()
		} else if i == 0 && hasFirst {
			fl = firstFlags
		}
		if flags&0x800 != 0 {
			s.offset = int32(next())
		}
		s.sync = fl&0x10000 == 0
		if s.size == 0 || s.duration > math.MaxInt32 {
			return pendingRun{}, bad
		}
		t.add(s)
		p.size += int64(s.size)
	}
	return p, nil
}

// material passes the material of a fragment on. All of it must belong to the runs, without gap or overlap.
func (d *defragmenter) material(runs []pendingRun, length int64) error {
	var at int64
	for _, r := range runs {
		if r.at != at {
			return fmt.Errorf("%w: material out of place", errProxy)
		}
		at += r.size
		r.track.chunks = append(r.track.chunks, outChunk{d.written + 16 + r.at, r.samples})
	}
	if at != length {
		return fmt.Errorf("%w: material of another length", errProxy)
	}
	var w boxes
	w.u32(1)
	w.u8([]byte("mdat")...)
	w.u64(uint64(length + 16))
	if err := d.put(w.b); err != nil {
		return err
	}
	n, err := io.CopyN(d.w, d.r, length)
	d.written += n
	if err == io.EOF {
		err = fmt.Errorf("%w: material cut off", errProxy)
	}
	return err
}

// priming is how many samples an AAC encoder puts before the sound.
const priming = 1024

// finish lines the tracks up, so that the first picture (or, without one, the first sound) is at zero, and writes
// the index.
func (d *defragmenter) finish() error {
	var m movieWriter
	base := 0.0
	for i, id := range d.order {
		t := d.tracks[id]
		if len(t.sizes) == 0 {
			continue // a sound track that is empty
		}
		t.low = t.lowest()
		t.skip = t.low
		m.tracks = append(m.tracks, t)
		begin := float64(t.first+t.skip) / float64(t.scale)
		if t.handler == "vide" || i == 0 {
			base = begin
			if t.handler == "soun" {
				base += priming / float64(t.scale)
			}
		}
	}
	if len(m.tracks) == 0 {
		return errNoSamples
	}
	for _, t := range m.tracks {
		late := int64(math.Round((float64(t.first+t.skip)/float64(t.scale) - base) * float64(t.scale)))
		t.delay = max(late, 0)
		t.skip = min(t.skip+max(-late, 0), t.total)
	}
	return d.put(m.moov(true))
}

// lowest is the first presentation time, counted from the first decoding time.
func (t *outTrack) lowest() int64 {
	var clock int64
	low := int64(math.MaxInt64)
	at, used := 0, uint32(0)
	for _, r := range t.durations {
		for k := uint32(0); k < r.n; k++ {
			if clock > 2*int64(t.scale) && low < math.MaxInt64 {
				return max(low, 0) // frames are not put back by more than a few
			}
			low = min(low, clock+t.offsets[at].v)
			clock += r.v
			if used++; used == t.offsets[at].n && at+1 < len(t.offsets) {
				at, used = at+1, 0
			}
		}
	}
	return max(low, 0)
}

// track gives the track of a handler.
func (d *defragmenter) track(handler string) *outTrack {
	for _, id := range d.order {
		if t := d.tracks[id]; t.handler == handler && len(t.sizes) > 0 {
			return t
		}
	}
	return nil
}

// Package mp4check holds a finished MP4 against the list of what a released one may contain.
//
// It guarantees, for a file in which it finds no problem: the file is boxes of the kinds that a released clip has, each where it belongs and as
// often as it may be there, without room for anything else; one track of H.264 pictures and at most one of AAC sound; no dates, no names, no tags, no
// free space, no bytes before, between or after; every byte of the material belongs to exactly one sample; every picture is shown, at one constant rate, no
// edit list leaves any out; the key frames are those that are listed; pictures hold coded slices only, no messages of an encoder. The form is that of ISO/IEC 14496-12 and 14496-15 as written by this
// archive; a file of another writer is refused even if nothing is wrong with it.
//
// It does not decode: what the pictures show, and what could be hidden in coded slices by somebody who made the encoder, it cannot know. It writes
// nothing and trusts nothing in the file.
package mp4check

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Problem is something in a file that must not be in a released one.
type Problem struct {
	Path string // boxes from the outermost, as "moov/trak[1]/udta"; "" for the file
	What string // in words, without anything from the file but names of boxes and figures
}

// String gives both.
func (p Problem) String() string { return p.Path + ": " + p.What }

const (
	maxProblems = 50
	maxMoov     = 256 << 20
	maxSamples  = 16 << 20
	maxChunk    = 256 << 20 // material of one fragment
	maxNAL      = 256       // bytes of a parameter set
	maxMovie    = 32 * 24 * 3600 * movieScale
)

// Check reads a whole file of size bytes and lists what is wrong with it, at most 50 problems. An error is one of reading.
func Check(r io.ReaderAt, size int64) ([]Problem, error) {
	c := &checker{r: r, size: size}
	c.file()
	if c.err != nil {
		return c.problems, fmt.Errorf("read file: %w", c.err)
	}
	return c.problems, nil
}

type checker struct {
	r        io.ReaderAt
	size     int64
	problems []Problem
	err      error
	material []extent
	tracks   []*track
	movie    int64 // duration that mvhd states
	next     uint32
}

type extent struct{ from, to int64 }

type track struct {
	path      string
	handler   string
	id        uint32
	shown     int64 // duration that tkhd states, movie units
	size      [2]uint32
	entrySize [2]uint32
	scale     int64
	duration  int64
	edits     [][2]int64 // duration, media time
	edited    bool
	sizes     []byte // four bytes each
	durations [][2]uint32
	offsets   [][2]int64
	total     int64
	low       int64 // lowest time of presentation
	chunks    []int64
	perChunk  [][2]uint32
	broken    bool // tables contradict each other: samples are not looked at
	syncs     []uint32
	hasSync   bool
	chunkOf   []chunk
}

type chunk struct {
	at      int64
	size    int64
	first   int // sample
	samples int
	track   *track
}

func (c *checker) add(path, format string, a ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, Problem{path, fmt.Sprintf(format, a...)})
	}
}

// read gives n bytes at a place, nil when they cannot be had.
func (c *checker) read(at, n int64) []byte {
	if c.err != nil || at < 0 || n < 0 || at > c.size || n > c.size-at {
		return nil
	}
	b := make([]byte, n)
	if k, err := c.r.ReadAt(b, at); int64(k) < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		c.err = err
		return nil
	}
	return b
}

// name gives the kind of a box for people: only what is printable, so that nothing of a file gets into a report.
func name(b []byte) string {
	for _, v := range b {
		if v < 0x20 || v > 0x7e {
			return "(a box without a name)"
		}
	}
	return string(b)
}

// file walks the outermost boxes: ftyp, material, moov, and nothing else.
func (c *checker) file() {
	seenMoov := false
	n := 0
	for at := int64(0); at < c.size; n++ {
		if n > 1<<20 {
			c.add("", "too many boxes")
			return
		}
		if c.size-at < 8 {
			c.add("", "%d bytes after the last box", c.size-at)
			return
		}
		head := c.read(at, min(16, c.size-at))
		if head == nil {
			return
		}
		kind := name(head[4:8])
		length, header := int64(binary.BigEndian.Uint32(head)), int64(8)
		if length == 1 && kind == "mdat" && len(head) == 16 {
			length, header = int64(binary.BigEndian.Uint64(head[8:])), 16
		}
		if length < header || length > c.size-at {
			c.add(kind, "its length does not fit: bytes that belong to nothing")
			return
		}
		if seenMoov {
			c.add(kind, "after the index there must be nothing")
		}
		if (n == 0) != (kind == "ftyp") {
			c.add(kind, "a file begins with one ftyp")
		}
		switch kind {
		case "ftyp":
			b := c.read(at+8, min(length-8, 64))
			if b != nil && (length != 28 || !bytes.Equal(b, []byte("isom\x00\x00\x02\x00isomiso2mp41"))) {
				c.add(kind, "brands other than isom, iso2, mp41")
			}
		case "mdat":
			if length == header {
				c.add(kind, "it is empty")
			}
			c.material = append(c.material, extent{at + header, at + length})
		case "moov":
			if seenMoov {
				break
			}
			seenMoov = true
			if length > maxMoov {
				c.add(kind, "it is too long")
				break
			}
			if b := c.read(at+8, length-8); b != nil {
				c.moov(b)
			}
		default:
			c.add(kind, "a box of this kind is not allowed here")
		}
		if c.err != nil {
			return
		}
		at += length
	}
	if !seenMoov {
		c.add("", "no index")
		return
	}
	if len(c.material) == 0 {
		c.add("", "no material")
	}
	c.layout()
}

// rule says how often a box may be in another and what reads it.
type rule struct {
	least, most int
	read        func(path string, body []byte)
}

// boxes walks the boxes of a body, all of it.
func (c *checker) boxes(path string, body []byte, rules map[string]rule) {
	seen := map[string]int{}
	for at := 0; at < len(body); {
		rest := body[at:]
		if len(rest) < 8 {
			c.add(path, "%d bytes after its last box", len(rest))
			break
		}
		kind := name(rest[4:8])
		length := int64(binary.BigEndian.Uint32(rest))
		if length < 8 || length > int64(len(rest)) {
			c.add(path+"/"+kind, "its length does not fit: bytes that belong to nothing")
			break
		}
		r, ok := rules[kind]
		seen[kind]++
		where := path + "/" + kind
		if r.most > 1 {
			where = fmt.Sprintf("%s[%d]", where, seen[kind]-1)
		}
		switch {
		case !ok:
			c.add(where, "a box of this kind is not allowed here")
		case seen[kind] > r.most:
			c.add(where, "more often than it may be there")
		default:
			r.read(where, rest[8:length])
		}
		at += int(length)
	}
	for _, kind := range slices.Sorted(mapKeys(rules)) {
		if seen[kind] < rules[kind].least {
			c.add(path, "%s is missing", kind)
		}
	}
}

func mapKeys(m map[string]rule) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// fields reads a body of fixed form from front to back.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if len(f.b) < n {
		f.short, f.b = true, nil
		return make([]byte, n)
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}
func (f *fields) u8() uint8   { return f.take(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }
func (f *fields) zero(n int) bool {
	for _, v := range f.take(n) {
		if v != 0 {
			return false
		}
	}
	return true
}

// end holds that a body was exactly as long as read.
func (c *checker) end(path string, f *fields) bool {
	if f.short || len(f.b) > 0 {
		c.add(path, "its length is not that of its fields")
		return false
	}
	return true
}

var matrix = []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0}

// movieScale is the unit of times of the whole film: milliseconds.
const movieScale = 1000

func (c *checker) moov(body []byte) {
	c.boxes("moov", body, map[string]rule{
		"mvhd": {1, 1, func(path string, b []byte) {
			f := &fields{b: b}
			if f.u32() != 1<<24 {
				c.add(path, "version or flags")
			}
			if !f.zero(16) {
				c.add(path, "it tells when the film was made")
			}
			if f.u32() != movieScale {
				c.add(path, "unit of time")
			}
			c.movie = held(f.u64())
			if f.u32() != 1<<16 || f.u16() != 1<<8 || !f.zero(10) || !bytes.Equal(f.take(36), matrix) || !f.zero(24) {
				c.add(path, "a field is not as it must be")
			}
			c.next = f.u32()
			c.end(path, f)
		}},
		"trak": {1, 2, c.trak},
	})
	longest, kinds := int64(0), map[string]int{}
	for i, t := range c.tracks {
		longest = max(longest, t.shown)
		kinds[t.handler]++
		if t.id != uint32(i+1) {
			c.add(t.path, "number of the track")
		}
	}
	if kinds["vide"] != 1 || kinds["soun"] > 1 {
		c.add("moov", "one track of pictures and at most one of sound")
	}
	if longest > maxMovie {
		c.add("moov", "it is longer than a month") // and what is reckoned with such figures proves nothing
	}
	if c.movie != longest {
		c.add("moov/mvhd", "the film has another length than its tracks")
	}
	if c.next != uint32(len(c.tracks)+1) {
		c.add("moov/mvhd", "number of the next track")
	}
}

func held(v uint64) int64 { return int64(min(v, math.MaxInt64/4)) }

func (c *checker) trak(path string, body []byte) {
	t := &track{path: path}
	c.tracks = append(c.tracks, t)
	volume := uint16(0)
	c.boxes(path, body, map[string]rule{
		"tkhd": {1, 1, func(path string, b []byte) {
			f := &fields{b: b}
			if f.u32() != 1<<24|3 {
				c.add(path, "version or flags")
			}
			if !f.zero(16) {
				c.add(path, "it tells when the track was made")
			}
			t.id = f.u32()
			if !f.zero(4) {
				c.add(path, "a field is not as it must be")
			}
			t.shown = held(f.u64())
			if !f.zero(12) {
				c.add(path, "a field is not as it must be")
			}
			volume = f.u16()
			if !f.zero(2) || !bytes.Equal(f.take(36), matrix) {
				c.add(path, "a field is not as it must be")
			}
			t.size = [2]uint32{f.u32(), f.u32()}
			c.end(path, f)
		}},
		"edts": {0, 1, func(path string, b []byte) {
			c.boxes(path, b, map[string]rule{"elst": {1, 1, func(path string, b []byte) { c.elst(path, t, b) }}})
		}},
		"mdia": {1, 1, func(path string, b []byte) { c.mdia(path, t, b) }},
	})
	switch {
	case t.handler == "vide" && (volume != 0 || t.size[0] != t.entrySize[0]<<16 || t.size[1] != t.entrySize[1]<<16):
		c.add(path+"/tkhd", "width, height or volume")
	case t.handler == "soun" && (volume != 1<<8 || t.size != [2]uint32{}):
		c.add(path+"/tkhd", "width, height or volume")
	}
	if !t.broken {
		c.times(t)
	}
}

func (c *checker) elst(path string, t *track, b []byte) {
	f := &fields{b: b}
	if f.u32() != 1<<24 {
		c.add(path, "version or flags")
	}
	n := f.u32()
	if n < 1 || n > 2 {
		c.add(path, "%d edits, 1 or 2 are allowed", n)
		return
	}
	t.edited = true
	for range n {
		d, at := held(f.u64()), int64(f.u64())
		t.edits = append(t.edits, [2]int64{d, at})
		if f.u32() != 1<<16 {
			c.add(path, "speed")
		}
	}
	c.end(path, f)
}

// times holds the edit list against the samples: all of them are shown, but for what an encoder of sound puts before it.
func (c *checker) times(t *track) {
	path := t.path + "/edts"
	tick := t.scale/movieScale + 1 // media units in a unit of the film, and rounding
	inMedia := func(movie int64) int64 { return movie/movieScale*t.scale + movie%movieScale*t.scale/movieScale }
	stated := t.shown
	if !t.edited {
		if t.low != 0 {
			c.add(path, "pictures do not begin at zero, and no edit says so")
		}
		if d := inMedia(stated) - t.total; d < -tick || d > tick {
			c.add(t.path+"/tkhd", "the track has another length than its samples")
		}
		return
	}
	sum := int64(0)
	for i, e := range t.edits {
		if e[0] > math.MaxInt64/8 {
			c.add(path, "length of an edit")
			return
		}
		sum += e[0]
		if len(t.edits) == 2 && i == 0 {
			if e[1] != -1 || e[0] > movieScale {
				c.add(path, "of two edits the first is an empty one of at most a second")
			}
			continue
		}
		at, length := e[1], inMedia(e[0])
		switch {
		case at < 0:
			c.add(path, "an empty edit")
		case t.handler == "vide" && at != t.low:
			c.add(path, "it does not begin with the first picture: pictures are hidden")
		case t.handler == "soun" && at > t.begin(2):
			c.add(path, "more sound is hidden than an encoder puts before it")
		case length < t.total-(at-t.low)-tick:
			c.add(path, "it ends before the material does: some is hidden")
		case length > t.total-(at-t.low)+tick:
			c.add(path, "it ends after the material does")
		}
	}
	if sum != stated {
		c.add(t.path+"/tkhd", "the track has another length than its edits")
	}
}

// begin gives the time of decoding of a sample.
func (t *track) begin(sample int64) int64 {
	at := int64(0)
	for _, d := range t.durations {
		n := min(sample, int64(d[0]))
		at += n * int64(d[1])
		if sample -= n; sample <= 0 {
			break
		}
	}
	return at
}

func (c *checker) mdia(path string, t *track, body []byte) {
	c.boxes(path, body, map[string]rule{
		"mdhd": {1, 1, func(path string, b []byte) {
			f := &fields{b: b}
			if f.u32() != 1<<24 {
				c.add(path, "version or flags")
			}
			if !f.zero(16) {
				c.add(path, "it tells when the track was made")
			}
			t.scale = int64(f.u32())
			t.duration = held(f.u64())
			if f.u16() != 0x55c4 || !f.zero(2) {
				c.add(path, "it names a language")
			}
			if t.scale < 1 || t.scale > 10_000_000 {
				c.add(path, "unit of time")
				t.scale = 1
			}
			c.end(path, f)
		}},
		"hdlr": {1, 1, func(path string, b []byte) {
			f := &fields{b: b}
			if !f.zero(8) {
				c.add(path, "a field is not as it must be")
			}
			switch h := string(f.take(4)); h {
			case "vide", "soun":
				t.handler = h
			default:
				c.add(path, "a track of another kind")
			}
			if !f.zero(12) || len(f.b) != 1 || f.b[0] != 0 {
				c.add(path, "it has a name")
			}
		}},
		"minf": {1, 1, func(path string, b []byte) { c.minf(path, t, b) }},
	})
	if !t.broken && t.duration != t.total {
		c.add(path+"/mdhd", "the track has another length than its samples")
	}
}

func (c *checker) minf(path string, t *track, body []byte) {
	fixed := func(want ...byte) func(string, []byte) {
		return func(path string, b []byte) {
			if !bytes.Equal(b, want) {
				c.add(path, "a field is not as it must be")
			}
		}
	}
	rules := map[string]rule{
		"dinf": {1, 1, func(path string, b []byte) {
			c.boxes(path, b, map[string]rule{"dref": {1, 1, fixed(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12, 'u', 'r', 'l', ' ', 0, 0, 0, 1)}})
		}},
		"stbl": {1, 1, func(path string, b []byte) { c.stbl(path, t, b) }},
	}
	if t.handler == "soun" {
		rules["smhd"] = rule{1, 1, fixed(make([]byte, 8)...)}
	} else {
		rules["vmhd"] = rule{1, 1, fixed(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)}
	}
	c.boxes(path, body, rules)
}

// table gives the entries of a table of a fixed width, all of its body.
func (c *checker) table(path string, b []byte, version uint32, width int) []byte {
	if len(b) < 8 || binary.BigEndian.Uint32(b) != version || uint64(binary.BigEndian.Uint32(b[4:]))*uint64(width) != uint64(len(b)-8) {
		c.add(path, "its length is not that of its entries, or its version is another")
		return nil
	}
	return b[8:]
}

func (c *checker) stbl(path string, t *track, body []byte) {
	u32 := func(b []byte, i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	rules := map[string]rule{
		"stsd": {1, 1, func(path string, b []byte) { c.stsd(path, t, b) }},
		"stts": {1, 1, func(path string, b []byte) {
			for e := c.table(path, b, 0, 8); len(e) > 0; e = e[8:] {
				t.durations = append(t.durations, [2]uint32{u32(e, 0), u32(e, 1)})
			}
		}},
		"stsc": {1, 1, func(path string, b []byte) {
			for e := c.table(path, b, 0, 12); len(e) > 0; e = e[12:] {
				t.perChunk = append(t.perChunk, [2]uint32{u32(e, 0), u32(e, 1)})
				if u32(e, 2) != 1 {
					c.add(path, "a sample of another description")
				}
			}
		}},
		"stsz": {1, 1, func(path string, b []byte) {
			if len(b) < 12 || u32(b, 0) != 0 || u32(b, 1) != 0 || uint64(u32(b, 2))*4 != uint64(len(b)-12) || u32(b, 2) > maxSamples {
				c.add(path, "its length is not that of its entries, or its version is another")
				return
			}
			t.sizes = b[12:]
		}},
		"co64": {1, 1, func(path string, b []byte) {
			for e := c.table(path, b, 0, 8); len(e) > 0; e = e[8:] {
				t.chunks = append(t.chunks, held(binary.BigEndian.Uint64(e)))
			}
		}},
	}
	if t.handler != "soun" {
		rules["ctts"] = rule{0, 1, func(path string, b []byte) {
			for e := c.table(path, b, 1<<24, 8); len(e) > 0; e = e[8:] {
				t.offsets = append(t.offsets, [2]int64{int64(u32(e, 0)), int64(int32(u32(e, 1)))})
			}
		}}
		rules["stss"] = rule{0, 1, func(path string, b []byte) {
			t.hasSync = true
			for e := c.table(path, b, 0, 4); len(e) > 0; e = e[4:] {
				t.syncs = append(t.syncs, u32(e, 0))
			}
		}}
	}
	before := len(c.problems)
	c.boxes(path, body, rules)
	if len(c.problems) > before {
		t.broken = true
		return
	}
	c.samples(path, t)
}

// samples holds the tables of a track against each other and finds out where its samples are.
func (c *checker) samples(path string, t *track) {
	bad := func(what string) {
		c.add(path, "%s", what)
		t.broken = true
	}
	n := int64(len(t.sizes) / 4)
	if n == 0 {
		bad("no samples")
		return
	}
	var count int64
	for _, d := range t.durations {
		if d[0] == 0 || d[1] > math.MaxInt32 {
			bad("times of samples")
			return
		}
		count += int64(d[0])
		t.total += int64(d[0]) * int64(d[1])
		if count > n {
			break
		}
	}
	if count != n {
		bad("times of another number of samples")
		return
	}
	count = 0
	for _, o := range t.offsets {
		if o[0] == 0 {
			bad("offsets of no sample") // they would hold whatever somebody puts there
			return
		}
		count += o[0]
	}
	if len(t.offsets) > 0 && count != n {
		bad("offsets of another number of samples")
		return
	}
	t.low = t.lowest(n)
	if t.handler == "vide" && !t.even(n) {
		bad("pictures that are not shown one after the other at one rate")
		return
	}
	last := uint32(0)
	for i, s := range t.syncs {
		if s <= last || int64(s) > n || i == 0 && s != 1 {
			bad("key frames")
			return
		}
		last = s
	}
	if t.hasSync && len(t.syncs) == 0 {
		bad("key frames")
		return
	}
	sample := int64(0)
	for i, e := range t.perChunk {
		end := int64(len(t.chunks)) + 1
		if i+1 < len(t.perChunk) {
			end = int64(t.perChunk[i+1][0])
		}
		if i == 0 && e[0] != 1 || int64(e[0]) >= end || end > int64(len(t.chunks))+1 || e[1] == 0 {
			bad("chunks")
			return
		}
		for k := int64(e[0]); k < end; k++ {
			if sample+int64(e[1]) > n {
				bad("chunks of more samples than there are")
				return
			}
			ch := chunk{at: t.chunks[k-1], first: int(sample), samples: int(e[1]), track: t}
			for range e[1] {
				size := t.sampleSize(int(sample))
				if size == 0 {
					bad("an empty sample")
					return
				}
				ch.size += size
				sample++
			}
			t.chunkOf = append(t.chunkOf, ch)
		}
	}
	if sample != n {
		bad("chunks of fewer samples than there are")
	}
}

func (t *track) sampleSize(i int) int64 { return int64(binary.BigEndian.Uint32(t.sizes[4*i:])) }

// times calls f with when each sample is shown, in the order of decoding, until it says no.
func (t *track) times(n int64, f func(at int64) bool) {
	clock := int64(0)
	at, used := 0, int64(0)
	d, left := 0, int64(t.durations[0][0])
	for range n {
		shown := clock
		if len(t.offsets) > 0 {
			for at < len(t.offsets)-1 && used >= t.offsets[at][0] {
				at, used = at+1, 0
			}
			shown += t.offsets[at][1]
			used++
		}
		if !f(shown) {
			return
		}
		clock += int64(t.durations[d][1])
		if left--; left == 0 && d+1 < len(t.durations) {
			d++
			left = int64(t.durations[d][0])
		}
	}
}

// lowest is the first time at which a sample is shown.
func (t *track) lowest(n int64) int64 {
	if len(t.offsets) == 0 {
		return 0
	}
	low := int64(math.MaxInt64)
	t.times(n, func(at int64) bool { low = min(low, at); return true })
	return low
}

// even says whether the samples are shown at one constant rate, each at a time of its own: so nothing but their order is in the table of offsets.
func (t *track) even(n int64) bool {
	d := int64(t.durations[0][1])
	for _, x := range t.durations {
		if int64(x[1]) != d || d == 0 {
			return false
		}
	}
	seen := make([]bool, n)
	ok := true
	t.times(n, func(at int64) bool {
		k := (at - t.low) / d
		if ok = (at-t.low)%d == 0 && k < n && !seen[k]; ok {
			seen[k] = true
		}
		return ok
	})
	return ok
}

// lists says whether a sample, from 1, is among the key frames.
func (t *track) lists(sample uint32) bool {
	_, found := slices.BinarySearch(t.syncs, sample)
	return found
}

// stsd holds the description of the samples: one of H.264 or one of AAC.
func (c *checker) stsd(path string, t *track, b []byte) {
	if len(b) < 8 || binary.BigEndian.Uint64(b) != 1 {
		c.add(path, "more than one description, or another version")
		return
	}
	kind, read := "avc1", c.avc1
	if t.handler == "soun" {
		kind, read = "mp4a", c.mp4a
	}
	c.boxes(path, b[8:], map[string]rule{kind: {1, 1, func(path string, b []byte) { read(path, t, b) }}})
}

func (c *checker) btrt(path string, b []byte) {
	if len(b) != 12 {
		c.add(path, "its length is not that of its fields")
	}
}

func (c *checker) avc1(path string, t *track, b []byte) {
	f := &fields{b: b}
	if !f.zero(6) || f.u16() != 1 || !f.zero(16) {
		c.add(path, "a field is not as it must be")
	}
	t.entrySize = [2]uint32{uint32(f.u16()), uint32(f.u16())}
	if f.u32() != 72<<16 || f.u32() != 72<<16 || !f.zero(4) || f.u16() != 1 {
		c.add(path, "a field is not as it must be")
	}
	if !f.zero(32) {
		c.add(path, "it names the encoder")
	}
	if f.u16() != 24 || f.u16() != 0xffff {
		c.add(path, "a field is not as it must be")
	}
	if f.short {
		c.add(path, "its length is not that of its fields")
		return
	}
	c.boxes(path, f.b, map[string]rule{
		"avcC": {1, 1, c.avcC},
		"pasp": {0, 1, func(path string, b []byte) {
			if !bytes.Equal(b, []byte{0, 0, 0, 1, 0, 0, 0, 1}) {
				c.add(path, "pixels that are not square")
			}
		}},
		"btrt": {0, 1, c.btrt},
	})
}

// avcC is the decoder's configuration of ISO/IEC 14496-15 section 5.3.3.1: parameter sets and nothing else.
func (c *checker) avcC(path string, b []byte) {
	f := &fields{b: b}
	if f.u8() != 1 {
		c.add(path, "version")
	}
	profile := f.take(3)
	if f.u8() != 0xff {
		c.add(path, "a field is not as it must be")
	}
	sets := func(n int, kind byte) {
		if n < 1 || n > 4 {
			c.add(path, "number of parameter sets")
			return
		}
		for range n {
			p := f.take(int(f.u16()))
			if len(p) < 2 || len(p) > maxNAL || p[0]&0x9f != kind {
				c.add(path, "something else than a parameter set")
				return
			}
			if kind == 7 && (len(p) < 4 || !bytes.Equal(p[1:4], profile)) {
				c.add(path, "another profile than its parameter set")
			}
		}
	}
	n := f.u8()
	if n>>5 != 7 {
		c.add(path, "a field is not as it must be")
	}
	sets(int(n&31), 7)
	sets(int(f.u8()), 8)
	c.end(path, f)
}

func (c *checker) mp4a(path string, t *track, b []byte) {
	f := &fields{b: b}
	if !f.zero(6) || f.u16() != 1 || !f.zero(8) {
		c.add(path, "a field is not as it must be")
	}
	if n := f.u16(); n < 1 || n > 2 {
		c.add(path, "number of channels")
	}
	if f.u16() != 16 || !f.zero(4) {
		c.add(path, "a field is not as it must be")
	}
	if f.u32() != uint32(t.scale)<<16 {
		c.add(path, "sampling rate")
	}
	if f.short {
		c.add(path, "its length is not that of its fields")
		return
	}
	c.boxes(path, f.b, map[string]rule{"esds": {1, 1, c.esds}, "btrt": {0, 1, c.btrt}})
}

// esds is the description of ISO/IEC 14496-14: one of AAC, each part once.
func (c *checker) esds(path string, b []byte) {
	bad := func() { c.add(path, "something else than the description of AAC sound") }
	// part gives what is in a descriptor, and what follows it.
	part := func(b []byte, tag byte) (body, rest []byte, ok bool) {
		if len(b) < 2 || b[0] != tag {
			return nil, nil, false
		}
		n, at := 0, 1
		for {
			if at >= len(b) || at > 4 {
				return nil, nil, false
			}
			v := b[at]
			n = n<<7 | int(v&0x7f)
			at++
			if v&0x80 == 0 {
				break
			}
		}
		if n > len(b)-at {
			return nil, nil, false
		}
		return b[at : at+n], b[at+n:], true
	}
	if len(b) < 4 || binary.BigEndian.Uint32(b) != 0 {
		bad()
		return
	}
	es, rest, ok := part(b[4:], 3)
	if !ok || len(rest) > 0 || len(es) < 3 || es[2] != 0 {
		bad()
		return
	}
	config, rest, ok := part(es[3:], 4)
	if !ok || len(config) < 13 || config[0] != 0x40 || config[1] != 0x15 {
		bad()
		return
	}
	special, none, ok := part(config[13:], 5)
	if !ok || len(none) > 0 || len(special) < 2 || len(special) > 5 || special[0]>>3 != 2 {
		bad()
		return
	}
	if sl, none, ok := part(rest, 6); !ok || len(none) > 0 || len(sl) != 1 || sl[0] != 2 {
		bad()
	}
}

// layout holds that the samples of all tracks lie side by side in the material and fill it, and looks at each.
func (c *checker) layout() {
	var all []chunk
	for _, t := range c.tracks {
		if t.broken {
			c.add("mdat", "not looked at: the index is broken")
			return
		}
		all = append(all, t.chunkOf...)
	}
	slices.SortFunc(all, func(a, b chunk) int { return cmp.Compare(a.at, b.at) })
	next := 0
	for _, m := range c.material {
		at := m.from
		for at < m.to {
			if next == len(all) || all[next].at != at {
				what := int64(0)
				if next < len(all) {
					what = all[next].at - at
				}
				if next < len(all) && what < 0 {
					c.add("mdat", "two samples lie in the same place")
				} else {
					c.add("mdat", "bytes that no sample refers to")
				}
				return
			}
			ch := all[next]
			if ch.size > m.to-at {
				c.add("mdat", "a sample goes beyond the material")
				return
			}
			if !c.look(ch) {
				return
			}
			at += ch.size
			next++
		}
	}
	if next != len(all) {
		c.add("mdat", "samples outside of the material")
	}
}

// words that encoders and writers leave in their material.
var words = [][]byte{[]byte("x264 - core"), []byte("libx264"), []byte("x265 (build"), []byte("Lavc5"), []byte("Lavc6"), []byte("Lavf5"), []byte("Lavf6"), []byte("HandBrake")}

// look goes through the samples of a chunk.
func (c *checker) look(ch chunk) bool {
	if ch.size > maxChunk {
		c.add("mdat", "a chunk is too long")
		return false
	}
	b := c.read(ch.at, ch.size)
	if b == nil {
		if c.err == nil {
			c.add("mdat", "a sample goes beyond the file")
		}
		return false
	}
	for _, w := range words {
		if bytes.Contains(b, w) {
			c.add("mdat", "the mark of an encoder")
			return false
		}
	}
	for i := range ch.samples {
		n := ch.track.sampleSize(ch.first + i)
		var what string
		if ch.track.handler == "vide" {
			var key bool
			key, what = picture(b[:n])
			if listed := !ch.track.hasSync || ch.track.lists(uint32(ch.first+i+1)); what == "" && key != listed {
				what = "a key frame that is none, or one that is not listed"
			}
		} else if id := b[0] >> 5; id > 1 {
			// A raw data block of ISO/IEC 14496-3 section 4.4.2.1 could begin with something that is no sound: data, filling.
			what = "a sample of sound begins with something else"
		}
		if what != "" {
			c.add("mdat", "%s", what)
			return false
		}
		b = b[n:]
	}
	return true
}

// picture walks the units of ITU-T H.264 section 7.3.1 in a sample: coded slices, each behind its length. key: they are those of a key frame.
func picture(b []byte) (key bool, what string) {
	if len(b) == 0 {
		return false, "an empty sample"
	}
	for first := true; len(b) > 0; first = false {
		if len(b) < 5 {
			return false, "bytes after the last unit of a picture"
		}
		n := uint64(binary.BigEndian.Uint32(b))
		if n < 2 || n > uint64(len(b)-4) {
			return false, "a unit of a picture does not fit"
		}
		head := b[4]
		if head&0x80 != 0 {
			return false, "a unit of a picture is damaged"
		}
		switch kind := head & 31; kind {
		case 1, 5:
			if !first && key != (kind == 5) {
				return false, "a key frame that is one in part"
			}
			key = kind == 5
		case 6:
			return false, "a message of the encoder (SEI)"
		default:
			return false, fmt.Sprintf("a unit of kind %d in a picture", kind)
		}
		if b[4+n-1] == 0 {
			return false, "filling after a unit of a picture"
		}
		b = b[4+n:]
	}
	return key, ""
}

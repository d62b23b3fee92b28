package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// errBoxes: an MP4 whose boxes do not hold together.
var errBoxes = errors.New("boxes do not hold together")

const (
	maxMoov     = 128 << 20 // an index of 24 hours has about 30 MB
	maxTopBoxes = 4096      // looked at in one file: each costs a read
	maxSamples  = 8 << 20   // of an original: 93 hours at 25 frames a second
	maxTracks   = 32
)

// movie is the outline of an MP4 (ISO/IEC 14496-12) or QuickTime file.
type movie struct {
	ftyp, moov extent // of the whole boxes; size 0: not there
	moovBody   []byte
	mdat       []extent
	first      int64 // where the first mdat begins, -1
	fragmented bool
	truncated  bool // a box reaches beyond the end
	trailing   int64
	scanned    bool // all top boxes seen
	order      []string
}

type extent struct{ at, size int64 }

// walkMovie reads the headers of the outermost boxes and the whole index. It does not fail because of damage:
// what is missing is missing in the outline.
func walkMovie(src Source) (movie, error) {
	m := movie{first: -1}
	size := src.Size()
	var head [16]byte
	at := int64(0)
	for n := 0; at+8 <= size; n++ {
		if n == maxTopBoxes {
			return m, nil
		}
		if _, err := readFull(src, head[:min(16, size-at)], at); err != nil {
			return m, err
		}
		length, kind := int64(binary.BigEndian.Uint32(head[:])), string(head[4:8])
		header := int64(8)
		switch {
		case length == 1 && at+16 <= size:
			length, header = int64(binary.BigEndian.Uint64(head[8:])), 16
		case length == 0:
			length = size - at
		}
		if length < header || !plainKind(kind) {
			m.trailing = size - at
			m.scanned = true
			return m, nil
		}
		m.order = append(m.order, kind)
		if length > size-at {
			m.truncated = true
			length = size - at
		}
		switch e := (extent{at, length}); kind {
		case "ftyp":
			m.ftyp = e
		case "moov":
			if m.moov.size == 0 && !m.truncated && length <= maxMoov {
				m.moov = e
				m.moovBody = make([]byte, length-header)
				if _, err := readFull(src, m.moovBody, at+header); err != nil {
					return m, err
				}
			}
		case "mdat":
			m.mdat = append(m.mdat, e)
			if m.first < 0 {
				m.first = at
			}
		case "moof":
			m.fragmented = true
		}
		at += length
	}
	m.trailing = size - at
	m.scanned = true
	return m, nil
}

func plainKind(k string) bool {
	for i := range len(k) {
		if (k[i] < 0x20 || k[i] > 0x7e) && k[i] != 0xa9 {
			return false
		}
	}
	return true
}

// child gives the body of the first box of a kind among boxes, and where it begins.
func child(body []byte, kind string) ([]byte, int, bool) {
	for at, n := 0, 0; at+8 <= len(body) && n < 4096; n++ {
		length, header, ok := boxHead(body[at:])
		if !ok {
			return nil, 0, false
		}
		if string(body[at+4:at+8]) == kind {
			return body[at+header : at+length], at + header, true
		}
		at += length
	}
	return nil, 0, false
}

// children calls f with each box.
func children(body []byte, f func(kind string, body []byte) error) error {
	for at, n := 0, 0; at+8 <= len(body) && n < 4096; n++ {
		length, header, ok := boxHead(body[at:])
		if !ok {
			return errBoxes
		}
		if err := f(string(body[at+4:at+8]), body[at+header:at+length]); err != nil {
			return err
		}
		at += length
	}
	return nil
}

func boxHead(b []byte) (length, header int, ok bool) {
	n := uint64(binary.BigEndian.Uint32(b))
	header = 8
	if n == 1 {
		if len(b) < 16 {
			return 0, 0, false
		}
		n, header = binary.BigEndian.Uint64(b[8:]), 16
	} else if n == 0 {
		n = uint64(len(b))
	}
	if n < uint64(header) || n > uint64(len(b)) {
		return 0, 0, false
	}
	return int(n), header, true
}

func path(body []byte, kinds ...string) ([]byte, bool) {
	for _, k := range kinds {
		var ok bool
		if body, _, ok = child(body, k); !ok {
			return nil, false
		}
	}
	return body, true
}

// reorder gives an MP4 so that it can be read from front to back: as it is when the index comes first, else with
// the index moved to the front and its places corrected.
func reorder(src Source) (io.Reader, string, error) {
	m, err := walkMovie(src)
	if err != nil {
		return nil, "", err
	}
	all := io.NewSectionReader(src, 0, src.Size())
	switch {
	case m.moov.size == 0:
		return nil, "", fmt.Errorf("%w: the index of the file is missing", ErrDamaged)
	case m.fragmented, m.first < 0, m.moov.at < m.first:
		return all, "pipe", nil
	}
	body := bytes.Clone(m.moovBody)
	// Everything that lay before the index moves back by its length; the file type stays at the front.
	if err := shiftChunks(body, m.moov.at, m.moov.size); err != nil {
		return nil, "", err
	}
	start := int64(0)
	if m.ftyp.at == 0 {
		start = m.ftyp.size
	}
	head := make([]byte, m.moov.size-int64(len(body)))
	if _, err := readFull(src, head, m.moov.at); err != nil {
		return nil, "", err
	}
	end := m.moov.at + m.moov.size
	return io.MultiReader(
		io.NewSectionReader(src, 0, start), bytes.NewReader(head), bytes.NewReader(body),
		io.NewSectionReader(src, start, m.moov.at-start), io.NewSectionReader(src, end, src.Size()-end),
	), "reordered pipe", nil
}

// shiftChunks adds delta to each place below limit in every stco and co64 of a moov.
func shiftChunks(moov []byte, limit, delta int64) error {
	return children(moov, func(kind string, trak []byte) error {
		if kind != "trak" {
			return nil
		}
		stbl, ok := path(trak, "mdia", "minf", "stbl")
		if !ok {
			return nil
		}
		if b, _, ok := child(stbl, "stco"); ok && len(b) >= 8 {
			n := int(binary.BigEndian.Uint32(b[4:]))
			if n > (len(b)-8)/4 {
				return errBoxes
			}
			for i := range n {
				p := b[8+4*i:]
				v := int64(binary.BigEndian.Uint32(p))
				if v < limit {
					v += delta
				}
				if v > math.MaxUint32 {
					return fmt.Errorf("%w: the index has no room for places beyond 4 GiB", ErrNeedsSeek)
				}
				binary.BigEndian.PutUint32(p, uint32(v))
			}
		}
		if b, _, ok := child(stbl, "co64"); ok && len(b) >= 8 {
			n := int(binary.BigEndian.Uint32(b[4:]))
			if n > (len(b)-8)/8 {
				return errBoxes
			}
			for i := range n {
				p := b[8+8*i:]
				if v := int64(binary.BigEndian.Uint64(p)); v >= 0 && v < limit {
					binary.BigEndian.PutUint64(p, uint64(v+delta))
				}
			}
		}
		return nil
	})
}

// sample is one frame of a track.
type sample struct {
	at     int64 // place in the file
	size   uint32
	decode int64 // time-scale units
	offset int32 // presentation minus decoding
	sync   bool
}

// videoTrack is what the index says of the first video track.
type videoTrack struct {
	scale   int64
	stsd    []byte // the whole body of the sample description
	tkhd    []byte
	samples []sample
	start   int64 // presentation time that the edit list puts at zero, time-scale units
	edits   int
	hidden  bool // the edit list leaves material out
}

// parseVideoTrack reads the first video track of an index into samples, all of them. size is that of the file: an
// index may claim millions of samples in a few bytes, and those that cannot be there are left out.
func parseVideoTrack(moov []byte, size int64) (videoTrack, error) {
	var t videoTrack
	found := false
	err := children(moov, func(kind string, trak []byte) error {
		if kind != "trak" || found {
			return nil
		}
		hdlr, ok := path(trak, "mdia", "hdlr")
		if !ok || len(hdlr) < 12 || string(hdlr[8:12]) != "vide" {
			return nil
		}
		found = true
		return t.parse(trak, size)
	})
	if err == nil && !found {
		err = errBoxes
	}
	return t, err
}

func (t *videoTrack) parse(trak []byte, size int64) error {
	t.tkhd, _ = path(trak, "tkhd")
	mdhd, ok := path(trak, "mdia", "mdhd")
	if !ok || len(mdhd) < 20 {
		return errBoxes
	}
	t.scale = int64(binary.BigEndian.Uint32(mdhd[12:]))
	if mdhd[0] == 1 {
		if len(mdhd) < 32 {
			return errBoxes
		}
		t.scale = int64(binary.BigEndian.Uint32(mdhd[20:]))
	}
	stbl, ok := path(trak, "mdia", "minf", "stbl")
	if t.scale <= 0 || !ok {
		return errBoxes
	}
	if t.stsd, ok = path(stbl, "stsd"); !ok {
		return errBoxes
	}
	table := func(kind string, entry int) ([]byte, int, bool) {
		b, _, ok := child(stbl, kind)
		if !ok || len(b) < 8 {
			return nil, 0, false
		}
		n := binary.BigEndian.Uint32(b[4:])
		if uint64(n)*uint64(entry) > uint64(len(b)-8) {
			return nil, 0, false
		}
		return b[8:], int(n), true
	}
	u32 := func(b []byte, i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }

	// sizes
	b, _, ok := child(stbl, "stsz")
	if !ok || len(b) < 12 {
		return errBoxes
	}
	same, count := u32(b, 1), u32(b, 2)
	if count == 0 || count > maxSamples || same == 0 && uint64(count)*4 > uint64(len(b)-12) {
		return errBoxes
	}
	if same != 0 {
		count = uint32(min(int64(count), size/int64(same)+1))
	}
	t.samples = make([]sample, count)
	for i := range t.samples {
		t.samples[i].size = same
		if same == 0 {
			t.samples[i].size = u32(b, 3+i)
		}
	}
	// times
	if b, n, ok := table("stts", 8); ok {
		at, clock := 0, int64(0)
		for i := range n {
			k, delta := u32(b, 2*i), u32(b, 2*i+1)
			for ; k > 0 && at < len(t.samples); k-- {
				t.samples[at].decode = clock
				clock += int64(delta)
				at++
			}
		}
	} else {
		return errBoxes
	}
	if b, n, ok := table("ctts", 8); ok {
		at := 0
		for i := range n {
			for k := u32(b, 2*i); k > 0 && at < len(t.samples); k-- {
				t.samples[at].offset = int32(u32(b, 2*i+1))
				at++
			}
		}
	}
	// key frames: without the table all are
	if b, n, ok := table("stss", 4); ok {
		for i := range n {
			if k := int64(u32(b, i)) - 1; k >= 0 && k < int64(len(t.samples)) {
				t.samples[k].sync = true
			}
		}
	} else {
		for i := range t.samples {
			t.samples[i].sync = true
		}
	}
	// places
	chunk := func(i int) int64 { return 0 }
	chunks := 0
	if b, n, ok := table("stco", 4); ok {
		chunk, chunks = func(i int) int64 { return int64(u32(b, i)) }, n
	} else if b, n, ok := table("co64", 8); ok {
		chunk, chunks = func(i int) int64 { return int64(binary.BigEndian.Uint64(b[8*i:])) }, n
	} else {
		return errBoxes
	}
	runs, n, ok := table("stsc", 12)
	if !ok || n == 0 {
		return errBoxes
	}
	run, at := 0, 0
	for c := 0; c < chunks && at < len(t.samples); c++ {
		for run+1 < n && int64(u32(runs, 3*(run+1))) <= int64(c)+1 {
			run++
		}
		place := chunk(c)
		for k := u32(runs, 3*run+1); k > 0 && at < len(t.samples); k-- {
			if place < 0 {
				return errBoxes
			}
			t.samples[at].at = place
			place += int64(t.samples[at].size)
			at++
		}
	}
	t.samples = t.samples[:at]
	if at == 0 {
		return errBoxes
	}
	t.parseEdits(trak)
	return nil
}

func (t *videoTrack) parseEdits(trak []byte) {
	b, ok := path(trak, "edts", "elst")
	if !ok || len(b) < 8 {
		return
	}
	n, entry := int(binary.BigEndian.Uint32(b[4:])), 12
	if b[0] == 1 {
		entry = 20
	}
	b = b[8:]
	if n > len(b)/entry {
		return
	}
	for i := range n {
		e := b[i*entry:]
		media := int64(int32(binary.BigEndian.Uint32(e[4:])))
		if entry == 20 {
			media = int64(binary.BigEndian.Uint64(e[8:]))
		}
		if media < 0 {
			continue // an empty edit: a delay
		}
		if t.edits == 0 {
			t.start = media
		}
		t.edits++
	}
	last := t.samples[len(t.samples)-1]
	t.hidden = t.edits > 1 || t.start > 2*t.scale && t.start > last.decode/50
}

// seconds gives a sample's presentation time as a player counts.
func (t *videoTrack) seconds(s sample) float64 {
	return float64(s.decode+int64(s.offset)-t.start) / float64(t.scale)
}

// keyFrames picks up to n key frames at even distances of time.
func (t *videoTrack) keyFrames(n int, size int64) []sample {
	var keys []sample
	for _, s := range t.samples {
		if s.sync && s.size > 0 && s.at+int64(s.size) <= size {
			keys = append(keys, s)
		}
	}
	return thin(keys, n, func(s sample) float64 { return t.seconds(s) })
}

// thin keeps at most n of a rising list, the nearest to even distances.
func thin[T any](list []T, n int, at func(T) float64) []T {
	if len(list) <= n || n < 1 {
		return list
	}
	first, last := at(list[0]), at(list[len(list)-1])
	if !(last > first) {
		return list[:n]
	}
	var out []T
	j := 0
	for i := range n {
		want := first + (last-first)*float64(i)/float64(max(n-1, 1))
		for j+1 < len(list) && math.Abs(at(list[j+1])-want) <= math.Abs(at(list[j])-want) {
			j++
		}
		if i == 0 || !slicesSame(out, list[j], at) {
			out = append(out, list[j])
		}
	}
	return out
}

func slicesSame[T any](out []T, v T, at func(T) float64) bool {
	return len(out) > 0 && at(out[len(out)-1]) == at(v)
}

// extract makes a small MP4 of chosen samples of a track and gives it as a reader, the bytes being read from the
// source as they are wanted.
func (t *videoTrack) extract(src io.ReaderAt, chosen []sample) (io.Reader, int64) {
	w := movieWriter{}
	tr := &outTrack{handler: "vide", scale: uint32(t.scale), stsd: t.stsd, tkhd: t.tkhd}
	w.tracks = []*outTrack{tr}
	slices.SortFunc(chosen, func(a, b sample) int { return int(min(max(a.decode-b.decode, -1), 1)) })
	var total int64
	for i, s := range chosen {
		delta := int64(1)
		if i+1 < len(chosen) {
			delta = chosen[i+1].decode - s.decode
		}
		tr.add(outSample{size: s.size, duration: uint32(min(max(delta, 1), math.MaxInt32)), offset: s.offset, sync: true})
		total += int64(s.size)
	}
	tr.chunks = []outChunk{{samples: len(chosen)}}
	tr.first = chosen[0].decode // the time of the first frame is put back by the reader of the times
	ftyp := []byte("\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom")
	moov := w.moov(false)
	tr.chunks[0].at = int64(len(ftyp)+len(moov)) + 16
	moov = w.moov(false)
	mdat := make([]byte, 16)
	binary.BigEndian.PutUint32(mdat, 1)
	copy(mdat[4:], "mdat")
	binary.BigEndian.PutUint64(mdat[8:], uint64(total+16))
	parts := []io.Reader{bytes.NewReader(ftyp), bytes.NewReader(moov), bytes.NewReader(mdat)}
	for _, s := range chosen {
		parts = append(parts, io.NewSectionReader(src, s.at, int64(s.size)))
	}
	return io.MultiReader(parts...), total + int64(len(ftyp)+len(moov)+16)
}

package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// inspect looks at the container in Go, without any outside program: what it promises against what is there. It
// reads little, whatever the size. Only a source that cannot be read is an error.
func inspect(src Source, s sniffed, p *Probe) error {
	var err error
	switch s.demuxer {
	case "mov":
		err = inspectMovie(src, p)
	case "avi":
		err = inspectAVI(src, p)
	case "matroska":
		err = inspectMatroska(src, p)
	case "mpegts", "mpeg":
		err = inspectClock(src, s.demuxer, p)
	case "dhav":
		err = inspectDAV(src, p)
	case "jpeg_pipe", "tiff_pipe":
		p.createdAt(readExif(src, s.format).taken)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSource, err)
	}
	return nil
}

func inspectMovie(src Source, p *Probe) error {
	m, err := walkMovie(src)
	if err != nil {
		return err
	}
	if m.truncated {
		p.add(AnomalyTruncated, "a box reaches beyond the end of the file")
	}
	if m.moov.size == 0 && m.scanned {
		p.add(AnomalyNoIndex, "the index (moov) is missing")
	}
	if m.trailing > 0 && m.scanned {
		p.add(AnomalyTrailing, fmt.Sprintf("%d bytes", m.trailing))
	}
	if !m.scanned {
		p.add(AnomalyNotWholeScanned, fmt.Sprintf("first %d boxes", maxTopBoxes))
	}
	if m.moov.size == 0 || m.fragmented {
		return nil
	}
	t, err := parseVideoTrack(m.moovBody, src.Size())
	if err != nil {
		return nil // ffprobe will say what it thinks of it
	}
	if t.hidden {
		p.add(AnomalyEditList, fmt.Sprintf("%d parts", t.edits))
	}
	missing, longest, shortest := 0, int64(0), int64(math.MaxInt64)
	for i, s := range t.samples {
		if s.at+int64(s.size) > src.Size() {
			missing++
		}
		if i > 0 {
			d := s.decode - t.samples[i-1].decode
			longest, shortest = max(longest, d), min(shortest, d)
		}
	}
	if missing > 0 {
		p.add(AnomalyTruncated, fmt.Sprintf("%d of %d frames lie beyond the end", missing, len(t.samples)))
	}
	if len(t.samples) > 2 {
		if longest > 2*t.scale && longest > 20*max(shortest, 1) {
			p.add(AnomalyTimeGap, fmt.Sprintf("%.1f s between two frames", float64(longest)/float64(t.scale)))
		} else if shortest > 0 && longest*2 > shortest*3 && longest-shortest > t.scale/500 {
			p.add(AnomalyVariableRate, fmt.Sprintf("%d to %d ms", 1000*shortest/t.scale, 1000*longest/t.scale))
		}
	}
	return nil
}

// aviOutline is what of an AVI file is needed to take key frames out of it.
type aviOutline struct {
	header    []byte // LIST hdrl as it is
	movi      int64  // where the list's kind ("movi") stands
	index     []byte // idx1
	usPer     uint32
	frames    uint32
	riff      int64 // size that the header promises, whole file
	truncated bool
}

const maxAVIIndex = 64 << 20

// walkAVI reads the outline of the first RIFF of an AVI file.
func walkAVI(src Source) (aviOutline, error) {
	var a aviOutline
	size := src.Size()
	var head [12]byte
	if size < 12 {
		return a, nil
	}
	if _, err := readFull(src, head[:], 0); err != nil {
		return a, err
	}
	a.riff = int64(binary.LittleEndian.Uint32(head[4:])) + 8
	at := int64(12)
	for n := 0; at+8 <= size && n < 256; n++ {
		if _, err := readFull(src, head[:min(12, size-at)], at); err != nil {
			return a, err
		}
		kind, length := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		switch {
		case kind == "LIST" && string(head[8:12]) == "hdrl" && length <= 1<<20 && at+8+length <= size:
			a.header = make([]byte, 8+length)
			if _, err := readFull(src, a.header, at); err != nil {
				return a, err
			}
			if i := bytes.Index(a.header, []byte("avih")); i > 0 && i+8+20 <= len(a.header) {
				a.usPer = binary.LittleEndian.Uint32(a.header[i+8:])
				a.frames = binary.LittleEndian.Uint32(a.header[i+8+16:])
			}
		case kind == "LIST" && string(head[8:12]) == "movi":
			a.movi = at + 8
		case kind == "idx1" && length <= maxAVIIndex:
			a.index = make([]byte, min(length, size-at-8))
			if _, err := readFull(src, a.index, at+8); err != nil {
				return a, err
			}
			return a, nil
		case kind == "RIFF":
			return a, nil
		}
		if at+8+length > size {
			a.truncated = true
			return a, nil
		}
		at += 8 + length + length&1
	}
	return a, nil
}

// aviFrame is a key frame: its number among the frames of its stream, and where its chunk begins.
type aviFrame struct {
	number int64
	at     int64
	size   uint32
}

// keyFrames lists the key frames of the stream that the index names first as a picture.
func (a aviOutline) keyFrames(src Source) (frames []aviFrame, id string) {
	if a.movi == 0 {
		return nil, ""
	}
	// Places are counted from the word "movi" by the book, from the beginning of the file by some writers.
	base := int64(-1)
	number := int64(0)
	for i := 0; i+16 <= len(a.index); i += 16 {
		e := a.index[i:]
		name := string(e[:4])
		if name[2] != 'd' || name[3] != 'c' && name[3] != 'b' || id != "" && name[:2] != id[:2] {
			continue
		}
		flags, place, length := binary.LittleEndian.Uint32(e[4:]), int64(binary.LittleEndian.Uint32(e[8:])), binary.LittleEndian.Uint32(e[12:])
		if base < 0 {
			for _, b := range []int64{a.movi, 0} {
				var head [4]byte
				if _, err := readFull(src, head[:], b+place); err == nil && string(head[:]) == name {
					base = b
					break
				}
			}
			if base < 0 {
				return nil, ""
			}
			id = name
		}
		if flags&0x10 != 0 && length > 0 && base+place+8+int64(length) <= src.Size() {
			frames = append(frames, aviFrame{number, base + place, length})
		}
		number++
	}
	return frames, id
}

// extract makes a small AVI of chosen key frames.
func (a aviOutline) extract(src Source, chosen []aviFrame) io.Reader {
	movi := int64(4)
	for _, f := range chosen {
		movi += 8 + int64(f.size) + int64(f.size)&1
	}
	var head []byte
	head = append(head, "RIFF"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(min(4+int64(len(a.header))+8+movi, math.MaxUint32)))
	head = append(append(head, "AVI "...), a.header...)
	if len(a.header)%2 == 1 {
		head = append(head, 0)
	}
	head = append(head, "LIST"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(min(movi, math.MaxUint32)))
	head = append(head, "movi"...)
	parts := []io.Reader{bytes.NewReader(head)}
	for _, f := range chosen {
		parts = append(parts, io.NewSectionReader(src, f.at, 8+int64(f.size)))
		if f.size%2 == 1 {
			parts = append(parts, bytes.NewReader([]byte{0}))
		}
	}
	return io.MultiReader(parts...)
}

func inspectAVI(src Source, p *Probe) error {
	a, err := walkAVI(src)
	if err != nil {
		return err
	}
	switch {
	case a.header == nil:
		p.add(AnomalyNoIndex, "the header list is missing or broken")
	case a.truncated || a.riff > src.Size()+1:
		p.add(AnomalyTruncated, fmt.Sprintf("header says %d bytes, there are %d", a.riff, src.Size()))
	case a.index == nil && src.Size() < 1<<30:
		p.add(AnomalyNoIndex, "the index (idx1) is missing")
	}
	if a.index == nil && (a.truncated || a.riff > src.Size()+1) {
		p.add(AnomalyNoIndex, "the index (idx1) is missing")
	}
	if a.usPer > 0 && a.frames > 0 {
		p.Duration = float64(a.usPer) * float64(a.frames) / 1e6
	}
	return nil
}

func inspectMatroska(src Source, p *Probe) error {
	head := make([]byte, min(4096, src.Size()))
	if _, err := readFull(src, head, 0); err != nil {
		return err
	}
	_, n := vint(head[min(4, len(head)):], true)
	length, m := vint(head[min(4, len(head)):], true)
	if n == 0 {
		return nil
	}
	at := 4 + m + int(min(length, 4096))
	if at+12 > len(head) || !bytes.Equal(head[at:at+4], []byte{0x18, 0x53, 0x80, 0x67}) {
		return nil
	}
	size, k := vint(head[at+4:], true)
	if k == 0 || size == 1<<(7*k)-1 {
		return nil // unknown: written live
	}
	end := int64(at+4+k) + int64(min(size, math.MaxInt64/2))
	if end > src.Size() {
		p.add(AnomalyTruncated, fmt.Sprintf("header says %d bytes, there are %d", end, src.Size()))
	} else if end < src.Size() {
		p.add(AnomalyTrailing, fmt.Sprintf("%d bytes", src.Size()-end))
	}
	return nil
}

// vint reads a variable-length number of EBML (RFC 8794): its value and length, 0 if there is none.
func vint(b []byte, strip bool) (uint64, int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	n := 1
	for b[0]&(0x80>>(n-1)) == 0 {
		n++
	}
	if n > len(b) {
		return 0, 0
	}
	v := uint64(b[0])
	if strip {
		v &= 0xff >> n
	}
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, n
}

// inspectClock takes the length of a transport or programme stream from its clock at both ends.
func inspectClock(src Source, demuxer string, p *Probe) error {
	const part = 4 << 20
	head := make([]byte, min(part, src.Size()))
	tail := make([]byte, min(part, src.Size()))
	if _, err := readFull(src, head, 0); err != nil {
		return err
	}
	if _, err := readFull(src, tail, src.Size()-int64(len(tail))); err != nil {
		return err
	}
	find := transportClock
	if demuxer == "mpeg" {
		find = programClock
	}
	first, _, pid, ok := find(head, -1)
	_, last, _, ok2 := find(tail, pid)
	if !ok || !ok2 {
		return nil
	}
	d := (last - first) & (1<<33 - 1) // the clock wraps after 26.5 hours
	if s := float64(d) / 90000; s > 0 && s < 26*3600 {
		p.Duration = s
	} else if s >= 26*3600 {
		p.add(AnomalyBackwardTime, "the clock at the end is before that at the beginning")
	}
	return nil
}

// transportClock finds the first and the last programme clock (90 kHz) of a stream; pid -1 takes the first seen.
func transportClock(b []byte, pid int) (first, last int64, found int, ok bool) {
	step := 188
	at := -1
	for _, n := range []int{188, 192, 204} {
		for i := range min(n, len(b)) {
			if syncs(b, i, n, 5) {
				at, step = i, n
				break
			}
		}
		if at >= 0 {
			break
		}
	}
	if at < 0 {
		return 0, 0, pid, false
	}
	for ; at+12 <= len(b); at += step {
		if b[at] != 0x47 {
			i := bytes.IndexByte(b[at:], 0x47)
			if i < 0 {
				break
			}
			at += i - step
			if i == 0 {
				break
			}
			continue
		}
		if b[at+3]&0x20 == 0 || b[at+4] < 7 || b[at+5]&0x10 == 0 {
			continue
		}
		id := int(b[at+1]&0x1f)<<8 | int(b[at+2])
		if pid >= 0 && id != pid {
			continue
		}
		pid = id
		c := b[at+6:]
		v := int64(c[0])<<25 | int64(c[1])<<17 | int64(c[2])<<9 | int64(c[3])<<1 | int64(c[4])>>7
		if !ok {
			first, ok = v, true
		}
		last = v
	}
	return first, last, pid, ok
}

// programClock finds the first and the last system clock of an MPEG programme stream.
func programClock(b []byte, _ int) (first, last int64, _ int, ok bool) {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte{0, 0, 1, 0xba})
		if i < 0 || at+i+10 > len(b) {
			return first, last, 0, ok
		}
		c := b[at+i+4:]
		at += i + 4
		var v int64
		switch {
		case c[0]>>6 == 1: // MPEG-2
			v = int64(c[0]>>3&7)<<30 | int64(c[0]&3)<<28 | int64(c[1])<<20 | int64(c[2]>>3)<<15 | int64(c[2]&3)<<13 | int64(c[3])<<5 | int64(c[4])>>3
		case c[0]>>4 == 2: // MPEG-1
			v = int64(c[0]>>1&7)<<30 | int64(c[1])<<22 | int64(c[2]>>1)<<15 | int64(c[3])<<7 | int64(c[4])>>1
		default:
			continue
		}
		if !ok {
			first, ok = v, true
		}
		last = v
	}
}

// inspectDAV takes the length from the recorder's clock in the first and the last chunk.
func inspectDAV(src Source, p *Probe) error {
	const part = 2 << 20
	head := make([]byte, min(part, src.Size()))
	tail := make([]byte, min(part, src.Size()))
	if _, err := readFull(src, head, 0); err != nil {
		return err
	}
	if _, err := readFull(src, tail, src.Size()-int64(len(tail))); err != nil {
		return err
	}
	first, ok := davClock(head, bytes.Index)
	last, ok2 := davClock(tail, bytes.LastIndex)
	if !ok || !ok2 {
		return nil
	}
	switch d := last.Sub(first).Seconds(); {
	case d >= 0 && d < maxSeconds:
		p.Duration = d
	case d < 0:
		p.add(AnomalyBackwardTime, "the recorder's clock at the end is before that at the beginning")
	}
	return nil
}

// davClock reads the packed date of a chunk.
func davClock(b []byte, find func(s, sep []byte) int) (time.Time, bool) {
	i := find(b, []byte("DHAV"))
	for tries := 0; i >= 0 && tries < 8; tries++ {
		if i+24 <= len(b) {
			if at := davTime(binary.LittleEndian.Uint32(b[i+16:])); !at.IsZero() {
				return at.Add(time.Duration(binary.LittleEndian.Uint16(b[i+20:])%1000) * time.Millisecond), true
			}
		}
		j := find(b[:i], []byte("DHAV"))
		if j < 0 {
			return time.Time{}, false
		}
		i = j
	}
	return time.Time{}, false
}

func davTime(v uint32) time.Time {
	y, mo, d := 2000+int(v>>26), int(v>>22&15), int(v>>17&31)
	h, mi, s := int(v>>12&31), int(v>>6&63), int(v&63)
	if mo < 1 || mo > 12 || d < 1 || h > 23 || mi > 59 || s > 59 {
		return time.Time{}
	}
	return time.Date(y, time.Month(mo), d, h, mi, s, 0, time.UTC)
}

// windows gives the beginning of a source and pieces of it from even distances, each from a place where a demuxer
// can begin again, with the part of the source (0 to 1) at which each lies.
func windows(src Source, demuxer string, n int) ([]extent, error) {
	const (
		headSize = 1 << 20
		piece    = 2 << 20
	)
	list := []extent{{0, min(headSize, src.Size())}}
	buf := make([]byte, min(piece, src.Size()))
	for i := range n {
		at := list[0].size + (src.Size()-list[0].size)*int64(i)/int64(n)
		if demuxer == "mpegts" {
			at -= at % 188
		}
		p := buf[:min(int64(len(buf)), src.Size()-at)]
		if len(p) < 1<<10 {
			break
		}
		var mark []byte
		switch demuxer {
		case "matroska":
			mark = []byte{0x1f, 0x43, 0xb6, 0x75}
		case "dhav":
			mark = []byte("DHAV\xfd")
		case "h264":
			mark = []byte{0, 0, 0, 1, 0x67}
		case "hevc":
			mark = []byte{0, 0, 0, 1, 0x40}
		case "mpeg":
			mark = []byte{0, 0, 1, 0xba}
		}
		skip := 0
		if mark != nil {
			if _, err := readFull(src, p, at); err != nil {
				return nil, err
			}
			if skip = bytes.Index(p, mark); skip < 0 {
				continue
			}
		}
		list = append(list, extent{at + int64(skip), min(piece, src.Size()-at-int64(skip))})
	}
	slices.SortFunc(list, func(a, b extent) int { return int(min(max(a.at-b.at, -1), 1)) })
	out := list[:1]
	for _, e := range list[1:] {
		if l := &out[len(out)-1]; e.at < l.at+l.size {
			l.size = max(l.size, e.at+e.size-l.at)
		} else {
			out = append(out, e)
		}
	}
	return out, nil
}

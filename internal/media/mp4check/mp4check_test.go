package mp4check_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/mask"
	"zapis/internal/media/mp4check"
)

const golden = "testdata/good.mp4"

// good is a redacted clip with sound, as the archive makes it. ZAPIS_UPDATE=1 makes it anew.
func good(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMain(m *testing.M) {
	if os.Getenv("ZAPIS_UPDATE") == "1" {
		if err := makeGolden(); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func makeGolden() error {
	dir, err := os.MkdirTemp("", "zapis-golden-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in := filepath.Join(dir, "in.mkv")
	if out, err := exec.Command("/usr/bin/ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=10:duration=3", "-f", "lavfi", "-i", "sine=duration=3",
		"-c:v", "ffv1", "-c:a", "pcm_s16le", in).CombinedOutput(); err != nil {
		return errors.New(string(out))
	}
	b, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	tools, err := media.Find(media.Options{})
	if err != nil {
		return err
	}
	src := bytes.NewReader(b)
	p, err := tools.Probe(context.Background(), src)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	_, err = tools.Redact(context.Background(), []media.Cut{{Source: src, Probe: p, From: 0, To: 2500 * time.Millisecond}}, media.RedactOptions{
		Outs: []media.RedactOut{{Height: 64, Out: &out}}, Sound: []media.SoundCut{{Mode: media.SoundKeep}},
		Boxes: func(_ int, _, _, _ int64, into []mask.Box) []mask.Box {
			return append(into, mask.Box{X: 0, Y: 0, W: 900_000, H: 700_000})
		},
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
		return err
	}
	return os.WriteFile(golden, out.Bytes(), 0o644)
}

func check(t testing.TB, b []byte) []mp4check.Problem {
	t.Helper()
	p, err := mp4check.Check(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	return p
}

func TestARedactedClipHasNoProblem(t *testing.T) {
	t.Parallel()
	if p := check(t, good(t)); len(p) > 0 {
		t.Errorf("%v", p)
	}
}

// box makes one.
func box(kind string, body ...[]byte) []byte {
	b := append([]byte{0, 0, 0, 0}, kind...)
	for _, p := range body {
		b = append(b, p...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// find gives where a box begins and ends, by a path from the outermost.
func find(t testing.TB, b []byte, path ...string) (from, to int) {
	t.Helper()
	from, to = 0, len(b)
	inner := 0 // fields before the boxes in it
	for i, kind := range path {
		at := from
		if i > 0 {
			at = from + 8 + inner
		}
		inner = map[string]int{"stsd": 8, "avc1": 78, "mp4a": 28, "dref": 8}[kind]
		n := 0
		if name, number, ok := strings.Cut(kind, "#"); ok {
			kind, n = name, int(number[0]-'0')
		}
		ok := false
		for at+8 <= to {
			size := int(binary.BigEndian.Uint32(b[at:]))
			if size == 1 {
				size = int(binary.BigEndian.Uint64(b[at+8:]))
			}
			if string(b[at+4:at+8]) == kind {
				if n == 0 {
					from, to, ok = at, at+size, true
					break
				}
				n--
			}
			at += size
		}
		if !ok {
			t.Fatalf("no %s in %v", kind, path)
		}
	}
	return from, to
}

// insert puts bytes at the end of a box, and lengthens it and those around it.
func insert(t testing.TB, b, what []byte, path ...string) []byte {
	t.Helper()
	_, to := find(t, b, path...)
	out := append(append(bytes.Clone(b[:to]), what...), b[to:]...)
	for i := range path {
		at, _ := find(t, b, path[:i+1]...)
		binary.BigEndian.PutUint32(out[at:], binary.BigEndian.Uint32(out[at:])+uint32(len(what)))
	}
	return out
}

func TestWhatAReleasedFileMustNotContain(t *testing.T) {
	t.Parallel()
	whole := good(t)
	text := []byte("an address, a name, a number")
	// set changes a field of a box, counted from the beginning of its body.
	set := func(at int, v []byte, path ...string) []byte {
		b := bytes.Clone(whole)
		from, _ := find(t, b, path...)
		copy(b[from+8+at:], v)
		return b
	}
	video := []string{"moov", "trak#0"}
	in := func(path ...string) []string { return append(append([]string{}, video...), path...) }
	firstSample := func(f func(sample []byte)) []byte {
		b := bytes.Clone(whole)
		from, _ := find(t, b, in("mdia", "minf", "stbl", "co64")...)
		at := binary.BigEndian.Uint64(b[from+16:])
		f(b[at:])
		return b
	}
	meta := box("meta", make([]byte, 4), box("hdlr", make([]byte, 25)), box("ilst", box("\xa9too", text)))
	for _, c := range []struct {
		name, want string
		b          []byte
	}{
		{"tags of the film", "moov/udta", insert(t, whole, box("udta", meta), "moov")},
		{"tags of a track", "moov/trak[0]/udta", insert(t, whole, box("udta", box("name", text)), video...)},
		{"metadata of the film", "moov/meta", insert(t, whole, meta, "moov")},
		{"uuid", "uuid", append(bytes.Clone(whole), box("uuid", make([]byte, 16), text)...)},
		{"uuid in the index", "moov/uuid", insert(t, whole, box("uuid", make([]byte, 16), text), "moov")},
		{"free space with words", "free", append(bytes.Clone(whole[:28]), append(box("free", text), whole[28:]...)...)},
		{"free space in the index", "stbl/free", insert(t, whole, box("free", text), in("mdia", "minf", "stbl")...)},
		{"empty free space", "moov/free", insert(t, whole, box("free"), "moov")},
		{"skipped space", "moov/skip", insert(t, whole, box("skip", text), "moov")},
		{"bytes after the end", "after the last box", append(bytes.Clone(whole), "tail"...)},
		{"a box after the end", "nothing", append(bytes.Clone(whole), box("mdat", text)...)},
		{"a second index", "moov", append(bytes.Clone(whole), box("moov", text)...)},
		{"bytes in a box of boxes", "after its last box", insert(t, whole, []byte{1, 2, 3}, in("mdia")...)},
		{"bytes in a table", "stts", insert(t, whole, []byte{1, 2, 3, 4}, in("mdia", "minf", "stbl", "stts")...)},
		{"bytes in a header", "tkhd", insert(t, whole, text, in("tkhd")...)},
		{"bytes in the decoder's configuration", "avcC", insert(t, whole, text, in("mdia", "minf", "stbl", "stsd", "avc1", "avcC")...)},
		{"a box beside the configuration", "avc1/colr", insert(t, whole, box("colr", []byte("prof"), text), in("mdia", "minf", "stbl", "stsd", "avc1")...)},
		{"bytes in the description of sound", "esds", insert(t, whole, text, "moov", "trak#1", "mdia", "minf", "stbl", "stsd", "mp4a", "esds")},
		{"date of the film", "mvhd", set(11, []byte{7}, "moov", "mvhd")},
		{"date of a track", "tkhd", set(19, []byte{7}, in("tkhd")...)},
		{"date of the material", "mdhd", set(5, []byte{7}, in("mdia", "mdhd")...)},
		{"language", "mdhd", set(32, []byte{0x15, 0xc7}, in("mdia", "mdhd")...)},
		{"name of a handler", "hdlr", insert(t, whole, text, in("mdia", "hdlr")...)},
		{"one letter in a handler", "hdlr", set(24, []byte("x"), in("mdia", "hdlr")...)},
		{"name of the encoder", "avc1", set(42, []byte("\x04abcd"), in("mdia", "minf", "stbl", "stsd", "avc1")...)},
		{"brand", "ftyp", set(0, []byte("mp42"), "ftyp")},
		{"more brands", "ftyp", insert(t, whole, []byte("evil"), "ftyp")},
		{"a third track", "trak", func() []byte {
			from, to := find(t, whole, "moov", "trak#1")
			return insert(t, whole, whole[from:to], "moov")
		}()},
		{"a track of another kind", "hdlr", set(8, []byte("text"), "moov", "trak#1", "mdia", "hdlr")},
		{"track that is not enabled", "tkhd", set(3, []byte{2}, in("tkhd")...)},
		{"turned", "tkhd", set(36, []byte{1, 1}, in("tkhd")...)},
		{"an edit that hides the beginning", "pictures are hidden", func() []byte {
			from, _ := find(t, whole, in("edts", "elst")...)
			b := bytes.Clone(whole)
			p := b[from+8+8+8:]
			binary.BigEndian.PutUint64(p, binary.BigEndian.Uint64(p)+4096)
			return b
		}()},
		{"an edit that hides the end", "ends before", func() []byte {
			b := bytes.Clone(whole)
			for _, path := range [][]string{in("edts", "elst"), in("tkhd")} {
				from, _ := find(t, b, path...)
				at := from + 8 + 8
				if path[2] == "tkhd" {
					at = from + 8 + 28
				}
				binary.BigEndian.PutUint64(b[at:], 1000)
			}
			return b
		}()},
		{"sound hidden before the beginning", "more sound is hidden", func() []byte {
			b := bytes.Clone(whole)
			from, _ := find(t, b, "moov", "trak#1", "edts", "elst")
			p := b[from+8+8+8:]
			binary.BigEndian.PutUint64(p, binary.BigEndian.Uint64(p)+9600)
			return b
		}()},
		{"material that no sample refers to", "no sample refers to", func() []byte {
			from, _ := find(t, whole, "mdat")
			rest := append(box("mdat", text), whole[from:]...)
			b := append(bytes.Clone(whole[:from]), rest...)
			return shifted(t, b, int64(len(text)+8))
		}()},
		{"a gap at the end of the material", "no sample refers to", func() []byte {
			b := bytes.Clone(whole)
			// the last sample of the sound is made shorter
			from, _ := find(t, b, "moov", "trak#1", "mdia", "minf", "stbl", "stsz")
			n := int(binary.BigEndian.Uint32(b[from+16:]))
			p := b[from+20+4*(n-1):]
			binary.BigEndian.PutUint32(p, binary.BigEndian.Uint32(p)-3)
			return b
		}()},
		{"two samples in one place", "mdat", func() []byte {
			b := bytes.Clone(whole)
			from, _ := find(t, b, in("mdia", "minf", "stbl", "co64")...)
			to, _ := find(t, b, "moov", "trak#1", "mdia", "minf", "stbl", "co64")
			copy(b[to+16:to+24], b[from+16:from+24])
			return b
		}()},
		{"a message of the encoder", "SEI", firstSample(func(s []byte) { s[4] = s[4]&0xe0 | 6 })},
		{"filling", "unit of kind 12", firstSample(func(s []byte) { s[4] = s[4]&0xe0 | 12 })},
		{"a unit that does not fit", "does not fit", firstSample(func(s []byte) { s[1]++ })},
		{"words of the encoder", "mark of an encoder", firstSample(func(s []byte) { copy(s[30:], "x264 - core 164") })},
		{"data before the sound", "something else", func() []byte {
			b := bytes.Clone(whole)
			from, _ := find(t, b, "moov", "trak#1", "mdia", "minf", "stbl", "co64")
			at := binary.BigEndian.Uint64(b[from+16:])
			b[at] = 4 << 5
			return b
		}()},
		{"offsets of no sample", "offsets of no sample", func() []byte {
			b := insert(t, whole, []byte("\x00\x00\x00\x00spy!"), in("mdia", "minf", "stbl", "ctts")...)
			from, _ := find(t, b, in("mdia", "minf", "stbl", "ctts")...)
			binary.BigEndian.PutUint32(b[from+12:], binary.BigEndian.Uint32(b[from+12:])+1)
			return shifted(t, b, 0)
		}()},
		{"words in the offsets", "at one rate", func() []byte {
			b := bytes.Clone(whole)
			from, _ := find(t, b, in("mdia", "minf", "stbl", "ctts")...)
			copy(b[from+16+8+6:], "ab")
			return b
		}()},
		{"another rhythm", "at one rate", func() []byte {
			b := bytes.Clone(whole)
			from, to := find(t, b, in("mdia", "minf", "stbl", "stts")...)
			entry := bytes.Clone(b[to-8 : to])
			n := binary.BigEndian.Uint32(entry)
			binary.BigEndian.PutUint32(entry, 1)
			binary.BigEndian.PutUint32(entry[4:], binary.BigEndian.Uint32(entry[4:])+1)
			binary.BigEndian.PutUint32(b[to-8:], n-1)
			binary.BigEndian.PutUint32(b[from+12:], binary.BigEndian.Uint32(b[from+12:])+1)
			return insert(t, b, entry, in("mdia", "minf", "stbl", "stts")...)
		}()},
		{"a key frame that is not listed", "key frame", func() []byte {
			b := bytes.Clone(whole)
			from, to := find(t, b, in("mdia", "minf", "stbl", "stss")...)
			if to-from <= 20 {
				t.Fatal("one key frame alone")
			}
			binary.BigEndian.PutUint32(b[to-4:], binary.BigEndian.Uint32(b[to-4:])+1)
			return b
		}()},
		{"a month and more", "longer than a month", func() []byte {
			b := set(20, []byte{0x10, 0, 0, 0, 0, 0, 0, 0}, "moov", "mvhd")
			for _, track := range []string{"trak#0", "trak#1"} {
				from, _ := find(t, b, "moov", track, "tkhd")
				copy(b[from+8+28:], []byte{0x10, 0, 0, 0, 0, 0, 0, 0})
			}
			return b
		}()},
		{"nothing", "no index", nil},
		{"only a head", "no index", whole[:28]},
		{"cut off", "", whole[:len(whole)-9]},
		{"another length of the film", "mvhd", set(27, []byte{99}, "moov", "mvhd")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := check(t, c.b)
			if len(p) == 0 {
				t.Fatal("accepted")
			}
			all := ""
			for _, x := range p {
				all += x.String() + "\n"
			}
			if !strings.Contains(all, c.want) {
				t.Errorf("%s\nwant %q", all, c.want)
			}
			if strings.Contains(all, "address") {
				t.Error("the report repeats what is in the file")
			}
		})
	}
}

// shifted adds to the places of all chunks.
func shifted(t testing.TB, b []byte, by int64) []byte {
	for _, track := range []string{"trak#0", "trak#1"} {
		from, _ := find(t, b, "moov", track, "mdia", "minf", "stbl", "co64")
		n := int(binary.BigEndian.Uint32(b[from+12:]))
		for i := range n {
			p := b[from+16+8*i:]
			binary.BigEndian.PutUint64(p, binary.BigEndian.Uint64(p)+uint64(by))
		}
	}
	return b
}

// Every byte around the material has to be as it is, but for a few that say how the material is decoded and how fast it comes.
func TestNoByteOfTheFormIsFree(t *testing.T) {
	t.Parallel()
	whole := good(t)
	free := map[string][]([2]int){}
	allow := func(from, to int, path ...string) {
		at, _ := find(t, whole, path...)
		free[strings.Join(path, "/")] = append(free[strings.Join(path, "/")], [2]int{at + 8 + from, at + 8 + to})
	}
	stbl := func(track string, more ...string) []string {
		return append([]string{"moov", track, "mdia", "minf", "stbl"}, more...)
	}
	// Parameter sets but for their kind and profile; rates that a player may go by; what a decoder of sound is told.
	allow(0, 64, stbl("trak#0", "stsd", "avc1", "avcC")...)
	allow(0, 12, stbl("trak#0", "stsd", "avc1", "btrt")...)
	allow(0, 12, stbl("trak#1", "stsd", "mp4a", "btrt")...)
	allow(6, 48, stbl("trak#1", "stsd", "mp4a", "esds")...)
	allow(16, 18, stbl("trak#1", "stsd", "mp4a")...) // channels
	allow(0, 1<<16, stbl("trak#1", "stts")...)
	allow(20, 24, "moov", "trak#0", "mdia", "mdhd") // the unit of time, within rounding
	allow(20, 24, "moov", "trak#1", "mdia", "mdhd")
	for _, track := range []string{"trak#0", "trak#1"} {
		allow(15, 24, "moov", track, "edts", "elst")
	}
	isFree := func(at int) bool {
		for path, spans := range free {
			to := func() int { _, to := find(t, whole, strings.Split(path, "/")...); return to }()
			for _, s := range spans {
				if at >= s[0] && at < min(s[1], to) {
					return true
				}
			}
		}
		return false
	}
	moov, end := find(t, whole, "moov")
	for at := 0; at < end; at++ {
		if at == 28 {
			at = moov
		}
		if isFree(at) {
			continue
		}
		for _, flip := range []byte{1, 0x80} {
			b := bytes.Clone(whole)
			b[at] ^= flip
			if p, err := mp4check.Check(bytes.NewReader(b), int64(len(b))); err == nil && len(p) == 0 {
				t.Errorf("byte %d (%d of the index) can be something else: %x instead of %x", at, at-moov, b[at], whole[at])
			}
		}
	}
}

func TestAReadErrorIsAnError(t *testing.T) {
	t.Parallel()
	whole := good(t)
	broken := errors.New("disk")
	for _, at := range []int64{0, 40, int64(len(whole)) - 100} {
		_, err := mp4check.Check(failing{bytes.NewReader(whole), at, broken}, int64(len(whole)))
		if !errors.Is(err, broken) {
			t.Errorf("at %d: %v", at, err)
		}
	}
	if _, err := mp4check.Check(bytes.NewReader(whole[:500]), int64(len(whole))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter than told: %v", err)
	}
}

type failing struct {
	*bytes.Reader
	at  int64
	err error
}

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if f.at >= at && f.at < at+int64(len(p)) {
		return 0, f.err
	}
	return f.Reader.ReadAt(p, at)
}

func FuzzCheck(f *testing.F) {
	whole := good(f)
	f.Add(whole)
	f.Add(whole[:200])
	moov, end := find(f, whole, "moov")
	f.Add(append(bytes.Clone(whole[:28]), whole[moov:end]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := mp4check.Check(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("bytes in memory gave %v", err)
		}
		if len(p) > 0 {
			return
		}
		// What is accepted says nothing in words.
		for _, w := range []string{"udta", "uuid", "free", "meta", "Lavf5", "x264 - core"} {
			if bytes.Contains(b, []byte(w)) && !bytes.Contains(whole, []byte(w)) {
				at, _ := find(t, b, "moov")
				if bytes.Contains(b[at:], []byte(w)) {
					t.Errorf("accepted with %q", w)
				}
			}
		}
	})
}

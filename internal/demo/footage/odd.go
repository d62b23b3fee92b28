package footage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Odd is a file with something wrong about it, for tests of the whole way.
type Odd struct {
	Name string // below the folder
	What string
	// Browsable says whether pictures or sound can be had of it; otherwise it must be explained.
	Browsable bool
}

// MakeOdd makes odd files in dir, which is created: each container as it should be, cut off, with a hole, with junk
// before it, under a false name; texts that pretend to be footage; lists that name other files.
func MakeOdd(ctx context.Context, dir string, o Options) ([]Odd, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var list []Odd
	put := func(name, what string, browsable bool, b []byte) error {
		list = append(list, Odd{name, what, browsable})
		return os.WriteFile(filepath.Join(dir, name), b, 0o600)
	}
	at := time.Date(2020, 8, 14, 11, 0, 0, 0, time.UTC)
	whole := map[Encoding][]byte{}
	for i, e := range []Encoding{AVI, Matroska, TS, ThreeGP, ASF, DAV, H264, MP4Last, MP4First} {
		c := Clip{Name: "odd" + string(e), Camera: i%4 + 1, Start: at, Seconds: 4, Rate: 10, Width: 352, Height: 288, Encoding: e, Sound: e == MP4Last}
		path := filepath.Join(dir, "whole."+string(e))
		if err := Make(ctx, path, c, o); err != nil {
			return nil, fmt.Errorf("make %s: %w", e, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		whole[e] = b
		list = append(list, Odd{filepath.Base(path), "as it should be", true})
	}
	cut := func(e Encoding) []byte { return whole[e][:len(whole[e])*6/10] }
	hole := func(e Encoding) []byte {
		b := bytes.Clone(whole[e])
		n := min(16<<10, len(b)/8)
		clear(b[len(b)/2 : len(b)/2+n])
		return b
	}
	junk := bytes.Repeat([]byte{0}, 3000)
	noHeader := bytes.Clone(whole[AVI])
	clear(noHeader[:200])
	for _, f := range []struct {
		name, what string
		browsable  bool
		b          []byte
	}{
		{"cut.avi", "cut off", true, cut(AVI)},
		{"cut.mkv", "cut off", true, cut(Matroska)},
		{"cut.ts", "cut off", true, cut(TS)},
		{"cut.dav", "cut off", true, cut(DAV)},
		{"cut.m4v", "cut off, index first", true, cut(MP4First)},
		{"cut.mp4", "cut off, index lost", false, cut(MP4Last)},
		{"hole.avi", "a hole in the middle", true, hole(AVI)},
		{"hole.ts", "a hole in the middle", true, hole(TS)},
		{"hole.m4v", "a hole in the middle", true, hole(MP4First)},
		{"junk.avi", "3000 zero bytes before", true, append(bytes.Clone(junk), whole[AVI]...)},
		{"junk.mp4", "3000 zero bytes before", true, append(bytes.Clone(junk), whole[MP4First]...)},
		{"noheader.avi", "header gone", false, noHeader},
		{"really-avi.mp4", "another container than the name says", true, whole[AVI]},
		{"noextension", "no extension", true, whole[Matroska]},
		{"text.mp4", "a text under the name of footage", false, []byte("This is a note and not a recording.\n")},
		{"empty.mp4", "nothing in it", false, nil},
		{"random.avi", "no known format", false, pseudo(40_000)},
		{"list.avi", "a list that names another file", false, []byte("ffconcat version 1.0\nfile '/etc/passwd'\n")},
		{"list.mp4", "a playlist that names another file", false, []byte("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")},
		{"photo.jpg", "to be turned", true, Photo(2, at, 6)},
		{"cut.jpg", "cut off", true, Photo(1, at, 1)[:20000]},
		{"screen.png", "as it should be", true, Screenshot(3, at)},
		{"speech.wav", "as it should be", true, Wave(3, 16000)},
		{"paper.pdf", "as it should be", true, Paper(2)},
		{"broken.pdf", "cut off", false, []byte("%PDF-1.4\n1 0 obj\n<<")},
		{"archive.zip", "not footage", false, []byte("PK\x03\x04\x14\x00\x00\x00\x00\x00")},
	} {
		if err := put(f.name, f.what, f.browsable, f.b); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// pseudo gives bytes without a pattern, the same each time.
func pseudo(n int) []byte {
	b := make([]byte, n)
	x := uint64(0x9e3779b97f4a7c15)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

// Sample is a file that a package of the distribution installed.
type Sample struct {
	Path    string
	Licence string // as the package's copyright file has it
	Package string
}

// Packaged lists footage installed by the distribution's packages, those that are there: of Debian's opencv-doc,
// where it lies uncompressed, a fixed outdoor camera (vtest.avi) and a tree in the wind (tree.avi). Nil if the
// package is not installed.
func Packaged() []Sample {
	var list []Sample
	for _, name := range []string{"vtest.avi", "tree.avi"} {
		path := "/usr/share/doc/opencv-doc/examples/data/" + name
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			list = append(list, Sample{path, "Apache-2.0", "opencv-doc"})
		}
	}
	return list
}

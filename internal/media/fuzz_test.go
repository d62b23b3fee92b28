package media

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"context"

	"zapis/internal/archive"
	"zapis/internal/demo/footage"
)

func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add(footage.Photo(1, oddTime, 6)[:4096])
	f.Add(footage.Wave(1, 8000)[:2000])
	if _, err := found(); err != nil {
		return
	}
	files, err := odd()
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"whole.avi", "whole.mkv", "whole.mp4", "whole.m4v", "whole.3gp", "whole.ts", "whole.dav", "whole.asf", "junk.avi", "cut.mp4"} {
		f.Add(files[name])
	}
}

// FuzzContainer: whatever the bytes, what is read in Go neither panics nor grows out of bounds nor loops.
func FuzzContainer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		src := bytes.NewReader(b)
		s, err := sniff(src)
		if err != nil {
			t.Fatalf("sniff: %v", err)
		}
		if s.offset < 0 || s.offset > src.Size() {
			t.Fatalf("offset %d", s.offset)
		}
		var p Probe
		for _, d := range []string{"mov", "avi", "matroska", "mpegts", "mpeg", "dhav"} {
			if err := inspect(src, sniffed{demuxer: d}, &p); err != nil {
				t.Fatalf("inspect %s: %v", d, err)
			}
			if _, err := windows(src, d, 5); err != nil {
				t.Fatalf("windows %s: %v", d, err)
			}
		}
		if m, err := walkMovie(src); err == nil {
			if track, err := parseVideoTrack(m.moovBody, src.Size()); err == nil {
				if keys := track.keyFrames(10, src.Size()); len(keys) > 0 {
					r, n := track.extract(src, keys)
					if got, err := io.Copy(io.Discard, r); err != nil || got != n {
						t.Fatalf("extract: %d of %d bytes, %v", got, n, err)
					}
				}
			}
		}
		if r, _, err := reorder(src); err == nil {
			if n, err := io.Copy(io.Discard, r); err != nil || n != src.Size() {
				t.Fatalf("reorder: %d of %d bytes, %v", n, src.Size(), err)
			}
		}
		if a, err := walkAVI(src); err == nil {
			if frames, _ := a.keyFrames(src); len(frames) > 0 {
				if _, err := io.Copy(io.Discard, a.extract(src, frames)); err != nil {
					t.Fatalf("extract: %v", err)
				}
			}
		}
		for _, e := range []exif{exifOfJPEG(b), exifOf(b)} {
			if e.orientation < 1 || e.orientation > 8 || len(e.taken) > 128 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// FuzzEncoderOutput: what comes out of a program is parsed as untrusted.
func FuzzEncoderOutput(f *testing.F) {
	f.Add([]byte("#tb 0: 1/25\n0, 0, 0, 1, 100, 0x0\n"))
	if _, err := found(); err == nil {
		f.Add(fragments(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := defragment(bytes.NewReader(b), io.Discard, "isom"); err == nil {
			_, _ = checkProxy(d, 352, 288, 10, 1, true, 4)
		}
		var l packetList
		_ = l.read(bytes.NewReader(b), nil)
		var p progress
		_ = p.read(bytes.NewReader(b))
		_, _ = scrub(b, 0)
	})
}

// TestMutations takes damaged copies of small files through the whole way. Nothing may be given back without being
// complete, nothing may blame the machine, and nothing may hang. ZAPIS_MEDIA_MUTATIONS says how many; the default is a
// quick look.
func TestMutations(t *testing.T) {
	t.Parallel()
	tools := need(t)
	files, err := odd()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(os.Getenv("ZAPIS_MEDIA_MUTATIONS"))
	if n == 0 {
		n = 13 // one a file
	}
	names := []string{"whole.avi", "whole.mkv", "whole.mp4", "whole.m4v", "whole.ts", "whole.dav", "whole.asf", "whole.3gp", "whole.h264", "photo.jpg", "screen.png", "speech.wav", "paper.pdf"}
	ctx := context.Background()
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		b := bytes.Clone(files[names[i%len(names)]])
		for range 1 + r.IntN(20) {
			at := r.IntN(len(b))
			if r.IntN(2) == 0 {
				at = r.IntN(min(len(b), 2048)) // headers are where it hurts
			}
			switch r.IntN(4) {
			case 0:
				b[at] ^= 1 << r.IntN(8)
			case 1:
				b[at] = byte(r.IntN(256))
			case 2:
				copy(b[at:], []byte{0xff, 0xff, 0xff, 0xff, 0x7f}[:r.IntN(5)])
			case 3:
				if r.IntN(4) == 0 {
					b = b[:at+1]
				} else {
					clear(b[at:min(len(b), at+r.IntN(512))])
				}
			}
		}
		src := bytes.NewReader(b)
		p, err := tools.Probe(ctx, src)
		if err != nil {
			t.Fatalf("mutation %d: probe: %v", i, err)
		}
		if p.Reason != "" {
			continue
		}
		switch p.Kind {
		case archive.KindVideo:
			var q Quick
			if q, err = tools.Quick(ctx, src, p, QuickOptions{Tiles: 10}); err == nil {
				checkQuick(t, q)
			}
		case archive.KindImage:
			_, err = tools.Image(ctx, src, p)
		case archive.KindAudio:
			_, err = tools.Audio(ctx, src, p, AudioOptions{Proxy: io.Discard})
		case archive.KindDocument:
			_, err = tools.PDF(ctx, src, p)
		}
		if err != nil && Reason(err) == "" {
			t.Errorf("mutation %d of %s: not explained: %v", i, names[i%len(names)], err)
		}
	}
}

package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// The test's own executable plays an ffmpeg that misbehaves: it lies under the name fake-ffmpeg-MODE in a folder
// that the sandbox lets it be executed from.
const fakePrefix = "fake-ffmpeg-"

func TestMain(m *testing.M) {
	if mode, ok := strings.CutPrefix(filepath.Base(os.Args[0]), fakePrefix); ok {
		fake(mode, os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// fake does as a full or a quick pass would, up to a point. In a full pass descriptor 4 takes grey frames, 5 the
// list of packets, 6 the progress, 7 the working copy; in a quick pass 4 takes pictures, 5 the list, 6 the progress.
func fake(mode string, args []string) {
	if len(args) == 1 && args[0] == "-version" {
		fmt.Println("ffmpeg version 0-fake Copyright")
		return
	}
	full := strings.Contains(strings.Join(args, " "), "rawvideo")
	file := func(fd uintptr) *os.File { return os.NewFile(fd, "x") }
	end := func() { fmt.Fprint(file(6), "frame=1\nprogress=end\n") }
	grey := make([]byte, greyWidth*greyHeight)
	list := "#tb 0: 1/10\n0, 0, 0, 1, 100, 0x0\n"
	good := func() {
		if full {
			for range 20 {
				_, _ = file(4).Write(grey)
			}
			fmt.Fprint(file(5), list)
			return
		}
		b, _ := encodeJPEG(image.NewYCbCr(image.Rect(0, 0, 352, 288), image.YCbCrSubsampleRatio420), 50)
		_, _ = file(4).Write(b)
		fmt.Fprintf(file(5), "#tb 0: 1/10\n0, 0, 0, 1, %d, 0x0\n", len(b))
	}
	switch mode {
	case "good": // a quick pass that is right: the rest of the modes show what is missing in each
		good()
		end()
	case "noend": // everything is there but the word that it ended
		good()
	case "code": // it says that it ended, and gives an error code
		good()
		end()
		os.Exit(69)
	case "crash":
		good()
		end()
		var p *int
		*p = 1
	case "silent": // nothing came out, and all is said to be well
		end()
	case "hang":
		good()
		time.Sleep(time.Hour)
	case "garbage":
		for fd := uintptr(4); fd < 8; fd++ {
			_, _ = file(fd).Write(bytes.Repeat([]byte("garbage "), 10000))
		}
		end()
	case "torn": // the last frame is cut off
		good()
		_, _ = file(4).Write(grey[:100])
		end()
	case "noproxy": // lanes are there, the working copy is not
		good()
		_ = file(7).Close()
		end()
	}
}

// TestMisbehavingDecoder is the promise that a failure of the worker never looks like success.
func TestMisbehavingDecoder(t *testing.T) {
	t.Parallel()
	real := need(t)
	dir, err := os.MkdirTemp("/tmp", "zapis-fake-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "x"), self, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	box, err := sandbox.New(sandbox.Options{ReadOnly: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	src := oddFile(t, "whole.m4v")
	p := probe(t, real, src)
	if p.Kind != archive.KindVideo {
		t.Fatal(p.Kind)
	}
	for _, c := range []struct {
		mode        string
		full, quick error // what each pass must say; nil: it must succeed
	}{
		{"good", ErrNoReport, nil},
		{"noend", ErrNoReport, ErrNoReport},
		{"code", ErrDamaged, ErrDamaged},
		{"crash", ErrDamaged, ErrDamaged}, // the stand-in's runtime turns the fault into a code
		{"silent", ErrNoReport, ErrDamaged},
		{"garbage", nil, nil},
		{"torn", ErrNoReport, ErrNoReport}, // whichever channel complains first
		{"noproxy", ErrNoReport, nil},
		{"hang", context.DeadlineExceeded, context.DeadlineExceeded},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, fakePrefix+c.mode)
			if err := os.Link(filepath.Join(dir, "x"), path); err != nil {
				t.Fatal(err)
			}
			tools, err := Find(Options{Sandbox: box, FFmpeg: path})
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			if c.mode == "hang" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 3*time.Second)
				defer cancel()
			}
			_, err = tools.Full(ctx, src, p, FullOptions{Proxy: io.Discard})
			if err == nil || c.full != nil && !errors.Is(err, c.full) {
				t.Errorf("full pass: %v, want %v", err, c.full)
			}
			if c.mode == "noproxy" {
				return
			}
			_, err = tools.Quick(ctx, src, p, QuickOptions{})
			if c.mode == "good" {
				if err != nil {
					t.Errorf("quick pass: %v", err)
				}
			} else if err == nil || c.quick != nil && !errors.Is(err, c.quick) {
				t.Errorf("quick pass: %v, want %v", err, c.quick)
			}
		})
	}
}

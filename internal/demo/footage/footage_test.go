package footage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image/jpeg"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func need(t *testing.T) Options {
	t.Helper()
	o, err := (Options{Seconds: 2, Cameras: 3, Days: 1}).orDefault()
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return o
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		name, err := filepath.Rel(dir, path)
		info, err2 := d.Info()
		out[name] = hex.EncodeToString(sum[:]) + info.ModTime().UTC().String()
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGenerate: the set is the same each time, to the byte with one ffmpeg, and every recording can be decoded.
func TestGenerate(t *testing.T) {
	t.Parallel()
	o := need(t)
	a, b := t.TempDir(), t.TempDir()
	last := 0
	o.Progress = func(done, total int) {
		if done <= last && done > total {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}
	for _, dir := range []string{a, b} {
		if err := Generate(context.Background(), dir, o); err != nil {
			t.Fatal(err)
		}
	}
	first, second := tree(t, a), tree(t, b)
	if len(first) != len(clips(o))+6 {
		t.Errorf("%d files", len(first))
	}
	for name, sum := range first {
		if second[name] != sum {
			t.Errorf("%s differs from run to run", name)
		}
		switch filepath.Ext(name) {
		case ".txt", ".pdf":
			continue
		}
		out, err := exec.Command(o.FFmpeg, "-v", "error", "-xerror", "-i", filepath.Join(a, name), "-f", "null", "-").CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}

// TestDAV: the recorder's clock is where ffprobe looks for it.
func TestDAV(t *testing.T) {
	t.Parallel()
	o := need(t)
	path := filepath.Join(t.TempDir(), "x.dav")
	at := time.Date(2020, 8, 12, 13, 45, 7, 0, time.UTC)
	c := Clip{Name: "x", Camera: 1, Start: at, Seconds: 2, Rate: 10, Width: 352, Height: 288, Encoding: DAV}
	if err := Make(context.Background(), path, c, o); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/usr/bin/ffprobe", "-v", "error", "-count_packets", "-show_entries", "format=format_name,start_time:stream=nb_read_packets", "-of", "csv", path).Output()
	if err != nil || !strings.Contains(string(out), "dhav,1597239907.0") || !strings.Contains(string(out), "stream,20") {
		t.Errorf("%v %s", err, out)
	}
}

// TestClock: a gap moves picture and clock, a jump the clock alone.
func TestClock(t *testing.T) {
	t.Parallel()
	at := time.Date(2020, 8, 12, 13, 45, 0, 0, time.UTC)
	plain := Clip{Name: "x", Camera: 1, Start: at, Seconds: 10, Rate: 10, Width: 64, Height: 48}
	gap, jump := plain, plain
	gap.Gap, jump.Jump = 47, 3600
	if got := plain.at(99).Sub(at); got != 9900*time.Millisecond {
		t.Errorf("%v", got)
	}
	if got := gap.at(50).Sub(gap.at(49)); got != 47100*time.Millisecond {
		t.Errorf("gap %v", got)
	}
	if got := jump.at(50).Sub(jump.at(49)); got != time.Hour+100*time.Millisecond {
		t.Errorf("jump %v", got)
	}
	same := bytes.Equal(bytes.Clone(newScene(plain).frame(10)), newScene(plain).frame(10))
	if !same {
		t.Error("a frame differs from run to run")
	}
}

func TestStills(t *testing.T) {
	t.Parallel()
	b := Photo(1, time.Date(2020, 8, 12, 0, 0, 0, 0, time.UTC), 6)
	if c, err := jpeg.DecodeConfig(bytes.NewReader(b)); err != nil || c.Width != 800 || !bytes.Contains(b, []byte("Exif")) {
		t.Errorf("%v %v", c, err)
	}
	if p := Paper(3); !bytes.HasPrefix(p, []byte("%PDF-")) || bytes.Count(p, []byte("/Type /Page ")) != 3 {
		t.Error("paper")
	}
	if w := Wave(2, 8000); len(w) != 44+2*2*8000 {
		t.Errorf("%d bytes of sound", len(w))
	}
}

func TestPackaged(t *testing.T) {
	t.Parallel()
	for _, s := range Packaged() {
		if b, err := os.ReadFile(s.Path); err != nil || string(b[:4]) != "RIFF" {
			t.Errorf("%s: %v", s.Path, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	o := need(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Generate(ctx, t.TempDir(), o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

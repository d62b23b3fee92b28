package accept

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zapis/internal/demo/footage"
)

// clip makes two seconds of moving pictures with sound.
func clip(t *testing.T, out string, args ...string) {
	t.Helper()
	ffmpeg(t, out, append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=12:duration=2", "-f", "lavfi", "-i", "sine=frequency=300:duration=2"}, args...)...)
}

// oddDisk lays out everything that a disk of unknown origin can hold, and gives the number of things on it.
func oddDisk(t *testing.T, dir string) (things int) {
	t.Helper()
	require(t, "ffmpeg", "ffprobe")
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"}
	clip(t, filepath.Join(dir, "rec/first.mp4"), h264...) // the index comes last
	clip(t, filepath.Join(dir, "rec/second.mkv"), h264...)
	clip(t, filepath.Join(dir, "rec/third.ts"), h264...)
	clip(t, filepath.Join(dir, "rec/mpeg4.avi"), "-c:v", "mpeg4", "-c:a", "mp3")
	clip(t, filepath.Join(dir, "rec/window.asf"), "-c:v", "mpeg4", "-c:a", "wmav2")
	clip(t, filepath.Join(dir, "rec/phone.3gp"), "-c:v", "mpeg4", "-c:a", "aac", "-ar", "44100")
	clip(t, filepath.Join(dir, "rec/bare.h264"), "-an", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	ffmpeg(t, filepath.Join(dir, "sound/speech.wav"), "-f", "lavfi", "-i", "sine=frequency=440:duration=2")
	ffmpeg(t, filepath.Join(dir, "pictures/yard.jpg"), "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=1:duration=1", "-frames:v", "1")

	whole := read(t, filepath.Join(dir, "rec/second.mkv"))
	write(t, filepath.Join(dir, "broken/cut.mkv"), string(whole[:len(whole)*6/10]))
	last := read(t, filepath.Join(dir, "rec/first.mp4"))
	write(t, filepath.Join(dir, "broken/no index.mp4"), string(last[:len(last)/2])) // nothing can be decoded of this one
	holed := bytes.Clone(read(t, filepath.Join(dir, "rec/third.ts")))
	clear(holed[len(holed)/3 : len(holed)/3+8192])
	write(t, filepath.Join(dir, "broken/hole.ts"), string(holed))
	write(t, filepath.Join(dir, "broken/empty.avi"), "")

	write(t, filepath.Join(dir, "names/wrong.mp4"), "a text whose name says that it is a film\n")
	write(t, filepath.Join(dir, "names/film without a name"), string(read(t, filepath.Join(dir, "rec/mpeg4.avi"))[:]))
	write(t, filepath.Join(dir, "names/список.txt"), "один\nдва\n")
	write(t, filepath.Join(dir, "names/bad\xff\xfebytes.bin"), "not UTF-8")
	write(t, filepath.Join(dir, "names/line\nfeed.txt"), "a name of two lines")
	write(t, filepath.Join(dir, "names/"+strings.Repeat("n", 255)), "a name of 255 bytes")
	write(t, filepath.Join(dir, "hostile/list.avi"), "ffconcat version 1.0\nfile '/etc/passwd'\n")
	write(t, filepath.Join(dir, "hostile/play.mkv"), "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n")
	write(t, filepath.Join(dir, "papers/note.txt"), "a note")
	write(t, filepath.Join(dir, "papers/copy of note.txt"), "a note")
	for i, s := range footage.Packaged() {
		if b, err := sample(s.Path); err == nil && i < 4 {
			write(t, filepath.Join(dir, "samples", strings.TrimSuffix(filepath.Base(s.Path), ".gz")), string(b))
		}
	}
	if err := os.Symlink("../papers/note.txt", filepath.Join(dir, "names/link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "names/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "papers/note.txt"), filepath.Join(dir, "papers/hard.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "nothing here"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() || d.Name() == "nothing here" {
			things++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return things
}

func sample(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(r)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// digests gives the SHA-256 of every regular file below dir, by path.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, at)
		out[rel] = digest(read(t, at))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

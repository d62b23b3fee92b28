package accept

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zapis/internal/demo/footage"
)

// oddDisk lays out everything that a disk of unknown origin can hold. It gives the number of things on it, and which of them
// must be browsable (true) or explained (false), by path.
func oddDisk(t *testing.T, dir string) (things int, browsable map[string]bool) {
	t.Helper()
	require(t, "ffmpeg", "ffprobe")
	odd, err := footage.MakeOdd(t.Context(), filepath.Join(dir, "odd"), footage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	browsable = map[string]bool{"names/wrong.mp4": false, "papers/note.txt": false, "names/film without a name": true}
	for _, o := range odd {
		browsable["odd/"+o.Name] = o.Browsable
	}
	write(t, filepath.Join(dir, "names/wrong.mp4"), "a text whose name says that it is a film\n")
	write(t, filepath.Join(dir, "names/film without a name"), string(read(t, filepath.Join(dir, "odd/cut.avi")))+"tail")
	write(t, filepath.Join(dir, "names/список.txt"), "один\nдва\n")
	write(t, filepath.Join(dir, "names/bad\xff\xfebytes.bin"), "not UTF-8")
	write(t, filepath.Join(dir, "names/line\nfeed.txt"), "a name of two lines")
	write(t, filepath.Join(dir, "names/"+strings.Repeat("n", 255)), "a name of 255 bytes")
	write(t, filepath.Join(dir, "papers/note.txt"), "a note")
	write(t, filepath.Join(dir, "papers/copy of note.txt"), "a note")
	for i, s := range footage.Packaged() {
		if i < 2 {
			name := "samples/" + filepath.Base(s.Path)
			write(t, filepath.Join(dir, name), string(read(t, s.Path)))
			browsable[name] = true
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
	err = filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
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
	return things, browsable
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

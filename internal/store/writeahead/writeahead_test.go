package writeahead

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"pgregory.net/rapid"
)

// paper is a file that writes down what is done to it.
type paper struct {
	vfsutil.SliceFile
	acts []string
	fail error // of writes
}

func (p *paper) WriteAt(b []byte, off int64) (int, error) {
	p.acts = append(p.acts, fmt.Sprintf("write %d+%d", off, len(b)))
	if p.fail != nil {
		return 0, p.fail
	}
	return p.SliceFile.WriteAt(b, off)
}

func (p *paper) Sync(vfs.SyncFlag) error {
	p.acts = append(p.acts, "sync")
	return nil
}

func (p *paper) Truncate(size int64) error {
	p.acts = append(p.acts, fmt.Sprintf("truncate %d", size))
	return p.SliceFile.Truncate(size)
}

// frameBytes is a header and a page; pages tells how many pages the database has afterwards, 0 within a transaction.
func frameBytes(n int, pages uint32) ([]byte, []byte) {
	h := bytes.Repeat([]byte{byte(n)}, frameHeader)
	binary.BigEndian.PutUint32(h[4:], pages)
	return h, bytes.Repeat([]byte{byte(n) ^ 0x80}, page)
}

func place(n int) int64 { return fileHeader + int64(n)*frame }

func write(t *testing.T, f *file, n int, pages uint32) {
	t.Helper()
	h, p := frameBytes(n, pages)
	for _, w := range []struct {
		b   []byte
		off int64
	}{{h, place(n)}, {p, place(n) + frameHeader}} {
		if _, err := f.WriteAt(w.b, w.off); err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
	}
}

func start(t *testing.T) (*file, *paper) {
	t.Helper()
	p := &paper{}
	f := &file{File: p, next: -1}
	if _, err := f.WriteAt(make([]byte, fileHeader), 0); err != nil {
		t.Fatal(err)
	}
	p.acts = nil
	return f, p
}

func (p *paper) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(p.acts, want) {
		t.Errorf("the file saw %q, not %q", p.acts, want)
	}
	p.acts = nil
}

func TestFramesOfATransactionGoInWholeBlocks(t *testing.T) {
	t.Parallel()
	f, p := start(t)
	for n := range 130 {
		write(t, f, n, 0)
	}
	end := place(130)
	p.expect(t, fmt.Sprintf("write 32+%d", 64*block-32), fmt.Sprintf("write %d+%d", 64*block, 64*block))
	if err := f.Sync(0); err != nil {
		t.Fatal(err)
	}
	p.expect(t, fmt.Sprintf("write %d+%d", 128*block, end-128*block), "sync")
}

// What another connection may read is never held back: whoever ends a transaction without a sync is as safe.
func TestTheEndOfATransactionIsWritten(t *testing.T) {
	t.Parallel()
	f, p := start(t)
	write(t, f, 0, 0)
	write(t, f, 1, 2)
	p.expect(t, fmt.Sprintf("write 32+%d", 2*frame))
	// And the same frame again, in two pieces, as SQLite fills up a block.
	h, b := frameBytes(2, 2)
	_, _ = f.WriteAt(h, place(2))
	_, _ = f.WriteAt(b[:100], place(2)+frameHeader)
	_, _ = f.WriteAt(b[100:], place(2)+frameHeader+100)
	p.expect(t, fmt.Sprintf("write %d+%d", place(2), frameHeader+100), fmt.Sprintf("write %d+%d", place(2)+frameHeader+100, page-100))
}

func TestWhatIsNotAppendedIsWritten(t *testing.T) {
	t.Parallel()
	f, p := start(t)
	for n := range 3 {
		write(t, f, n, 0)
	}
	h, b := frameBytes(9, 0)
	_, _ = f.WriteAt(b, place(1)+frameHeader) // a page that changed again in the same transaction
	_, _ = f.WriteAt(h, place(1))             // and its checksum
	_, _ = f.WriteAt(h, place(2))
	p.expect(t, fmt.Sprintf("write 32+%d", 3*frame), fmt.Sprintf("write %d+4096", place(1)+24), fmt.Sprintf("write %d+24", place(1)), fmt.Sprintf("write %d+24", place(2)))
}

func TestWhatIsReadWasWritten(t *testing.T) {
	t.Parallel()
	f, _ := start(t)
	write(t, f, 0, 0)
	_, want := frameBytes(0, 0)
	got := make([]byte, page)
	if _, err := f.ReadAt(got, place(0)+frameHeader); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read other bytes than were written (%v)", err)
	}
	write(t, f, 1, 0)
	if n, err := f.Size(); err != nil || n != place(2) {
		t.Errorf("size %d, %v", n, err)
	}
	write(t, f, 2, 0)
	if err := f.Close(); err != nil || f.File.(*paper).len() != place(3) {
		t.Errorf("closed over what was held (%v)", err)
	}
}

func (p *paper) len() int64 { n, _ := p.Size(); return n }

func TestAWriteThatFailsIsToldOnceAndForgotten(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, act := range map[string]func(*file) error{
		"sync":     func(f *file) error { return f.Sync(0) },
		"read":     func(f *file) error { _, err := f.ReadAt(make([]byte, 10), place(0)); return err },
		"size":     func(f *file) error { _, err := f.Size(); return err },
		"truncate": func(f *file) error { return f.Truncate(0) },
		"close":    func(f *file) error { return f.Close() },
		"write":    func(f *file) error { _, err := f.WriteAt(make([]byte, 32), 0); return err },
		"commit": func(f *file) error {
			h, b := frameBytes(1, 2)
			_, _ = f.WriteAt(h, place(1))
			_, err := f.WriteAt(b, place(1)+frameHeader)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, p := start(t)
			write(t, f, 0, 0)
			p.fail = broken
			if err := act(f); !errors.Is(err, broken) {
				t.Fatalf("told %v", err)
			}
			p.fail, p.acts = nil, nil
			if err := f.Sync(0); err != nil {
				t.Fatal(err)
			}
			p.expect(t, "sync")
			// The next transaction takes the place, and its beginning is not held: where it lies is not known.
			h, _ := frameBytes(5, 0)
			_, _ = f.WriteAt(h, place(0))
			p.expect(t, "write 32+24")
		})
	}
}

// The file holds in the end what a file without the layer would, whatever is done to it, and says the same meanwhile.
func TestTheSameAsWithout(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &paper{}
		f, plain := vfs.File(&file{File: p, next: -1}), &vfsutil.SliceFile{}
		both := func(b []byte, off int64) {
			n, err := f.WriteAt(b, off)
			if n != len(b) || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
			_, _ = plain.WriteAt(b, off)
		}
		n := 0
		for step := range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"frame", "frame", "frame", "frame", "commit", "page", "sum", "split", "back", "begin", "read", "size", "sync", "truncate"}).Draw(t, "act") {
			case "frame":
				h, b := frameBytes(step, 0)
				both(h, place(n))
				both(b, place(n)+frameHeader)
				n++
			case "commit":
				h, b := frameBytes(step, uint32(n+1))
				both(h, place(n))
				both(b, place(n)+frameHeader)
				n++
				if !bytes.Equal(p.SliceFile, *plain) {
					t.Fatal("the end of a transaction is held back")
				}
			case "split":
				h, b := frameBytes(step, uint32(n+1))
				cut := rapid.IntRange(1, page-1).Draw(t, "cut")
				both(h, place(n))
				both(b[:cut], place(n)+frameHeader)
				both(b[cut:], place(n)+frameHeader+int64(cut))
				n++
			case "page":
				_, b := frameBytes(step, 0)
				both(b, place(rapid.IntRange(0, n).Draw(t, "n"))+frameHeader)
			case "sum":
				h, _ := frameBytes(step, 0)
				both(h, place(rapid.IntRange(0, n).Draw(t, "n")))
			case "back":
				n = rapid.IntRange(0, n).Draw(t, "n")
			case "begin":
				n = 0
				both(bytes.Repeat([]byte{byte(step)}, fileHeader), 0)
			case "read":
				off, l := int64(rapid.IntRange(0, int(place(n))).Draw(t, "off")), rapid.IntRange(1, 3*frame).Draw(t, "len")
				a, b := make([]byte, l), make([]byte, l)
				na, erra := f.ReadAt(a, off)
				nb, errb := plain.ReadAt(b, off)
				if na != nb || errors.Is(erra, io.EOF) != errors.Is(errb, io.EOF) || !bytes.Equal(a[:na], b[:nb]) {
					t.Fatalf("read %d+%d: %d (%v), and without %d (%v), or other bytes", off, l, na, erra, nb, errb)
				}
			case "size":
				na, _ := f.Size()
				nb, _ := plain.Size()
				if na != nb {
					t.Fatalf("size %d, without %d", na, nb)
				}
			case "sync":
				if err := f.Sync(0); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(p.SliceFile, *plain) {
					t.Fatal("something is held back after a sync")
				}
			case "truncate":
				size := int64(rapid.IntRange(0, int(place(n))).Draw(t, "size"))
				if err := f.Truncate(size); err != nil {
					t.Fatal(err)
				}
				_ = plain.Truncate(size)
			}
		}
		if err := f.Close(); err != nil || !bytes.Equal(p.SliceFile, *plain) {
			t.Fatalf("other bytes in the end (%v)", err)
		}
	})
}

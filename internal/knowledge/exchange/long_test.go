package exchange

import (
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
)

// lines gives the same line of a table again and again.
type lines struct {
	line []byte
	at   int
	left int64
}

func (l *lines) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && l.left > 0 {
		k := copy(p[n:], l.line[l.at:])
		l.at = (l.at + k) % len(l.line)
		l.left -= int64(k)
		n += k
	}
	return n, nil
}

// A table is read in memory that does not grow with it: two gigabytes with ZAPIS_TEST_THOROUGH, else sixteen megabytes.
func TestLongTableFlat(t *testing.T) {
	size := int64(16 << 20)
	if os.Getenv("ZAPIS_TEST_THOROUGH") != "" {
		size = 2 << 30
	}
	line := []byte("Кабанова,\"27.07.2020, after\nmidnight\",=1+1\n")
	size -= size % int64(len(line))
	table, err := OpenTable(&lines{line: line, left: size}, -1, TableOptions{})
	must(t, err)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapInuse, uint64(0)
	rows := int64(0)
	for {
		_, _, err := table.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if rows++; rows%50_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
	}
	if want := size / int64(len(line)); rows < want-1 || rows > want {
		t.Errorf("%d rows of %d", rows, want)
	}
	if most > before+32<<20 {
		t.Errorf("memory grew from %d to %d MB", before>>20, most>>20)
	}
}

package tlog

import (
	"fmt"
	"strconv"
	"strings"
)

// TileHeight is the height of a tile in C2SP tlog-tiles; TileWidth is how many hashes a full one holds.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// TilePath names a tile of hashes below the prefix of a transparency log, as C2SP tlog-tiles has it: level counts tiles
// from the leaves up (0–63), n counts tiles from the left, width is TileWidth for a full tile and 1–255 for a
// partial one.
func TilePath(level int, n int64, width int) (string, error) {
	if level < 0 || level > 63 {
		return "", fmt.Errorf("name tile at level %d: %w", level, ErrRange)
	}
	return tilePath(strconv.Itoa(level), n, width)
}

// EntriesPath names a bundle of leaves, as C2SP tlog-tiles has it.
func EntriesPath(n int64, width int) (string, error) { return tilePath("entries", n, width) }

func tilePath(kind string, n int64, width int) (string, error) {
	if n < 0 || width < 1 || width > TileWidth {
		return "", fmt.Errorf("name tile %d of width %d: %w", n, width, ErrRange)
	}
	// Groups of three digits; all but the last carry an x.
	digits := strconv.FormatInt(n, 10)
	for len(digits)%3 != 0 {
		digits = "0" + digits
	}
	var b strings.Builder
	b.WriteString("tile/" + kind)
	for i := 0; i < len(digits); i += 3 {
		b.WriteByte('/')
		if i+3 < len(digits) {
			b.WriteByte('x')
		}
		b.WriteString(digits[i : i+3])
	}
	if width < TileWidth {
		b.WriteString(".p/" + strconv.Itoa(width))
	}
	return b.String(), nil
}

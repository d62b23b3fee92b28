// Package mp4check holds a finished MP4 against the list of what a released one may contain.
package mp4check

import "io"

// Problem is something in a file that must not be in a released one.
type Problem struct {
	Path string // boxes from the outermost, as "moov/trak[1]/udta"
	What string
}

// Check reads a whole file of a length and lists what is wrong with it.
func Check(r io.ReaderAt, size int64) ([]Problem, error) { return nil, nil }

package media

import (
	"context"
	"errors"

	"zapis/internal/media/mask"
)

// RawOptions shape what RawFrames gives.
type RawOptions struct {
	// MaxHeight bounds the shorter side, as in a working copy; default 720.
	MaxHeight int
	// Gray leaves the colours out.
	Gray bool
	// Rate is how many frames a second are given at most; 0: every frame.
	Rate float64
	// Whole gives the decoder all of the original: see ClipOptions.Whole.
	Whole bool
}

// RawFrames decodes a stretch of an original and calls each with every frame.
func (t *Tools) RawFrames(ctx context.Context, cut Cut, o RawOptions, each func(n int, us int64, p *mask.Picture) error) (Report, []Range, error) {
	return Report{}, nil, errors.ErrUnsupported
}

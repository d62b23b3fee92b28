// Package scan shows the frames of an original to the detectors.
//
// It guarantees that every frame of the stretch is handed in with its own time, and that nothing is given where the stretch
// could not be decoded to its end. It keeps no picture and writes none.
//
// It does not judge: see package detect for what is found and what is not.
package scan

import (
	"context"
	"errors"

	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/mask"
)

// Options shape a scan.
type Options struct {
	Detectors []detect.Detector // default: as of detect.NewFinder
	Beat      func(us int64)    // is called with the time of each frame
}

// Cut decodes a stretch of an original in the sandbox, small and grey, and gives its frames and what was found in them.
// An original of which a part does not suffice is decoded whole.
func Cut(ctx context.Context, tools *media.Tools, cut media.Cut, o Options) (detect.Result, error) {
	r, err := once(ctx, tools, cut, o, false)
	if errors.Is(err, media.ErrNarrow) {
		r, err = once(ctx, tools, cut, o, true)
	}
	return r, err
}

func once(ctx context.Context, tools *media.Tools, cut media.Cut, o Options, whole bool) (detect.Result, error) {
	f, err := detect.NewFinder(detect.FinderOptions{Detectors: o.Detectors})
	if err != nil {
		return detect.Result{}, err
	}
	w, h := 0, 0
	if v, ok := cut.Probe.Video(); ok {
		w, h = v.Width, v.Height
		if v.Rotation%180 != 0 {
			w, h = h, w
		}
	}
	_, _, err = tools.RawFrames(ctx, cut, media.RawOptions{MaxHeight: detect.Size(w, h), Gray: true, Whole: whole}, func(_ int, us int64, p *mask.Picture) error {
		f.Frame(us, detect.Gray{W: p.W, H: p.H, Stride: p.StrideY, Pix: p.Y})
		if o.Beat != nil {
			o.Beat(us)
		}
		return nil
	})
	r := f.Finish()
	if err != nil {
		return detect.Result{}, err
	}
	return r, nil
}

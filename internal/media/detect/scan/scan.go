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
	// Detectors makes detectors that have seen nothing yet, for each time that the stretch is decoded; default: as of detect.NewFinder.
	Detectors func() []detect.Detector
	Beat      func(us int64) // is called with the time of each frame
}

// Frames decodes the frames of a cut, as media.Tools does.
type Frames interface {
	RawFrames(ctx context.Context, cut media.Cut, o media.RawOptions, each func(n int, us int64, p *mask.Picture) error) (media.Report, []media.Range, error)
}

// Cut decodes a stretch of an original in the sandbox, small and grey, and gives its frames and what was found in them.
// An original of which a part does not suffice is decoded whole.
func Cut(ctx context.Context, tools Frames, cut media.Cut, o Options) (detect.Result, error) {
	r, err := once(ctx, tools, cut, o, false)
	if errors.Is(err, media.ErrNarrow) {
		r, err = once(ctx, tools, cut, o, true)
	}
	return r, err
}

func once(ctx context.Context, tools Frames, cut media.Cut, o Options, whole bool) (detect.Result, error) {
	var fo detect.FinderOptions
	if o.Detectors != nil {
		fo.Detectors = o.Detectors()
	}
	f, err := detect.NewFinder(fo)
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
		return ctx.Err()
	})
	r := f.Finish()
	if err == nil {
		err = f.Err()
	}
	if err != nil {
		return detect.Result{}, err
	}
	return r, nil
}

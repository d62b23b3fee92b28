package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media/mask"
)

// FrameSource decodes the frames of a cut; *Tools does.
type FrameSource interface {
	RawFrames(ctx context.Context, cut Cut, o RawOptions, each func(n int, us int64, p *mask.Picture) error) (Report, []Range, error)
}

// stillQuality is that of the JPEG of a still.
const stillQuality = 85

// stillAhead is how far behind a frame the next one is looked for, at first.
const stillAhead = 2 * time.Second

// errSeen ends decoding where everything that was asked for has come.
var errSeen = errors.New("what was asked for has come")

// RedactStill gives the frame of a clip that is shown at a moment of one of its cuts, in microseconds of its source, as JPEG: painted in the size in which Redact
// hands it to the encoder, but for the bars beside pictures of other proportions than the first cut's.
//
// It guarantees: for the same cuts and options the samples are those that Redact gives to the encoder, also of pixelated regions, for they come out of the
// same decoder, scaler and painter in the same order; no more is decoded than half a second before the frame, from the key frame before that, and the frame
// after it. Of the cuts before the one that is asked about only the times are used, of the first one and of that one the probes, too. An original without an
// index is decoded from its beginning.
//
// With ErrNarrow, ask again with Whole. What the encoder makes of the frame it does not show.
func RedactStill(ctx context.Context, f FrameSource, cuts []Cut, o RedactOptions, cut int, us int64) ([]byte, error) {
	p, err := still(ctx, f, cuts, o, cut, us)
	if err != nil {
		return nil, fmt.Errorf("still: %w", err)
	}
	return encodeJPEG(full(p), stillQuality)
}

// still gives the samples.
func still(ctx context.Context, f FrameSource, cuts []Cut, o RedactOptions, cut int, us int64) (*mask.Picture, error) {
	if cut < 0 || cut >= len(cuts) {
		return nil, fmt.Errorf("%w: there is no such cut", archive.ErrInvalid)
	}
	o.Beat = nil
	r, err := newRedactRun(cuts, o, cut)
	if err != nil {
		return nil, err
	}
	c := cuts[cut]
	v, _ := c.Probe.Video()
	w, h := fit(v, r.w, r.h)
	var before int64 // frames of the clip before the cut
	for _, n := range r.places[:cut] {
		before += n
	}

	// When the first frame of the cut begins says where its places are.
	grid := &placer{out: &canvas{r: r}, cut: cut}
	first := Cut{c.Source, c.Probe, c.From, c.From + time.Microsecond}
	_, _, err = f.RawFrames(ctx, first, RawOptions{Width: w, Height: h, Whole: o.Whole}, func(_ int, us int64, _ *mask.Picture) error {
		if err := grid.anchorAt(us); err != nil {
			return err
		}
		return errSeen
	})
	if err != nil && !errors.Is(err, errSeen) {
		return nil, err
	}
	if !grid.anchored {
		return nil, nothingThere()
	}
	place := scale(max(us-grid.anchor, 0), r.num, r.den*1_000_000)
	for place > 0 && grid.time(2*place) > us {
		place--
	}
	place = min(place, r.places[cut]-1)
	// What is pixelated was looked at when the half second began.
	hold := int64(r.hold())
	begin := max((before+place)/hold*hold-before, 0)

	// shows paints the places from begin to place, of frames up to a time. Not ok: the frame after the last one is not among them.
	shows := func(to time.Duration) (p *mask.Picture, ok bool, err error) {
		part := Cut{c.Source, c.Probe, c.From, to}
		if begin > 0 {
			part.From = min(max(c.From, time.Duration(grid.time(2*begin+1)-1)*time.Microsecond), c.To-time.Microsecond)
		}
		var pl *placer
		_, _, err = f.RawFrames(ctx, part, RawOptions{Width: w, Height: h, Whole: o.Whole}, func(n int, us int64, pic *mask.Picture) error {
			if pl == nil {
				out := &canvas{r: r, w: io.Discard, picture: mask.NewPicture(pic.W, pic.H, false, nil)}
				r.done = before + begin
				pl = newPlacer(out, cut, place+1, pic.W, pic.H)
				pl.next, pl.anchor, pl.anchored = begin, grid.anchor, true
			}
			if err := pl.frame(n, us, pic); err != nil {
				return err
			}
			if pl.next == pl.places {
				return errSeen
			}
			return nil
		})
		switch {
		case errors.Is(err, errSeen):
			return pl.out.picture, true, nil
		case err != nil:
			return nil, false, err
		case pl == nil:
			return nil, false, nothingThere()
		case to < c.To:
			return nil, false, nil
		}
		err = pl.finish()
		return pl.out.picture, true, err
	}
	to := min(c.To, time.Duration(grid.time(2*place+2))*time.Microsecond+stillAhead)
	p, ok, err := shows(to)
	if err == nil && !ok {
		p, _, err = shows(c.To)
	}
	return p, err
}

package scan

import (
	"context"
	"errors"
	"testing"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/mask"
)

// film is frames without a decoder.
type film struct {
	frames int
	narrow bool  // a part of the original does not suffice
	err    error // in the middle
	asked  []media.RawOptions
}

func (f *film) RawFrames(_ context.Context, _ media.Cut, o media.RawOptions, each func(n int, us int64, p *mask.Picture) error) (media.Report, []media.Range, error) {
	f.asked = append(f.asked, o)
	for i := range f.frames {
		if i == f.frames/2 && (f.err != nil || f.narrow && !o.Whole) {
			if f.err != nil {
				return media.Report{}, nil, f.err
			}
			return media.Report{}, nil, media.ErrNarrow
		}
		if err := each(i, int64(i)*40_000, mask.NewPicture(64, 48, true, make([]byte, 64*48))); err != nil {
			return media.Report{}, nil, err
		}
	}
	return media.Report{}, nil, nil
}

type eye struct{ broken bool }

func (*eye) Name() string { return "eye" }
func (*eye) Version() int { return 1 }
func (e *eye) Detect(_ detect.Gray, us int64, out []detect.Detection) []detect.Detection {
	if e.broken {
		panic("broken")
	}
	return append(out, detect.Detection{US: us, Kind: detect.KindFace, Box: [4]int{0, 0, 10, 10}})
}
func (*eye) Flush(out []detect.Detection) ([]detect.Detection, []detect.Unjudged) { return out, nil }

func cut(w, h, rotation int) media.Cut {
	return media.Cut{To: time.Second, Probe: media.Probe{Streams: []media.Stream{{Type: "video", Width: w, Height: h, Rotation: rotation}}}}
}

func TestCut(t *testing.T) {
	t.Parallel()
	eyes := func() []detect.Detector { return []detect.Detector{&eye{}} }
	beats := 0
	f := &film{frames: 20}
	r, err := Cut(t.Context(), f, cut(640, 480, 0), Options{Detectors: eyes, Beat: func(int64) { beats++ }})
	if err != nil || len(r.Times) != 20 || beats != 20 || len(r.Detections) == 0 || !f.asked[0].Gray || f.asked[0].MaxHeight != 480 {
		t.Errorf("%d frames, %d beats, %+v, %v", len(r.Times), beats, f.asked, err)
	}
	// With detectors that have seen nothing yet, where a part did not suffice.
	f = &film{frames: 20, narrow: true}
	r, err = Cut(t.Context(), f, cut(640, 480, 0), Options{Detectors: eyes})
	if err != nil || len(r.Times) != 20 || len(f.asked) != 2 || !f.asked[1].Whole {
		t.Errorf("%d frames, %+v, %v", len(r.Times), f.asked, err)
	}
	for i, d := range r.Detections {
		if i > 0 && d.US <= r.Detections[i-1].US {
			t.Errorf("frame at %d was seen twice", d.US)
		}
	}
	// Nothing is given of a stretch that could not be decoded, or looked at, to its end.
	away := errors.New("away")
	if r, err := Cut(t.Context(), &film{frames: 20, err: away}, cut(640, 480, 0), Options{Detectors: eyes}); !errors.Is(err, away) || r.Times != nil {
		t.Errorf("%+v, %v", r, err)
	}
	broken := func() []detect.Detector { return []detect.Detector{&eye{}, &eye{broken: true}} }
	if r, err := Cut(t.Context(), &film{frames: 20}, cut(640, 480, 0), Options{Detectors: broken}); !errors.Is(err, detect.ErrBroken) || r.Detections != nil {
		t.Errorf("%+v, %v", r, err)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Cut(gone, &film{frames: 20}, cut(640, 480, 0), Options{Detectors: eyes}); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// A recording that is shown turned is decoded as large as one that was made upright.
func TestTurnedRecordings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ w, h, rotation, want int }{{768, 576, 0, 480}, {576, 768, 90, 480}, {576, 768, -90, 480}, {1920, 1080, 270, 360}, {1920, 1080, 180, 360}} {
		f := &film{frames: 1}
		if _, err := Cut(t.Context(), f, cut(c.w, c.h, c.rotation), Options{Detectors: func() []detect.Detector { return []detect.Detector{&eye{}} }}); err != nil || f.asked[0].MaxHeight != c.want {
			t.Errorf("%+v: %+v, %v", c, f.asked, err)
		}
	}
}

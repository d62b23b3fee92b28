package mediabench

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/media"
)

const realFootage = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

// Real footage with a clock drawn in: at least 95 readings in a hundred are right, a cut of two seconds is found, nothing else is
// claimed, and the beginning is right. Footage without a clock has none. The whole measurement is the part "clock" of the bench.
func TestClocksOverRealFootage(t *testing.T) {
	t.Parallel()
	missing := func(what string) {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatalf("%s is not there", what)
		}
		t.Skipf("%s is not there", what)
	}
	if _, err := os.Stat(realFootage); err != nil {
		missing("vtest.avi of opencv-doc")
	}
	tools, err := media.Find(media.Options{})
	if err != nil {
		missing("a media program")
	}
	if !tools.CanRead() {
		missing("tesseract")
	}
	begin := time.Date(2020, 7, 27, 14, 2, 33, 0, time.UTC)
	for i, l := range ClockLayouts[:4] {
		film := ClockFilm{Layout: l, Source: realFootage, Begin: begin, Spans: []Span{{From: 0, To: 18}}}
		if i == 0 {
			film.Spans = []Span{{From: 0, To: 18}, {From: 20, To: 36}}
		}
		path := filepath.Join(t.TempDir(), "film.mp4") // our own drawing over public footage
		if err := film.Make(context.Background(), "ffmpeg", path); err != nil {
			t.Fatal(err)
		}
		r, err := film.Read(t.Context(), tools, path)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Found || r.Right*100 < 95*r.Frames || r.Frames < 15 {
			t.Errorf("%s: %d of %d readings are right", l.Name, r.Right, r.Frames)
		}
		if r.CutsFound != r.Cuts || r.False != 0 || r.StartOff.Abs() > 500*time.Millisecond {
			t.Errorf("%s: %+v", l.Name, r)
		}
		if !r.Day {
			t.Errorf("%s: the date is wrong", l.Name)
		}
	}
	bare := filepath.Join(t.TempDir(), "bare.mp4")
	film := ClockFilm{Source: realFootage, Begin: begin, Spans: []Span{{From: 0, To: 18}}}
	if err := film.Make(t.Context(), "ffmpeg", bare); err != nil {
		t.Fatal(err)
	}
	if r, err := film.Read(t.Context(), tools, bare); err != nil || r.Found {
		t.Errorf("a clock where there is none: %+v, %v", r, err)
	}
}

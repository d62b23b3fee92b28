package detectbench

import (
	"errors"
	"os"
	"testing"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main() // the test binary is also the launcher of the media programs
	os.Exit(m.Run())
}

func tools(t *testing.T) *media.Tools {
	t.Helper()
	found, err := media.Find(media.Options{})
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skipf("no media tools: %v", err)
	}
	return found
}

func film(t *testing.T, name, kind string) Film {
	t.Helper()
	films, err := Films()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range films {
		if f.Name == name && f.Kind == kind {
			return f
		}
	}
	t.Fatalf("no film %s with marks of %s", name, kind)
	return Film{}
}

func measure(t *testing.T, f Film, to time.Duration) Score {
	t.Helper()
	s, err := f.Measure(t.Context(), tools(t), to)
	if errors.Is(err, ErrMissing) {
		// Footage of opencv-doc is installed wherever everything is; the module is of no other use and not fetched.
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" && f.Module == "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", s)
	return s
}

func TestMarksAreWithinThePicture(t *testing.T) {
	t.Parallel()
	films, err := Films()
	if err != nil {
		t.Fatal(err)
	}
	frames, boxes := 0, 0
	for _, f := range films {
		last := -1
		for _, m := range f.All() {
			frames++
			if m.N <= last {
				t.Errorf("%s: frame %d after %d", f.Name, m.N, last)
			}
			last = m.N
			for _, b := range m.Boxes {
				boxes++
				if b[0] < 0 || b[1] < 0 || b[2] <= 0 || b[3] <= 0 || b[0]+b[2] > 1000 || b[1]+b[3] > 1000 {
					t.Errorf("%s: frame %d: %v", f.Name, m.N, b)
				}
			}
		}
	}
	if frames < 80 || boxes < 140 {
		t.Errorf("%d frames with %d boxes", frames, boxes)
	}
}

// The figures of docs/design/detection.md may not fall far.
func TestWalkersOfAFixedCamera(t *testing.T) {
	t.Parallel()
	s := measure(t, film(t, "square", detect.KindPerson), 35*time.Second)
	if s.Marked < 30 || s.Seen*100 < 80*s.Marked || s.Covered*100 < 80*s.Marked || s.False > s.Frames || s.Unjudged != 0 || s.SeenArea > 3*s.MarkArea {
		t.Errorf("%+v", s)
	}
}

func TestFaces(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"head", "cartoon"} {
		t.Run(name, func(t *testing.T) {
			s := measure(t, film(t, name, detect.KindFace), 0)
			least := map[string]int{"head": 90, "cartoon": 60}[name]
			if s.Marked == 0 || s.Seen*100 < least*s.Marked || s.Covered*100 < least*s.Marked || s.False*2 > s.Frames {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The figures of docs/design/detection.md for writing: what is marked in photographs, and what was drawn in.
func TestWriting(t *testing.T) {
	t.Parallel()
	films, err := Films()
	if err != nil {
		t.Fatal(err)
	}
	marked, seen, covered, false_ := 0, 0, 0, 0
	for _, f := range films {
		if f.Kind != detect.KindText || !f.Still {
			continue
		}
		s := measure(t, f, 0)
		marked, seen, covered, false_ = marked+s.Marked, seen+s.Seen, covered+s.Covered, false_+s.False
	}
	if marked != 24 || seen < 14 || covered < 14 || false_ > 4 {
		t.Errorf("%d of %d seen, %d covered, %d false boxes", seen, marked, covered, false_)
	}
}

func TestDrawnWriting(t *testing.T) {
	t.Parallel()
	for height, least := range map[int]int{10: 11} {
		d, err := Draw(t.Context(), t.TempDir(), height)
		if errors.Is(err, ErrMissing) && os.Getenv("ZAPIS_TEST_REQUIRE") != "1" {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", d)
		if d.Marked != 12 || d.Seen < least {
			t.Errorf("%+v", d)
		}
	}
}

// Package detectbench measures what the detectors find in footage that people have marked.
//
// It guarantees that frames are decoded as a gap check decodes them, that a marked box counts as seen only if half of it
// lies in what detectors saw in that very frame or between two sightings, and as covered only if nine tenths of it lie
// under the proposals, and that every box which touches no mark is counted as false. The marks are ours, made by eye on
// enlarged frames: rectangles that may be some pixels off.
//
// It does not say what will be found in other footage.
package detectbench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/detect/scan"
)

//go:embed annotations.json
var annotations []byte

// Film is footage with marks.
type Film struct {
	Name   string // of the footage; the same for different kinds
	Kind   string // what is marked: detect.KindFace, detect.KindPerson, detect.KindText
	Still  bool   // one picture, JPEG or PNG
	About  string
	Module string // Go module that has it; empty: Path is where the system has it
	Path   string
	Every  int     // marks between the frames below, each so many frames, lie on straight lines; 0: none
	Empty  bool    // nothing of Kind is in any frame
	Frames []Marks // in order
}

// Marks are boxes in one frame, counted from 0, in thousandths of the picture: x, y, width, height.
type Marks struct {
	N     int
	Boxes [][4]int
}

// Films gives all footage.
func Films() ([]Film, error) {
	dec := json.NewDecoder(bytes.NewReader(annotations))
	dec.DisallowUnknownFields()
	var films []Film
	if err := dec.Decode(&films); err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	return films, nil
}

// ErrMissing: the footage is not on this machine.
var ErrMissing = errors.New("footage is not there")

// Find gives where the footage lies. A module is not fetched.
func (f Film) Find(ctx context.Context) (string, error) {
	path := f.Path
	if f.Module != "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrMissing, err)
		}
		path = filepath.Join(strings.TrimSpace(string(out)), filepath.FromSlash(f.Module), filepath.FromSlash(f.Path))
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %s", ErrMissing, f.Name)
	} else if err != nil {
		return "", err
	}
	return path, nil
}

// All gives the marks with those that lie between.
func (f Film) All() []Marks {
	if f.Every <= 0 {
		return f.Frames
	}
	var all []Marks
	for i, m := range f.Frames {
		all = append(all, m)
		if i+1 == len(f.Frames) {
			break
		}
		next := f.Frames[i+1]
		for n := m.N + f.Every; n < next.N; n += f.Every {
			between := Marks{N: n}
			for k, b := range m.Boxes {
				for e := range b {
					b[e] += (next.Boxes[k][e] - b[e]) * (n - m.N) / (next.N - m.N)
				}
				between.Boxes = append(between.Boxes, b)
			}
			all = append(all, between)
		}
	}
	return all
}

// Score is what was found of what is marked.
type Score struct {
	Frames   int     // with marks, or all of an empty film
	Marked   int     // boxes
	Seen     int     // of these by detectors
	Covered  int     // of these by the proposals
	False    int     // boxes of detectors in those frames that touch no mark
	SeenArea float64 // mean share of the picture in what detectors saw, in frames with marks
	MarkArea float64 // mean share of the picture that is marked
	Tracks   int     // proposals in the whole film
	Keys     int     // of the proposals
	Looked   int     // frames that the detector was shown
	Walked   int     // all frames
	Unjudged time.Duration
	Wall     time.Duration // decoding and looking
	Length   time.Duration // of the film
}

// Source is a file as a media.Source: for footage that is public.
type Source struct {
	*os.File
	size int64
}

// Size is how many bytes it has.
func (s Source) Size() int64 { return s.size }

// Open opens footage.
func Open(path string) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return Source{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return Source{}, errors.Join(err, f.Close())
	}
	return Source{f, info.Size()}, nil
}

// Measure looks at a film with the detector of its kind, up to a time (0: to its end).
func (f Film) Measure(ctx context.Context, tools *media.Tools, to time.Duration) (Score, error) {
	path, err := f.Find(ctx)
	if err != nil {
		return Score{}, err
	}
	if f.Still {
		return f.still(path)
	}
	src, err := Open(path)
	if err != nil {
		return Score{}, err
	}
	defer src.Close()
	p, err := tools.Probe(ctx, src)
	if err != nil {
		return Score{}, err
	}
	if to <= 0 {
		to = time.Duration(p.Duration*float64(time.Second)) + time.Second
	}
	if _, err := f.detector(); err != nil {
		return Score{}, err
	}
	detectors := func() []detect.Detector {
		d, _ := f.detector() // it could be made a moment ago
		return []detect.Detector{d}
	}
	begin := time.Now()
	r, err := scan.Cut(ctx, tools, media.Cut{Source: src, Probe: p, To: to}, scan.Options{Detectors: detectors})
	if err != nil {
		return Score{}, err
	}
	s := f.rate(r)
	s.Wall = time.Since(begin)
	return s, nil
}

// detector makes the one that looks for what is marked.
func (f Film) detector() (detect.Detector, error) {
	switch f.Kind {
	case detect.KindFace:
		return detect.NewFaces()
	case detect.KindPerson:
		return detect.NewMotion(), nil
	case detect.KindText:
		return detect.NewText(), nil
	}
	return nil, fmt.Errorf("footage %s: no detector for %q", f.Name, f.Kind)
}

// rate holds a result against the marks.
func (f Film) rate(r detect.Result) Score {
	s := Score{Walked: len(r.Times), Looked: r.Looked[0]}
	if len(r.Times) == 0 {
		return s
	}
	s.Length = time.Duration(r.Times[len(r.Times)-1]-r.Times[0])*time.Microsecond + r.Step()
	tracks := r.Tracks(0)
	s.Tracks = len(tracks)
	for _, t := range tracks {
		s.Keys += len(t.Keys)
	}
	for _, u := range r.Unjudged {
		s.Unjudged += time.Duration(u.ToUS-u.FromUS) * time.Microsecond
	}
	if f.Empty {
		s.Frames, s.False = r.Looked[0], len(r.Detections)
		return s
	}
	paths := detect.Follow(r.Detections)
	for _, m := range f.All() {
		if m.N >= len(r.Times) {
			continue
		}
		us := r.Times[m.N]
		var seen, covered [][4]int
		for _, p := range paths {
			if b, ok := p.Between(us); ok {
				seen = append(seen, b)
			}
		}
		for _, t := range tracks {
			if b, ok := t.At(us); ok {
				covered = append(covered, b)
			}
		}
		s.Frames++
		var marks [][4]int
		for _, b := range m.Boxes {
			for e := range b {
				b[e] *= detect.One / 1000
			}
			marks = append(marks, b)
			s.Marked++
			if share(b, seen) >= 0.5 {
				s.Seen++
			}
			if share(b, covered) >= 0.9 {
				s.Covered++
			}
		}
		whole := [4]int{0, 0, detect.One, detect.One}
		s.SeenArea, s.MarkArea = s.SeenArea+grid(whole, seen, 200), s.MarkArea+grid(whole, marks, 200)
		for _, b := range seen {
			if share(b, marks) == 0 {
				s.False++
			}
		}
	}
	if s.Frames > 0 {
		s.SeenArea, s.MarkArea = s.SeenArea/float64(s.Frames), s.MarkArea/float64(s.Frames)
	}
	return s
}

// share gives how much of a box lies in others, by a grid of points.
func share(b [4]int, in [][4]int) float64 { return grid(b, in, 20) }

func grid(b [4]int, in [][4]int, n int) float64 {
	hit := 0
	for i := range n {
		for j := range n {
			x, y := b[0]+b[2]*(2*i+1)/(2*n), b[1]+b[3]*(2*j+1)/(2*n)
			for _, o := range in {
				if x >= o[0] && x < o[0]+o[2] && y >= o[1] && y < o[1]+o[3] {
					hit++
					break
				}
			}
		}
	}
	return float64(hit) / float64(n*n)
}

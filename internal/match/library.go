package match

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
)

// Media is what is needed of package media; *media.Tools has it.
type Media interface {
	Probe(ctx context.Context, src media.Source) (media.Probe, error)
	Fingerprint(ctx context.Context, src media.Source, p media.Probe, w io.Writer, beat func(seconds float64)) ([]fingerprint.Run, media.Report, error)
}

// Source is a file that is asked about: its bytes at any place, and how many there are.
type Source = media.Source

// ErrNoTool: the outside programs that decode footage are missing.
var ErrNoTool = media.ErrNoTool

// How sure a hit is. None of them is ever a stronger word than what was measured.
type How string

// The kinds of hits.
const (
	// SameFile: the file is, to the byte, one that was let out.
	SameFile How = "same file"
	// SameFootage: what moves in the file moves alike in the clip (a correlation of 0.90 and above).
	SameFootage How = "same footage"
	// SimilarEvent: what moves resembles each other (0.60 and above), or repeats itself. Somebody has to look.
	SimilarEvent How = "similar event"
)

// Compared says what was done with the pictures of the file.
type Compared string

// Whether pictures were compared, and why not.
const (
	NotNeeded Compared = "not needed" // the digest answered
	Yes       Compared = "yes"        // held against every clip
	NoPicture Compared = "no picture" // the file is no recording with a picture that could be read
	TooShort  Compared = "too short"  // less than a second, or nothing that shows
)

// Appearance is a place where a clip was let out.
type Appearance struct {
	Release string // identifier
	Slug    string
	Version int
	// Name of the file in the bundle; with SameFile the one that it is, otherwise the largest of the clip.
	Name      string
	Published time.Time
	Withdrawn bool
	Title     map[string]string // by language, where the bundle is at hand; may be nil
}

// Span is a stretch that the file and the clip both hold.
type Span struct{ File, Clip, Length time.Duration }

// Hit is a clip that the file is from.
type Hit struct {
	How How
	// Score is the correlation of what moves, in thousandths; 1000 for SameFile.
	Score int
	// Releases that show the clip, newest first. None: it was rendered and not let out, and Clip names it.
	Releases []Appearance
	Clip     string // identifier of the stated clip; empty if this archive did not state it, or there is no archive
	Length   time.Duration
	Spans    []Span
	// CoverFile and CoverClip are the shares of each that the spans cover, in thousandths.
	CoverFile, CoverClip int
	Mirrored             bool
	CropFile, CropClip   int // thousandths cut off at each side; see fingerprint.Relation
	Overlay              int // share of the picture that differs all the time, in thousandths
}

// Result is what a file was found to be.
type Result struct {
	SHA256   [32]byte
	Bytes    int64
	Length   time.Duration // of the footage; 0 if it was not compared
	Hits     []Hit         // the surest first
	Compared Compared
	Clips    int // that were let out, and that it could be from
	// Left are those of them that only a digest can tell, if pictures were compared: too short, or their fingerprint could not be made or
	// opened. A finding of nothing says nothing about them.
	Left int
	// LooksAlike are clips that look like it and of which nothing more can be said: the same camera at most, or too little moves.
	LooksAlike int
}

// Found says whether the file is from something, as far as that is more than a resemblance.
func (r Result) Found() bool {
	return slices.ContainsFunc(r.Hits, func(h Hit) bool { return h.How != SimilarEvent })
}

// ErrEmpty: there is nothing to hold a file against.
var ErrEmpty = errors.New("no clips to compare with")

// examined is how many clips are compared in full for one question, the nearest first.
const examined = 150

// file names one file of a bundle.
type file struct {
	Appearance
	footage [32]byte // of the largest file of its clip
}

// clip is footage that a file can be from.
type clip struct {
	id     string // cl_…, or empty
	length time.Duration
	print  func(ctx context.Context) ([]byte, error) // nil: nothing to be told again
}

// Library is what a file is held against: clips by the digest of their largest file, and every file that was let out by its own. It is safe
// for concurrent use.
type Library struct {
	mu    sync.RWMutex
	index *fingerprint.Index
	clips map[string]*clip // by the digest in hexadecimal
	files map[[32]byte][]file
}

// NewLibrary gives an empty one.
func NewLibrary() *Library {
	return &Library{index: fingerprint.NewIndex(), clips: map[string]*clip{}, files: map[[32]byte][]file{}}
}

func key(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

// add puts a clip in, in the place of an earlier one of that digest. runs are empty if there is nothing to be told again.
func (l *Library) add(sum [32]byte, c clip, runs []fingerprint.Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := key(sum)
	l.clips[k] = &c
	if len(runs) == 0 {
		l.index.Drop(k)
		return
	}
	l.index.Add(k, runs)
}

// keep drops every clip that is not among sums.
func (l *Library) keep(sums map[[32]byte]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.clips {
		raw, err := hex.DecodeString(k)
		if err == nil && !sums[[32]byte(raw)] {
			l.index.Drop(k)
			delete(l.clips, k)
		}
	}
}

// out puts in place of what was there before every file that was let out.
func (l *Library) out(files map[[32]byte][]file) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = files
}

// Clips is how many clips were let out.
func (l *Library) Clips() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := map[[32]byte]bool{}
	for _, list := range l.files {
		for _, f := range list {
			out[f.footage] = true
		}
	}
	return len(out)
}

// left counts the clips that were let out and that pictures cannot be held against.
func (l *Library) left() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := map[[32]byte]bool{}
	for _, list := range l.files {
		for _, f := range list {
			if c := l.clips[key(f.footage)]; c == nil || c.print == nil {
				out[f.footage] = true
			}
		}
	}
	return len(out)
}

// empty says that there is nothing to compare with: no clip that was let out, or that may be named. That there are others must not show.
func (l *Library) empty(may func(clip string) (bool, error)) (bool, error) {
	l.mu.RLock()
	out := map[string]bool{}
	for sum := range l.files {
		out[key(sum)] = true
	}
	var ids []string
	shown := false
	for k, c := range l.clips {
		shown = shown || out[k]
		if c.id != "" {
			ids = append(ids, c.id)
		}
	}
	l.mu.RUnlock()
	if shown || may == nil {
		return !shown, nil
	}
	for _, id := range ids {
		if ok, err := may(id); ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// shows gives the releases that show a clip, newest first, each with the largest file of it.
func (l *Library) shows(sum [32]byte) (out []Appearance) {
	for _, f := range l.files[sum] {
		if f.footage == sum {
			out = append(out, f.Appearance)
		}
	}
	newest(out)
	return out
}

func newest(list []Appearance) {
	slices.SortFunc(list, func(a, b Appearance) int {
		return cmp.Or(b.Published.Compare(a.Published), cmp.Compare(a.Release, b.Release), cmp.Compare(b.Version, a.Version), cmp.Compare(a.Name, b.Name))
	})
}

// Digest reads a file and gives its SHA-256.
func Digest(src media.Source) (sum [32]byte, err error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(src, 0, src.Size()))
	if err == nil && n != src.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return sum, fmt.Errorf("read file: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}

// byDigest looks a digest up among the files that were let out.
func (l *Library) byDigest(sum [32]byte) (Hit, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := l.files[sum]
	if len(list) == 0 {
		return Hit{}, false
	}
	h := Hit{How: SameFile, Score: 1000, CoverFile: 1000, CoverClip: 1000}
	one := true
	for _, f := range list {
		h.Releases = append(h.Releases, f.Appearance)
		one = one && f.footage == list[0].footage
	}
	newest(h.Releases)
	// A poster or a still may be alike in releases of different clips: then there is no one clip to name.
	if c := l.clips[key(list[0].footage)]; one && c != nil {
		h.Clip, h.Length = c.id, c.length
	}
	return h, true
}

// Find looks a file up. may says whether a clip that was not let out may be named; nil: none. beat is told the seconds that were read.
// A file that cannot be read as a recording is no error: Compared says so. ErrEmpty if the library is empty, media.ErrNoTool if the outside
// programs are missing, and a file is asked about that is not known by its digest.
func (l *Library) Find(ctx context.Context, tools func() (Media, error), src media.Source, may func(clip string) (bool, error), beat func(seconds float64)) (Result, error) {
	fail := func(err error) (Result, error) { return Result{}, fmt.Errorf("match file: %w", err) }
	sum, err := Digest(src)
	if err != nil {
		return fail(err)
	}
	out := Result{SHA256: sum, Bytes: src.Size(), Clips: l.Clips(), Compared: NotNeeded}
	if h, ok := l.byDigest(sum); ok {
		out.Hits = []Hit{h}
		return out, nil
	}
	if empty, err := l.empty(may); err != nil || empty {
		return fail(cmp.Or(err, ErrEmpty))
	}
	t, err := tools()
	if err != nil {
		return fail(err)
	}
	raw, _, length, err := printOf(ctx, t, src, beat)
	switch {
	case errors.Is(err, fingerprint.ErrShort):
		out.Compared = TooShort
		return out, nil
	case unreadable(err):
		out.Compared = NoPicture
		return out, nil
	case err != nil:
		return fail(err)
	}
	q, err := fingerprint.Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return fail(err)
	}
	out.Compared, out.Length, out.Left = Yes, length, l.left()
	if err := l.compare(ctx, q, may, &out); err != nil {
		return fail(err)
	}
	return out, nil
}

// printOf makes the fingerprint of a file in memory.
func printOf(ctx context.Context, t Media, src media.Source, beat func(seconds float64)) (raw []byte, runs []fingerprint.Run, length time.Duration, err error) {
	p, err := t.Probe(ctx, src)
	if err == nil && p.Kind != archive.KindVideo {
		err = media.ErrNotMedia
	}
	if err != nil {
		return nil, nil, 0, err
	}
	var b bytes.Buffer
	runs, _, err = t.Fingerprint(ctx, src, p, &b, beat)
	if err != nil {
		return nil, nil, 0, err
	}
	open, err := fingerprint.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		return nil, nil, 0, err
	}
	return b.Bytes(), runs, inSeconds(open.Seconds()), nil
}

// unreadable says that there is something wrong with the file and not with the machine.
func unreadable(err error) bool {
	for _, e := range []error{media.ErrNotMedia, media.ErrDamaged, media.ErrTooLarge} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// compare holds q against the clips that look like it.
func (l *Library) compare(ctx context.Context, q *fingerprint.Print, may func(clip string) (bool, error), out *Result) error {
	l.mu.RLock()
	candidates := l.index.Scan(q, nil)
	type candidate struct {
		fingerprint.Candidate
		clip
		shown []Appearance
	}
	var list []candidate
	for _, c := range candidates {
		raw, err := hex.DecodeString(c.Name)
		if held := l.clips[c.Name]; held != nil && held.print != nil && err == nil {
			list = append(list, candidate{c, *held, l.shows([32]byte(raw))})
		}
	}
	l.mu.RUnlock()
	// Not even that something looks like it may be learnt of what was not let out.
	visible := list[:0]
	for _, c := range list {
		ok := len(c.shown) > 0
		if !ok && may != nil && c.id != "" {
			var err error
			if ok, err = may(c.id); err != nil {
				return err
			}
		}
		if ok {
			visible = append(visible, c)
		}
	}
	for i, c := range visible {
		if i >= examined {
			out.LooksAlike += len(visible) - i
			break
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		raw, err := c.print(ctx)
		if errors.Is(err, archive.ErrNotFound) {
			continue // erased meanwhile
		}
		if err != nil {
			return err
		}
		p, err := fingerprint.Open(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return fmt.Errorf("read fingerprint of a clip: %w", err)
		}
		r, err := fingerprint.Compare(ctx, q, p, c.Candidate)
		if err != nil {
			return fmt.Errorf("compare with a clip: %w", err)
		}
		h := Hit{
			Score: r.Score, Releases: c.shown, Clip: c.id, Length: c.length, CoverFile: r.CoverA, CoverClip: r.CoverB,
			Mirrored: r.Mirrored, CropFile: int(r.CropA), CropClip: int(r.CropB), Overlay: r.Overlay,
		}
		switch r.Kind {
		case fingerprint.Same:
			h.How = SameFootage
			for _, s := range r.Spans {
				h.Spans = append(h.Spans, Span{inSeconds(s.A), inSeconds(s.B), inSeconds(s.Seconds)})
			}
		case fingerprint.Similar:
			h.How = SimilarEvent
		default:
			out.LooksAlike++
			continue
		}
		out.Hits = append(out.Hits, h)
	}
	slices.SortStableFunc(out.Hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.How, b.How), cmp.Compare(b.CoverFile, a.CoverFile), cmp.Compare(b.Score, a.Score)) // "same …" comes before "similar …"
	})
	return nil
}

func inSeconds(f float64) time.Duration {
	return time.Duration(f * float64(time.Second)).Round(10 * time.Millisecond)
}

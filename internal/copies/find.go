package copies

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Kind says how a recording stands to another one.
type Kind string

// The kinds. Identical is of the bytes; the others are those of package fingerprint.
const (
	Identical Kind = "identical"
	Same           = Kind(fingerprint.Same)
	Similar        = Kind(fingerprint.Similar)
	Camera         = Kind(fingerprint.Camera)
	Untold         = Kind(fingerprint.Untold)
)

// Span is a stretch that two recordings hold.
type Span struct{ A, B, Length time.Duration }

// Details is what is known of how one recording differs from the other.
type Details struct {
	Spans        []Span
	Mirrored     bool
	CropA, CropB int // thousandths cut off at each side; see fingerprint.Relation
	Overlay      int // share of the picture that differs all the time, in thousandths
}

// Match is a recording that was found. A is what was looked for, B is the one that was found.
type Match struct {
	Item           archive.Item
	Kind           Kind
	Score          int // in thousandths; 0 where the kind has none
	Offset         time.Duration
	CoverA, CoverB int // shares of each that are the same, in thousandths
	Details
}

// Found is what a search came to.
type Found struct {
	Matches []Match // identical, same and similar ones, the strongest first
	// LooksAlike are recordings that look alike and of which nothing more can be said: the same camera at most, or too little moves.
	// At most a few of them are in Alike.
	LooksAlike int
	Alike      []Match
	// Unexamined are recordings that look alike and were not compared, because there were too many.
	Unexamined int
	Searched   int // recordings within the scope that have a fingerprint and look like it in the least: the candidates
	Took       time.Duration
	IndexTook  time.Duration // of it, the search of the index
}

// How many candidates are compared: for a person who waits, and for a job.
const (
	examineNow   = 150
	examineLater = 1000
	alikeShown   = 12
	similarKept  = 10
)

// everything sees all items; what a machine may work on is decided by their state.
var everything = archive.Scope{All: true, MaxDifficulty: -1}

// FindItem looks for other recordings of the footage of an item. archive.ErrNotFound if the reader may not see the item, fingerprint.ErrShort
// if it has no fingerprint (yet).
func (s *Service) FindItem(ctx context.Context, who policy.Subject, item string) (Found, error) {
	if archive.CheckID(archive.PrefixItem, item) != nil || !policy.Could(who, policy.Search) {
		return Found{}, archive.ErrNotFound
	}
	scope := policy.ScopeOf(who)
	var it archive.Item
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { it, err = tx.Item(ctx, scope, item); return err })
	if err == nil {
		err = policy.Decide(who, policy.ViewItem, policy.ItemObject(it)).Err()
	}
	if err != nil {
		return Found{}, fmt.Errorf("find copies: %w", err)
	}
	return s.findItem(ctx, scope, it, examineNow, nil)
}

func (s *Service) findItem(ctx context.Context, scope archive.Scope, it archive.Item, most int, beat func(done, of int)) (Found, error) {
	var known map[string]store.Fingerprint
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		known, err = tx.VisibleFingerprints(ctx, scope, []string{it.ID})
		return err
	})
	if err != nil {
		return Found{}, fmt.Errorf("find copies of %s: %w", it.ID, err)
	}
	f, ok := known[it.ID]
	if !ok || f.Version != fingerprint.Version {
		return Found{}, fmt.Errorf("find copies of %s: it has no fingerprint: %w", it.ID, fingerprint.ErrShort)
	}
	q, closer, err := s.print(ctx, scope, f.Derivative)
	if err != nil {
		return Found{}, fmt.Errorf("find copies of %s: %w", it.ID, err)
	}
	defer closer.Close()
	return s.find(ctx, scope, q, it.ID, most, beat)
}

// FindFile looks for the footage of a file that is not in the archive. Nothing of the file is kept.
func (s *Service) FindFile(ctx context.Context, who policy.Subject, src media.Source, beat func(seconds float64)) (Found, error) {
	if !policy.Could(who, policy.Search) {
		return Found{}, archive.ErrNotFound
	}
	if s.o.Media == nil {
		return Found{}, fmt.Errorf("find copies of a file: %w: there are no media programs", archive.ErrInvalid)
	}
	scope := policy.ScopeOf(who)
	tools, err := s.o.Media()
	if err != nil {
		return Found{}, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(src, 0, src.Size())); err != nil {
		return Found{}, fmt.Errorf("read file: %w", err)
	}
	var same *archive.Item
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		held, ok, err := tx.ItemByDigest(ctx, sum.Sum(nil))
		if err != nil || !ok {
			return err
		}
		// Held by an accession that the reader may not see is as good as not held.
		it, err := tx.Item(ctx, scope, held.ID)
		if errors.Is(err, archive.ErrNotFound) || err == nil && it.Erasing {
			return nil
		}
		same = &it
		return err
	})
	if err != nil {
		return Found{}, fmt.Errorf("find copies of a file: %w", err)
	}
	var out Found
	p, err := tools.Probe(ctx, src)
	if err == nil && p.Kind != archive.KindVideo {
		err = media.ErrNotMedia
	}
	var b bytes.Buffer
	if err == nil {
		_, _, err = tools.Fingerprint(ctx, src, p, &b, beat)
	}
	if err == nil {
		var q *fingerprint.Print
		if q, err = fingerprint.Open(bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil {
			out, err = s.find(ctx, scope, q, "", examineNow, nil)
		}
	}
	if err != nil && same == nil {
		return Found{}, fmt.Errorf("find copies of a file: %w", err)
	}
	if same != nil {
		out.Matches = slices.DeleteFunc(out.Matches, func(m Match) bool { return m.Item.ID == same.ID })
		out.Matches = slices.Insert(out.Matches, 0, Match{Item: *same, Kind: Identical, Score: 1000, CoverA: 1000, CoverB: 1000})
	}
	return out, nil
}

// find looks for q within the scope.
func (s *Service) find(ctx context.Context, scope archive.Scope, q *fingerprint.Print, self string, most int, beat func(done, of int)) (Found, error) {
	began := time.Now()
	if err := s.Refresh(ctx); err != nil {
		return Found{}, err
	}
	scan := time.Now()
	candidates := s.index.Scan(q, func(name string) bool { return name != self })
	var out Found
	out.IndexTook = time.Since(scan)
	names := make([]string, len(candidates))
	for i, c := range candidates {
		names[i] = c.Name
	}
	var visible map[string]store.Fingerprint
	items := map[string]archive.Item{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if visible, err = tx.VisibleFingerprints(ctx, scope, names); err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(n string) bool { _, ok := visible[n]; return !ok })
		found, err := tx.Matching(ctx, scope, store.Query{}, names)
		for _, it := range found {
			items[it.ID] = it
		}
		return err
	})
	if err != nil {
		return Found{}, fmt.Errorf("find copies: %w", err)
	}
	// From here on there is nothing left that the reader may not see.
	candidates = slices.DeleteFunc(candidates, func(c fingerprint.Candidate) bool { _, ok := items[c.Name]; return !ok })
	out.Searched = len(candidates)
	// A whole copy is as long as what is looked for, whatever else was done to it: those come first.
	asLong := func(c fingerprint.Candidate) int {
		if d := items[c.Name].Duration.Seconds() - q.Seconds(); d > -2 && d < 2 {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(candidates, func(a, b fingerprint.Candidate) int { return cmp.Compare(asLong(a), asLong(b)) })
	if len(candidates) > most {
		out.Unexamined = len(candidates) - most
		candidates = candidates[:most]
	}
	for i, c := range candidates {
		if err := ctx.Err(); err != nil {
			return Found{}, context.Cause(ctx)
		}
		if beat != nil {
			beat(i, len(candidates))
		}
		m, err := s.compare(ctx, scope, q, c, visible[c.Name].Derivative)
		if errors.Is(err, archive.ErrNotFound) {
			continue // erased meanwhile
		}
		if err != nil {
			if ctx.Err() != nil {
				return Found{}, context.Cause(ctx)
			}
			s.o.Logger.ErrorContext(ctx, "fingerprint could not be compared", slog.String("item", c.Name), slog.Any("error", err))
			out.Unexamined++
			continue
		}
		m.Item = items[c.Name]
		if m.Kind == Same || m.Kind == Similar {
			out.Matches = append(out.Matches, m)
			continue
		}
		out.LooksAlike++
		if len(out.Alike) < alikeShown {
			out.Alike = append(out.Alike, m)
		}
	}
	slices.SortStableFunc(out.Matches, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Score, a.Score)) // "same" comes before "similar", as in the alphabet
	})
	out.Took = time.Since(began)
	return out, nil
}

func (s *Service) compare(ctx context.Context, scope archive.Scope, q *fingerprint.Print, c fingerprint.Candidate, derivative string) (Match, error) {
	p, closer, err := s.print(ctx, scope, derivative)
	if err != nil {
		return Match{}, err
	}
	defer closer.Close()
	r, err := fingerprint.Compare(ctx, q, p, c)
	if err != nil {
		return Match{}, fmt.Errorf("compare with %s: %w", c.Name, err)
	}
	m := Match{
		Kind: Kind(r.Kind), Score: r.Score, Offset: inSeconds(r.Offset), CoverA: r.CoverA, CoverB: r.CoverB,
		Details: Details{Mirrored: r.Mirrored, CropA: int(r.CropA), CropB: int(r.CropB), Overlay: r.Overlay},
	}
	for _, sp := range r.Spans {
		m.Spans = append(m.Spans, Span{inSeconds(sp.A), inSeconds(sp.B), inSeconds(sp.Seconds)})
	}
	return m, nil
}

func inSeconds(f float64) time.Duration {
	return time.Duration(f * float64(time.Second)).Round(10 * time.Millisecond)
}

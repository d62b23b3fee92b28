package proof

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/verify"
)

// Share is how much of a scope clips have shown, of distinct footage: what two clips both show counts once. It can be computed by
// anybody who has the statements of the clips. The released_ms of a statement is another figure: the sum of all cuts so far, in which
// what was shown twice counts twice.
type Share struct {
	Scope string // identifier of the scope statement
	Clips int    // counted
	// Files are the originals that something was shown of.
	Files int64
	// Bytes are those of the segments that the statements name: what the decoder was given, which is more than what is seen.
	Bytes int64
	// MS are milliseconds of originals that are seen.
	MS int64
	// What the scope holds, as it was stated.
	OfFiles, OfBytes, OfMS int64
}

// Share counts all clips that were stated against a scope statement; an empty identifier is the newest scope that has clips, or the
// newest. archive.ErrNotFound if there is no such scope, archive.ErrForbidden.
func (s *Service) Share(ctx context.Context, who policy.Subject, scope string) (Share, error) {
	return s.share(ctx, who, scope, nil)
}

// ShareOf counts only some clips of the scope, such as those that are out. One that counts against another scope is in the share of that one, and
// is left out.
func (s *Service) ShareOf(ctx context.Context, who policy.Subject, scope string, clips []string) (Share, error) {
	if clips == nil {
		clips = []string{}
	}
	return s.share(ctx, who, scope, clips)
}

func (s *Service) share(ctx context.Context, who policy.Subject, scope string, only []string) (out Share, err error) {
	fail := func(err error) (Share, error) { return Share{}, fmt.Errorf("count share: %w", err) }
	// The figures are of the archive as a whole, and made to be published.
	if !policy.Could(who, policy.ViewRelease) {
		return fail(archive.ErrForbidden)
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		st, clips, err := sharedScope(ctx, tx, scope)
		if err != nil {
			return err
		}
		whole, err := parseScope(st)
		if err != nil {
			return err
		}
		out = Share{Scope: st.ID, OfFiles: whole.Files, OfBytes: whole.Bytes, OfMS: whole.Milliseconds}
		if only != nil {
			clips = slices.DeleteFunc(clips, func(c store.Clip) bool { return !slices.Contains(only, c.ID) })
		}
		var stated []verify.ClipStatement
		for _, c := range clips {
			st, err := tx.Statement(ctx, c.Statement)
			if err != nil {
				return err
			}
			body, err := parseClip(st)
			if err != nil {
				return err
			}
			stated = append(stated, body)
		}
		shown := gather(stated)
		sizes, err := sizesOf(ctx, tx, shown)
		if err != nil {
			return err
		}
		out.Clips = len(stated)
		return shown.count(sizes, &out)
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// sharedScope finds the scope that is asked about, and its clips.
func sharedScope(ctx context.Context, tx *store.Tx, id string) (store.Statement, []store.Clip, error) {
	stated, err := tx.Statements(ctx, kindScope)
	if err != nil {
		return store.Statement{}, nil, err
	}
	var newest *store.Statement
	for _, st := range slices.Backward(stated) {
		if id != "" && st.ID != id {
			continue
		}
		clips, err := tx.Clips(ctx, st.ID)
		if err != nil {
			return store.Statement{}, nil, err
		}
		if id != "" || len(clips) > 0 {
			return st, clips, nil
		}
		if newest == nil {
			newest = &st
		}
	}
	if newest == nil {
		return store.Statement{}, nil, fmt.Errorf("scope: %w", archive.ErrNotFound)
	}
	return *newest, nil, nil
}

// lineageOf names an original as statements do: by its leaf under the root of its accession.
type lineageOf struct{ accession, leaf [32]byte }

// shownOf is what was shown of one original.
type shownOf struct {
	spans    [][2]int64     // milliseconds, [from, to)
	segments map[int64]bool // named
}

type shown map[lineageOf]*shownOf

func gather(stated []verify.ClipStatement) shown {
	out := shown{}
	for _, st := range stated {
		of := make([]*shownOf, len(st.Sources))
		for i, src := range st.Sources {
			k := lineageOf{src.Accession, src.Item}
			if out[k] == nil {
				out[k] = &shownOf{segments: map[int64]bool{}}
			}
			of[i] = out[k]
			for _, g := range src.Segments {
				of[i].segments[g.Index] = true
			}
		}
		for _, c := range st.Cuts {
			if c.Source >= 0 && c.Source < len(of) {
				of[c.Source].spans = append(of[c.Source].spans, [2]int64{c.FromMS, c.ToMS})
			}
		}
	}
	return out
}

// count adds up, each millisecond and each segment once.
func (s shown) count(sizes map[lineageOf]int64, out *Share) error {
	for k, o := range s {
		size, there := sizes[k]
		if !there {
			return fmt.Errorf("%w: a clip was stated from what is not sealed", archive.ErrIntegrity)
		}
		out.Files++
		out.MS += union(o.spans)
		for i := range o.segments {
			if i < 0 || i >= commit.SegmentCount(size) {
				return fmt.Errorf("%w: a clip names a segment that is not there", archive.ErrIntegrity)
			}
			out.Bytes += commit.SegmentLength(size, i)
		}
	}
	return nil
}

// union is how much spans cover together.
func union(spans [][2]int64) (n int64) {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	end := int64(0)
	for _, x := range spans {
		from := max(x[0], end)
		if x[1] > from {
			n += x[1] - from
		}
		end = max(end, x[1])
	}
	return n
}

// sizesOf finds how many bytes the originals have. Of one that was erased since, the seal still says it.
func sizesOf(ctx context.Context, tx *store.Tx, s shown) (map[lineageOf]int64, error) {
	out := map[lineageOf]int64{}
	if len(s) == 0 {
		return out, nil
	}
	seals, err := sealsByRoot(ctx, tx)
	if err != nil {
		return nil, err
	}
	asked := map[[32]byte]bool{}
	for k := range s {
		if asked[k.accession] {
			continue
		}
		asked[k.accession] = true
		seal, there := seals[k.accession]
		if !there {
			continue // count names it
		}
		for p, err := range tx.AccessionPlaces(ctx, seal.Accession) {
			if err != nil {
				return nil, err
			}
			if o := (lineageOf{k.accession, p.Leaf}); s[o] != nil {
				out[o] = p.Bytes
			}
		}
	}
	return out, nil
}

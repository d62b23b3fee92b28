package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media/fingerprint"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// tool is what the findings rest on, beside the program itself.
const tool = "zapis"

// detail is Details as it stands in the catalogue; times in milliseconds.
type detail struct {
	CropA    int        `json:"crop_a,omitempty"`
	CropB    int        `json:"crop_b,omitempty"`
	Mirrored bool       `json:"mirrored,omitempty"`
	Overlay  int        `json:"overlay,omitempty"`
	Spans    [][3]int64 `json:"spans,omitempty"`
}

func encode(d Details) []byte {
	v := detail{CropA: d.CropA, CropB: d.CropB, Mirrored: d.Mirrored, Overlay: d.Overlay}
	for _, s := range d.Spans {
		v.Spans = append(v.Spans, [3]int64{s.A.Milliseconds(), s.B.Milliseconds(), s.Length.Milliseconds()})
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("copies: %v", err)) // figures only
	}
	return b
}

func decode(b []byte) (Details, error) {
	var v detail
	if err := json.Unmarshal(b, &v); err != nil {
		return Details{}, fmt.Errorf("read link: %w", archive.ErrIntegrity)
	}
	d := Details{CropA: v.CropA, CropB: v.CropB, Mirrored: v.Mirrored, Overlay: v.Overlay}
	for _, s := range v.Spans {
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
		d.Spans = append(d.Spans, Span{ms(s[0]), ms(s[1]), ms(s[2])})
	}
	return d, nil
}

// turned is a match seen from the other recording.
func (m Match) turned() Match {
	m.Offset = -m.Offset
	m.CoverA, m.CoverB = m.CoverB, m.CoverA
	m.CropA, m.CropB = m.CropB, m.CropA
	m.Spans = slices.Clone(m.Spans)
	for i, s := range m.Spans {
		m.Spans[i].A, m.Spans[i].B = s.B, s.A
	}
	slices.SortFunc(m.Spans, func(a, b Span) int { return int(a.A - b.A) })
	return m
}

// Match works a match job: it looks for other recordings of the footage of an item and keeps what it found as suggestions. What
// people decided stays. It returns nil when the job is done; an error that wraps job.ErrCancel when trying again is pointless.
func (s *Service) Match(ctx context.Context, j job.Job[job.Match]) error {
	item := j.Args.Item
	fail := func(err error) error { return fmt.Errorf("match %s: %w", item, err) }
	if err := archive.CheckID(archive.PrefixItem, item); err != nil {
		return fmt.Errorf("match: %w: %w", job.ErrCancel, err)
	}
	if s.o.Jobs == nil || s.o.Agent == "" {
		return fmt.Errorf("match: %w: there is no queue or no agent", archive.ErrInvalid)
	}
	var it archive.Item
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { it, err = tx.Item(ctx, everything, item); return err })
	if err == nil && it.Erasing {
		err = archive.ErrNotFound
	}
	if errors.Is(err, archive.ErrNotFound) {
		return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
	}
	if err != nil {
		return fail(err)
	}
	found, err := s.findItem(ctx, everything, it, examineLater, func(done, of int) {
		s.o.Jobs.Progress(ctx, j, "match", int64(done), int64(of))
	})
	if errors.Is(err, fingerprint.ErrShort) {
		return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
	}
	if err != nil {
		return fail(err)
	}
	similar := 0
	found.Matches = slices.DeleteFunc(found.Matches, func(m Match) bool {
		if m.Kind == Similar {
			similar++
		}
		return m.Kind == Similar && similar > similarKept
	})
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		it, err := tx.Item(ctx, everything, item)
		if err == nil && it.Erasing {
			err = archive.ErrNotFound
		}
		if err != nil {
			return err
		}
		kept := 0
		for _, m := range found.Matches {
			other, err := tx.Item(ctx, everything, m.Item.ID)
			if errors.Is(err, archive.ErrNotFound) || err == nil && other.Erasing {
				continue // meanwhile
			}
			if err != nil {
				return err
			}
			a, b := item, m.Item.ID
			if a > b {
				a, b, m = b, a, m.turned()
			}
			put, err := tx.PutCopyLink(ctx, store.CopyLink{
				ID: s.o.NewID(archive.PrefixCopy), A: a, B: b, Kind: string(m.Kind), Score: m.Score, Offset: m.Offset, CoverA: m.CoverA, CoverB: m.CoverB,
				Detail: encode(m.Details), Recipe: fingerprint.Name, RecipeVersion: fingerprint.Version, Tool: tool, CreatedAt: s.o.Now().UTC(),
			})
			if err != nil {
				return err
			}
			if put {
				kept++
			}
		}
		if err := s.o.Jobs.CompleteTx(ctx, tx, j); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventAnalysis, Agent: s.o.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: item}},
			Detail: map[string]string{
				"pass": "match", "recipe": fingerprint.Name, "recipe_version": strconv.Itoa(fingerprint.Version), "suggestions": strconv.Itoa(kept),
				"looked_alike": strconv.Itoa(found.Searched), "not_compared": strconv.Itoa(found.Unexamined),
			},
		})
		return err
	})
	if errors.Is(err, archive.ErrNotFound) {
		return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// Link is a suggestion or a decision that two recordings hold the same footage. A is the recording from which it is seen.
type Link struct {
	ID             string
	A, B           archive.Item
	Kind           Kind
	Score          int
	Offset         time.Duration // to be added to a time in A to get the time in B
	CoverA, CoverB int
	Details
	State         archive.SuggestionState
	Recipe        string
	RecipeVersion int
	Tool          string
	CreatedAt     time.Time
	DecidedAt     time.Time
	DecidedBy     string
	Why           string
	MayDecide     bool
}

// Whole says that the two recordings hold the same footage from end to end.
func (l Link) Whole() bool { return l.Kind == Same && l.CoverA >= 900 && l.CoverB >= 900 }

// Contains says that A holds all of B and more.
func (l Link) Contains() bool { return l.Kind == Same && l.CoverB >= 900 && l.CoverA < 900 }

// Within says that B holds all of A and more.
func (l Link) Within() bool { return l.Kind == Same && l.CoverA >= 900 && l.CoverB < 900 }

// Query narrows a list of links.
type Query struct {
	Kind  Kind
	State archive.SuggestionState
	After string
	Limit int // 1 to 200; 0: 50
}

// Links gives the links of one item that the reader may see, the same footage first.
func (s *Service) Links(ctx context.Context, who policy.Subject, item string) ([]Link, error) {
	if archive.CheckID(archive.PrefixItem, item) != nil || !policy.Could(who, policy.ViewItem) {
		return nil, archive.ErrNotFound
	}
	scope := policy.ScopeOf(who)
	var out []Link
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		it, err := tx.Item(ctx, scope, item)
		if err == nil {
			err = policy.Decide(who, policy.ViewItem, policy.ItemObject(it)).Err()
		}
		if err != nil {
			return err
		}
		rows, err := tx.CopyLinks(ctx, scope, store.CopyLinkQuery{Item: item, Limit: 200})
		if err != nil {
			return err
		}
		out, err = s.links(ctx, tx, who, rows, item)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list copies of %s: %w", item, err)
	}
	slices.SortStableFunc(out, func(a, b Link) int {
		if a.Kind != b.Kind {
			if a.Kind == Same {
				return -1
			}
			return 1
		}
		return b.Score - a.Score
	})
	return out, nil
}

// Counts of links by state, as far as the reader may see them.
type Counts struct{ Suggested, Confirmed, Dismissed int64 }

// List gives links that the reader may see, newest first, where the next page begins, and how many there are by state.
func (s *Service) List(ctx context.Context, who policy.Subject, q Query) (links []Link, next string, n Counts, err error) {
	if !policy.Could(who, policy.Browse) {
		return nil, "", n, archive.ErrNotFound
	}
	if q.Limit <= 0 || q.Limit > 200 {
		q.Limit = 50
	}
	scope := policy.ScopeOf(who)
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.CopyLinks(ctx, scope, store.CopyLinkQuery{Kind: string(q.Kind), State: q.State, After: q.After, Limit: q.Limit + 1})
		if err != nil {
			return err
		}
		next = ""
		if len(rows) > q.Limit {
			rows = rows[:q.Limit]
			next = rows[q.Limit-1].ID
		}
		if links, err = s.links(ctx, tx, who, rows, ""); err != nil {
			return err
		}
		counts, err := tx.CopyLinkCounts(ctx, scope)
		n = Counts{counts[archive.Suggested], counts[archive.Confirmed], counts[archive.Dismissed]}
		return err
	})
	if err != nil {
		return nil, "", Counts{}, fmt.Errorf("list copies: %w", err)
	}
	return links, next, n, nil
}

// links fills in the items of rows, seen from one item if it is named.
func (s *Service) links(ctx context.Context, tx *store.Tx, who policy.Subject, rows []store.CopyLink, from string) ([]Link, error) {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.A, r.B)
	}
	slices.Sort(ids)
	found, err := tx.Matching(ctx, policy.ScopeOf(who), store.Query{}, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	items := map[string]archive.Item{}
	for _, it := range found {
		items[it.ID] = it
	}
	var out []Link
	for _, r := range rows {
		a, okA := items[r.A]
		b, okB := items[r.B]
		if !okA || !okB || !policy.Decide(who, policy.ViewItem, policy.ItemObject(a)).Allow || !policy.Decide(who, policy.ViewItem, policy.ItemObject(b)).Allow {
			continue
		}
		d, err := decode(r.Detail)
		if err != nil {
			return nil, err
		}
		m := Match{Kind: Kind(r.Kind), Score: r.Score, Offset: r.Offset, CoverA: r.CoverA, CoverB: r.CoverB, Details: d}
		if from != "" && r.B == from {
			a, b, m = b, a, m.turned()
		}
		out = append(out, Link{
			ID: r.ID, A: a, B: b, Kind: m.Kind, Score: m.Score, Offset: m.Offset, CoverA: m.CoverA, CoverB: m.CoverB, Details: m.Details,
			State: r.State, Recipe: r.Recipe, RecipeVersion: r.RecipeVersion, Tool: r.Tool, CreatedAt: r.CreatedAt, DecidedAt: r.DecidedAt,
			DecidedBy: r.DecidedBy, Why: r.Why, MayDecide: mayDecide(who, a, b) == nil,
		})
	}
	return out, nil
}

func mayDecide(who policy.Subject, a, b archive.Item) error {
	for _, it := range []archive.Item{a, b} {
		if err := policy.Decide(who, policy.DecideSuggestion, policy.ItemObject(it)).Err(); err != nil {
			return err
		}
	}
	return nil
}

// Confirm says that a suggestion is right. Dismiss says that it is wrong; it is then neither shown as a copy nor suggested again. Undo
// takes either back. archive.ErrConflict if somebody decided before, archive.ErrNotFound if the reader may not see both recordings.
// why may be empty; it stays in the catalogue and does not go into the custody record.
func (s *Service) Confirm(ctx context.Context, who policy.Subject, link, why string) error {
	return s.decide(ctx, who, link, archive.Confirmed, why)
}

// Dismiss: see Confirm.
func (s *Service) Dismiss(ctx context.Context, who policy.Subject, link, why string) error {
	return s.decide(ctx, who, link, archive.Dismissed, why)
}

// Undo: see Confirm.
func (s *Service) Undo(ctx context.Context, who policy.Subject, link string) error {
	return s.decide(ctx, who, link, archive.Suggested, "")
}

// maxWhy bounds the words of who decides, in bytes.
const maxWhy = 2000

func (s *Service) decide(ctx context.Context, who policy.Subject, link string, state archive.SuggestionState, why string) error {
	if archive.CheckID(archive.PrefixCopy, link) != nil || !policy.Could(who, policy.DecideSuggestion) {
		return archive.ErrNotFound
	}
	if len(why) > maxWhy {
		return fmt.Errorf("decide link %s: %w: the reason is too long", link, archive.ErrInvalid)
	}
	scope := policy.ScopeOf(who)
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		l, err := tx.CopyLink(ctx, scope, link)
		if err != nil {
			return fmt.Errorf("find link %s: %w", link, err)
		}
		a, err := tx.Item(ctx, scope, l.A)
		if err != nil {
			return err
		}
		b, err := tx.Item(ctx, scope, l.B)
		if err != nil {
			return err
		}
		if err := mayDecide(who, a, b); err != nil {
			return err
		}
		if err := tx.DecideCopyLink(ctx, link, state, who.Agent, why, s.o.Now().UTC()); err != nil {
			return err
		}
		act := map[archive.SuggestionState]string{archive.Confirmed: "confirm copy", archive.Dismissed: "dismiss copy", archive.Suggested: "undo decision on copy"}[state]
		_, err = s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventDescription, Agent: who.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{
				{Role: custody.RoleAbout, Kind: custody.KindSuggestion, ID: link},
				{Role: custody.RoleAbout, Kind: custody.KindItem, ID: l.A},
				{Role: custody.RoleAbout, Kind: custody.KindItem, ID: l.B},
			},
			Detail: map[string]string{"act": act, "kind": l.Kind, "recipe": l.Recipe, "recipe_version": strconv.Itoa(l.RecipeVersion)},
		})
		return err
	})
}

// Fill puts a fingerprint job in for every ready recording that has no fingerprint of the present version, and says how many.
func (s *Service) Fill(ctx context.Context, who policy.Subject) (n int, err error) {
	if !policy.Could(who, policy.ManageJobs) {
		return 0, archive.ErrNotFound
	}
	if s.o.Jobs == nil {
		return 0, fmt.Errorf("fill fingerprints: %w: there is no queue", archive.ErrInvalid)
	}
	after := ""
	for {
		var page []string
		err := s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
			if page, err = tx.ItemsWithoutFingerprint(ctx, fingerprint.Version, after, batch); err != nil {
				return err
			}
			for _, id := range page {
				if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Fingerprint{Item: id}, job.Opts{Unique: true}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("fill fingerprints: %w", err)
		}
		n += len(page)
		if len(page) < batch {
			return n, nil
		}
		after = page[len(page)-1]
	}
}

package redact

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/detect/scan"
	"zapis/internal/redact/gap"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// everything sees all items; what a machine may work on is decided by their state.
var everything = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}

// errRefused: an item of the plan is quarantined, erased or being erased.
var errRefused = errors.New("an item of the plan may not be opened")

// Codes of why machines came to nothing, beside those of media.Reason.
const (
	ReasonRefused    = "refused"     // an item may not be opened any more, or who asked may not ask any more
	ReasonSealBroken = "seal-broken" // the sealed bytes of an item do not open as they were sealed
	ReasonNotStated  = "not-stated"  // the clip cannot be stated: no log, or an item in no sealed accession
	ReasonFailed     = "failed"      // it went wrong as often as is tried
	// ReasonInterrupted: an attempt broke off, with its worker or otherwise, and nothing of it is left; another one begins from the beginning.
	ReasonInterrupted = "interrupted"
)

// original is an item opened in the vault.
type original struct {
	*vault.Original
	item archive.Item
}

// opened are the originals of the sources of a plan.
type opened struct {
	of     []*original // by source; nil where no cut needs it
	probes []media.Probe
}

func (o *opened) close() {
	for _, x := range o.of {
		if x != nil {
			_ = x.Close() // nothing was written through it
		}
	}
}

// problem is the first error of the vault.
func (o *opened) problem() error {
	for _, x := range o.of {
		if x == nil {
			continue
		}
		if err := x.Problem(); err != nil {
			return fmt.Errorf("read original of %s: %w", x.item.ID, err)
		}
	}
	return nil
}

// cuts are those of a plan, of what was opened.
func (o *opened) cuts(p plan.Plan) []media.Cut {
	out := make([]media.Cut, len(p.Cuts))
	for i, c := range p.Cuts {
		out[i] = media.Cut{From: time.Duration(c.FromUS) * time.Microsecond, To: time.Duration(c.ToUS) * time.Microsecond}
		if o.of[c.Source] != nil {
			out[i].Source, out[i].Probe = o.of[c.Source], o.probes[c.Source]
		}
	}
	return out
}

// needed are the sources that the cuts of a plan need.
func needed(p plan.Plan) (out []int) {
	for _, c := range p.Cuts {
		out = append(out, c.Source)
	}
	return out
}

// openSources opens originals, each once.
func (s *Service) openSources(ctx context.Context, tools Media, sources []int, items []archive.Item) (_ *opened, err error) {
	out := &opened{of: make([]*original, len(items)), probes: make([]media.Probe, len(items))}
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	for _, source := range sources {
		if out.of[source] != nil {
			continue
		}
		it := items[source]
		r, err := s.o.Vault.Reader(ctx, vault.Ref(it.Object))
		if errors.Is(err, vault.ErrErased) {
			return out, fmt.Errorf("open original of %s: %w: %w", it.ID, errRefused, err)
		}
		if err != nil {
			return out, fmt.Errorf("open original of %s: %w", it.ID, err)
		}
		o := &original{Original: vault.NewOriginal(r), item: it}
		out.of[source] = o
		if r.Size() != it.Size {
			return out, fmt.Errorf("open original of %s: %w: another size", it.ID, archive.ErrIntegrity)
		}
		if out.probes[source], err = tools.Probe(ctx, o); err != nil {
			return out, errors.Join(out.problem(), fmt.Errorf("look at %s: %w", it.ID, err))
		}
	}
	return out, nil
}

// sourcesOf finds the items of a version for a machine.
func sourcesOf(ctx context.Context, tx *store.Tx, v store.PlanVersion) ([]archive.Item, error) {
	out := make([]archive.Item, len(v.Items))
	for i, id := range v.Items {
		it, err := tx.Item(ctx, everything, id)
		if errors.Is(err, archive.ErrNotFound) {
			return nil, fmt.Errorf("item %s: %w", id, errRefused)
		}
		if err != nil {
			return nil, fmt.Errorf("item %s: %w", id, err)
		}
		if it.State == archive.ItemQuarantined || it.State == archive.ItemErased || it.Erasing {
			return nil, fmt.Errorf("item %s: %w", id, errRefused)
		}
		out[i] = it
	}
	return out, nil
}

// lock holds a version until the end of the transaction, if its items may still be opened: nobody erases one, changes the plan or decides about it beside this.
func lock(ctx context.Context, tx *store.Tx, v store.PlanVersion) error {
	for _, id := range slices.Sorted(slices.Values(v.Items)) {
		if err := tx.LockItem(ctx, id); err != nil {
			return err
		}
	}
	if _, err := tx.LockPlan(ctx, v.Plan); err != nil {
		return err
	}
	_, err := sourcesOf(ctx, tx, v)
	return err
}

// attempt is one job being worked.
type attempt struct {
	ref   interface{ Ref() int64 }
	n     int // from 1
	limit int
	step  string
}

func (s *Service) tick(ctx context.Context, a *attempt, part float64) {
	s.o.Jobs.Progress(ctx, a.ref, a.step, int64(1000*min(max(part, 0), 1)), 1000)
}

// final says with which reason a job that failed is given up; empty if trying again may help.
func (a *attempt) final(ctx context.Context, err error) string {
	switch {
	case ctx.Err() != nil || errors.Is(err, job.ErrLeaseLost) || errors.Is(err, store.ErrUnknownOutcome):
		return ""
	case errors.Is(err, archive.ErrIntegrity):
		return ReasonSealBroken
	case errors.Is(err, errRefused), errors.Is(err, archive.ErrForbidden):
		return ReasonRefused
	}
	if r := media.Reason(err); r != "" {
		return r
	}
	if p, ok := errors.AsType[*archive.Public](err); ok { // said in words for a person: trying again does not change it
		if slices.Contains(Codes(), p.Text) {
			return ReasonRefused // sent back, or decided otherwise, in the meantime
		}
		return ReasonNotStated
	}
	if a.n >= max(a.limit, 1) {
		return ReasonFailed
	}
	return ""
}

// Detect works a job that proposes what to cover. Results are as of GapCheck.
func (s *Service) Detect(ctx context.Context, j job.Job[job.Detect]) error {
	a := &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "detect"}
	return s.machine(ctx, a, store.PlanDetect, j.Args.Plan, j.Args.Version, s.propose)
}

// GapCheck works a job that walks every frame of a version. It returns nil when the job is done, also when the run has failed for good; an error
// wrapping job.ErrCancel when trying again is pointless; any other error when trying again may help.
func (s *Service) GapCheck(ctx context.Context, j job.Job[job.GapCheck]) error {
	a := &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "gap check"}
	return s.machine(ctx, a, store.PlanGapCheck, j.Args.Plan, j.Args.Version, s.walk)
}

// looked is what machines found in a version.
type looked struct {
	frames    int64
	recipe    string
	unjudged  []Unjudged
	blockers  []store.PlanBlocker
	proposals []store.PlanProposal
}

// machine leads one attempt at a run from the version to the committed result.
func (s *Service) machine(ctx context.Context, a *attempt, kind, id string, n int, f func(context.Context, *attempt, Media, plan.Plan, []archive.Item) (looked, error)) error {
	fail := func(err error) error { return fmt.Errorf("%s of plan %s version %d: %w", kind, id, n, err) }
	if err := archive.CheckID(archive.PrefixPlan, id); err != nil {
		return fmt.Errorf("%s: %w: %w", kind, job.ErrCancel, err)
	}
	var row store.PlanVersion
	var r store.PlanRun
	var items []archive.Item
	var p plan.Plan
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if r, err = tx.PlanRun(ctx, id, n, kind); err != nil || r.State != store.PlanAsked {
			return err
		}
		if row, err = tx.PlanVersion(ctx, everything, id, n); err != nil {
			return err
		}
		if p, err = parse(row); err != nil {
			return err
		}
		items, err = sourcesOf(ctx, tx, row)
		return err
	})
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
	case err == nil && r.State != store.PlanAsked:
		return s.complete(ctx, a) // done before, and the job came back
	}
	var found looked
	if err == nil {
		var tools Media
		if tools, err = s.tools(); err == nil {
			found, err = f(ctx, a, tools, p, items)
		}
	}
	r.DoneAt = s.now()
	if err != nil {
		why := a.final(ctx, err)
		if why == "" {
			return fail(err)
		}
		s.o.Logger.WarnContext(ctx, "machines came to nothing about a plan", slog.String("plan", id), slog.Int("version", n), slog.String("reason", why))
		r.State, r.Reason = store.PlanFailed, why
		if werr := s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.EndPlanRun(ctx, r, nil, nil) }); werr != nil && !errors.Is(werr, archive.ErrConflict) {
			return fail(errors.Join(err, werr))
		}
		return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
	}
	r.State, r.Frames, r.Recipe, r.SHA256 = store.PlanDone, found.frames, found.recipe, row.SHA256
	if len(found.unjudged) > 0 {
		if r.Report, err = json.Marshal(found.unjudged); err != nil {
			return fail(err)
		}
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := lock(ctx, tx, row); err != nil { // erased meanwhile: nothing of it is noted
			return err
		}
		if kind == store.PlanDetect {
			if err := s.supersede(ctx, tx, id, r.DoneAt); err != nil {
				return err
			}
		}
		if err := tx.EndPlanRun(ctx, r, found.blockers, found.proposals); err != nil {
			return err
		}
		if err := s.o.Jobs.CompleteTx(ctx, tx, a.ref); err != nil {
			return err
		}
		what := whatChecked
		if kind == store.PlanDetect {
			what = "redaction plan proposals"
		}
		_, err := s.o.Custody.Record(ctx, tx, event(archive.EventAnalysis, s.o.Agent, what, row, map[string]string{
			"run": r.ID, "frames": fmt.Sprint(found.frames), "blockers": fmt.Sprint(len(found.blockers)), "proposals": fmt.Sprint(len(found.proposals)), "recipe": found.recipe,
		}))
		return err
	})
	switch {
	case errors.Is(err, errRefused):
		return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
	case err != nil:
		// Also after an unknown outcome: the next attempt finds the run ended.
		return fail(err)
	}
	return nil
}

// supersede sets aside what machines proposed for earlier versions and nobody has decided about: what is proposed now takes its place.
func (s *Service) supersede(ctx context.Context, tx *store.Tx, id string, when time.Time) error {
	open, err := tx.PlanProposals(ctx, id, archive.Suggested)
	if err != nil {
		return err
	}
	ids := make([]string, len(open))
	for i, x := range open {
		ids[i] = x.ID
	}
	for part := range slices.Chunk(ids, 500) {
		if _, err := tx.DecidePlanProposal(ctx, id, part, archive.Dismissed, s.o.Agent, "superseded", when); err != nil {
			return err
		}
	}
	return nil
}

// covered says whether masks of a plan cover a track wherever a cut shows it, at every key and half way between keys.
func covered(index *plan.Index, p plan.Plan, t plan.Track) bool {
	own := plan.Plan{Sources: p.Sources, Tracks: []plan.Track{t}}.Index()
	var moments []int64
	for i, k := range t.Keys {
		moments = append(moments, k.AtUS)
		if i > 0 {
			moments = append(moments, (k.AtUS+t.Keys[i-1].AtUS)/2)
		}
	}
	for _, c := range p.Cuts {
		if c.Source == t.Source {
			moments = append(moments, c.FromUS, c.ToUS-1)
		}
	}
	for _, us := range moments {
		if !slices.ContainsFunc(p.Cuts, func(c plan.Cut) bool { return c.Source == t.Source && us >= c.FromUS && us < c.ToUS }) {
			continue
		}
		for _, b := range own.At(t.Source, us, nil) {
			inside := func(m plan.Box) bool {
				return !m.Reveal && m.X <= b.X && m.Y <= b.Y && m.X+m.W >= b.X+b.W && m.Y+m.H >= b.Y+b.H
			}
			if !slices.ContainsFunc(index.At(t.Source, us, nil), inside) {
				return false
			}
		}
	}
	return true
}

func (s *Service) tools() (Media, error) {
	if s.o.Media == nil {
		return nil, fmt.Errorf("%w: no outside media programs", archive.ErrInvalid)
	}
	return s.o.Media()
}

// complete ends a job whose work is there already.
func (s *Service) complete(ctx context.Context, a *attempt) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error { return s.o.Jobs.CompleteTx(ctx, tx, a.ref) })
}

// watch shows every frame of a stretch to the detectors.
func (s *Service) watch(ctx context.Context, tools Media, o *original, probe media.Probe, from, to int64, beat func(us int64)) (detect.Result, error) {
	cut := media.Cut{Source: o, Probe: probe, From: time.Duration(from) * time.Microsecond, To: time.Duration(to) * time.Microsecond}
	return scan.Cut(ctx, tools, cut, scan.Options{Detectors: s.o.Detectors, Beat: beat})
}

// recipes are the detectors of some results, each once.
func recipes(results []detect.Result) string {
	var all []string
	for _, r := range results {
		all = append(all, r.Recipes...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// walk is the gap check.
func (s *Service) walk(ctx context.Context, a *attempt, tools Media, p plan.Plan, items []archive.Item) (found looked, err error) {
	o, err := s.openSources(ctx, tools, needed(p), items)
	if err != nil {
		return found, err
	}
	defer o.close()
	var total, done int64
	for _, c := range p.Cuts {
		total += c.ToUS - c.FromUS
	}
	cuts := make([]gap.Cut, len(p.Cuts))
	results := make([]detect.Result, len(p.Cuts))
	for i, c := range p.Cuts {
		r, err := s.watch(ctx, tools, o.of[c.Source], o.probes[c.Source], c.FromUS, c.ToUS, func(us int64) {
			s.tick(ctx, a, float64(done+max(us-c.FromUS, 0))/float64(total))
		})
		if broken := o.problem(); broken != nil {
			return found, broken
		}
		if err != nil {
			return found, fmt.Errorf("cut %d: %w", i, err)
		}
		done += c.ToUS - c.FromUS
		results[i] = r
		cuts[i] = gap.Cut{Times: r.Times, Detections: r.Detections, Unjudged: r.Unjudged}
		_, cuts[i].Sound = o.probes[c.Source].Audio()
		if cuts[i].Sound && p.Sound.Mode == plan.Keep {
			if cuts[i].SpeechKnown, cuts[i].Speech, err = s.speech(ctx, items[c.Source].ID); err != nil {
				return found, err
			}
		}
		found.frames += int64(len(r.Times))
		found.unjudged = append(found.unjudged, unjudged(c.Source, r.Unjudged)...)
	}
	list, err := gap.Walk(p, cuts)
	if err != nil {
		return found, err
	}
	found.recipe = recipes(results)
	for _, b := range list {
		found.blockers = append(found.blockers, store.PlanBlocker{
			Kind: string(b.Kind), Warning: b.Warning, Cut: b.Cut, Source: b.Source, FromUS: b.FromUS, ToUS: b.ToUS, AtUS: b.AtUS, Box: b.Box, Thing: b.Thing,
			Track: b.Track, Frames: int64(b.Frames), Score: thousandths(b.Score), Why: b.Why,
		})
	}
	return found, nil
}

func unjudged(source int, list []detect.Unjudged) (out []Unjudged) {
	for _, u := range list {
		out = append(out, Unjudged{Source: source, FromUS: u.FromUS, ToUS: u.ToUS, Detector: u.Detector, Kind: u.Kind, Why: u.Why})
	}
	return out
}

func thousandths(score float32) int { return int(min(max(float64(score), -1e6), 1e6) * 1000) }

// speech gives where something is said in an item, by all of its transcripts, and whether anybody listened.
func (s *Service) speech(ctx context.Context, item string) (known bool, spans []gap.Span, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		known, spans = false, nil
		tracks, err := tx.TextTracks(ctx, everything, item)
		if err != nil {
			return err
		}
		for _, t := range tracks {
			if t.Kind != archive.TextTranscript || t.State != archive.TextDone {
				continue
			}
			known = true
			for after := 0; ; {
				lines, err := tx.TextSpans(ctx, everything, store.TextSpanQuery{Track: t.ID, After: after, Limit: 500})
				if err != nil {
					return err
				}
				for _, l := range lines {
					spans = append(spans, gap.Span{FromUS: l.From.Microseconds(), ToUS: l.To.Microseconds()})
				}
				if len(lines) < 500 {
					break
				}
				after = lines[len(lines)-1].Ordinal
			}
		}
		return nil
	})
	slices.SortFunc(spans, func(a, b gap.Span) int { return cmp.Or(cmp.Compare(a.FromUS, b.FromUS), cmp.Compare(a.ToUS, b.ToUS)) })
	return known, spans, err
}

// propose looks for what may have to be covered in the cuts of a version, overlapping ones once.
func (s *Service) propose(ctx context.Context, a *attempt, tools Media, p plan.Plan, items []archive.Item) (found looked, err error) {
	o, err := s.openSources(ctx, tools, needed(p), items)
	if err != nil {
		return found, err
	}
	defer o.close()
	stretches := slices.Clone(p.Cuts)
	slices.SortFunc(stretches, func(a, b plan.Cut) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.FromUS, b.FromUS), cmp.Compare(a.ToUS, b.ToUS))
	})
	merged := stretches[:0]
	for _, c := range stretches {
		if n := len(merged); n > 0 && merged[n-1].Source == c.Source && c.FromUS <= merged[n-1].ToUS {
			merged[n-1].ToUS = max(merged[n-1].ToUS, c.ToUS)
			continue
		}
		merged = append(merged, c)
	}
	var total, done int64
	for _, c := range merged {
		total += c.ToUS - c.FromUS
	}
	var results []detect.Result
	masks := p.Index()
	for _, c := range merged {
		r, err := s.watch(ctx, tools, o.of[c.Source], o.probes[c.Source], c.FromUS, c.ToUS, func(us int64) {
			s.tick(ctx, a, float64(done+max(us-c.FromUS, 0))/float64(total))
		})
		if broken := o.problem(); broken != nil {
			return found, broken
		}
		if err != nil {
			return found, fmt.Errorf("source %d: %w", c.Source, err)
		}
		done += c.ToUS - c.FromUS
		results = append(results, r)
		found.frames += int64(len(r.Times))
		found.unjudged = append(found.unjudged, unjudged(c.Source, r.Unjudged)...)
		things := r.Tracks(items[c.Source].Duration.Microseconds())
		slices.SortStableFunc(things, func(a, b detect.Found) int { return cmp.Compare(b.Score, a.Score) })
		for i, t := range gap.Proposals(c.Source, things, func() string { return s.o.NewID(archive.PrefixTrack) }) {
			if len(found.proposals) == plan.MaxTracks {
				break
			}
			if covered(masks, p, t) {
				continue // taken before, or drawn by hand
			}
			body := t.Canonical()
			if _, err := plan.ParseTrack(body, len(items), true); err != nil {
				return found, fmt.Errorf("proposal %d: %w", i, err)
			}
			score := 0
			if i < len(things) {
				score = thousandths(things[i].Score)
			}
			found.proposals = append(found.proposals, store.PlanProposal{ID: s.o.NewID(archive.PrefixSuggestion), Body: body, Score: score})
		}
	}
	found.recipe = recipes(results)
	return found, nil
}

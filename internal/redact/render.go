package redact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/mask"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Rendering is what was made of an approved version.
type Rendering struct {
	Plan         string
	Version      int
	State        string // "asked", "done", "failed", "destroyed"
	AskedBy      string
	AskedAt      time.Time
	DoneAt       time.Time
	Progress     float64 // from 0 to 1, while it is under way
	BrokenOff    int     // attempts that came to nothing so far, while it is under way: each begins from nothing
	Reason       string  // code of why it failed; ReasonInterrupted while it begins, or waits to begin, once more
	Clip         string  // identifier of the stated clip
	Milliseconds int64
	Recipe, Tool string    // with versions
	Files        []File    // the clip from large to small, the poster, stills, the drawing
	Read         [][]Bytes // for each cut, of its original
}

// File is one file of a rendering, sealed in the vault.
type File struct {
	Name          string // clip-720.mp4, poster.jpg, still-1.jpg, drawing.png
	MediaType     string
	Width, Height int // of the picture
	Object        archive.ObjectRef
	Bytes         int64
	SHA256        [32]byte
}

// Bytes is a stretch of bytes of an original, [From, To).
type Bytes struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Names of the files of a rendering.
const (
	Poster  = "poster.jpg"
	Drawing = "drawing.png"
)

// ClipName is the name of the clip with so many lines.
func ClipName(height int) string { return "clip-" + strconv.Itoa(height) + ".mp4" }

// StillName is the name of the n-th still, from 1.
func StillName(n int) string { return "still-" + strconv.Itoa(n) + ".jpg" }

// seedDomain keeps the seed of the noise apart from every other digest.
const seedDomain = "zapis redaction seed v2\n"

// Seed is where the noise of a rendering comes from: SHA-256 of "zapis redaction seed v2", a line feed, the plan's salt, a line feed and the digest of the plan. The
// digest stands in the custody record, which others may be shown; the salt stands in the plan alone. So nobody who sees the clip and the record can compute the
// noise and take it away.
func Seed(p plan.Plan) [32]byte {
	d := p.Digest()
	return sha256.Sum256(append([]byte(seedDomain+p.Salt+"\n"), d[:]...))
}

// Render asks for the rendering of an approved version, 0 being the newest. It is done in the name of who asks. Rendered once, a version is not rendered
// again; a rendering that failed is asked for again.
func (s *Service) Render(ctx context.Context, who policy.Subject, id string, version int) (Rendering, error) {
	fail := func(err error) (Rendering, error) {
		return Rendering{}, fmt.Errorf("render plan: %w", conflict(err))
	}
	if s.o.Jobs == nil {
		return fail(refuse(CodeNoJobs, archive.ErrConflict, "nobody works on jobs here"))
	}
	var out Rendering
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		h, err := s.version(ctx, tx, who, policy.ApprovePlan, id, version)
		if err != nil {
			return err
		}
		if err := s.approved(ctx, tx, h.row); err != nil {
			return err
		}
		r, _, err := tx.AskPlanRender(ctx, store.PlanRender{Plan: id, Version: h.row.Version, AskedBy: who.Agent, AskedAt: s.now()})
		if err != nil {
			return err
		}
		if out, err = s.rendering(ctx, tx, r); err != nil || r.State != store.PlanAsked {
			return err
		}
		// Also if it was asked for before: its job may have been given up.
		return s.enqueue(ctx, tx, job.RenderPlan{Plan: id, Version: h.row.Version})
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// approved refuses a version that is not approved.
func (s *Service) approved(ctx context.Context, tx *store.Tx, v store.PlanVersion) error {
	list, err := tx.PlanDecisions(ctx, v.Plan)
	if err != nil {
		return err
	}
	var d Version
	d.Number = v.Version
	d.decide(list)
	if !d.Stands() {
		return refuse(CodeNotApproved, archive.ErrConflict, "version %d of plan %s is not approved", v.Version, v.Plan)
	}
	authors, err := tx.PlanAuthors(ctx, v.Plan, v.Version)
	if err != nil {
		return err
	}
	if len(authors) == 0 || slices.Contains(authors, d.Approved.Agent) {
		return fmt.Errorf("version %d of plan %s: %w: its author approved it", v.Version, v.Plan, archive.ErrIntegrity)
	}
	return nil
}

func (s *Service) rendering(ctx context.Context, tx *store.Tx, r store.PlanRender) (Rendering, error) {
	out := Rendering{
		Plan: r.Plan, Version: r.Version, State: r.State, AskedBy: r.AskedBy, AskedAt: r.AskedAt, DoneAt: r.DoneAt, Reason: r.Reason, Clip: r.Clip,
		Milliseconds: r.Milliseconds,
	}
	if r.Recipe != "" {
		out.Recipe, out.Tool = r.Recipe+"/"+strconv.Itoa(r.RecipeVersion), r.Tool+" "+r.ToolVersion
	}
	if len(r.Read) > 0 {
		if err := json.Unmarshal(r.Read, &out.Read); err != nil {
			return out, fmt.Errorf("rendering of plan %s: %w", r.Plan, archive.ErrIntegrity)
		}
	}
	files, err := tx.PlanRenditions(ctx, r.Plan, r.Version)
	for _, f := range files {
		out.Files = append(out.Files, file(f))
	}
	return out, err
}

func file(f store.PlanRendition) File {
	return File{Name: f.Name, MediaType: f.MediaType, Width: f.Width, Height: f.Height, Object: f.Object, Bytes: f.Size, SHA256: [32]byte(f.SHA256)}
}

// Rendered gives the rendering of a version, 0 being the newest; archive.ErrNotFound if nobody asked for one.
func (s *Service) Rendered(ctx context.Context, who policy.Subject, id string, version int) (Rendering, error) {
	var out Rendering
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		h, err := s.version(ctx, tx, who, policy.ViewPlan, id, version)
		if err != nil {
			return err
		}
		r, err := tx.PlanRender(ctx, id, h.row.Version)
		if err != nil {
			return err
		}
		out, err = s.rendering(ctx, tx, r)
		return err
	})
	if err != nil {
		return Rendering{}, fmt.Errorf("show rendering: %w", err)
	}
	if out.State == store.PlanAsked {
		out.Progress, out.BrokenOff, out.Reason = s.progress(ctx, id, job.RenderPlan{}.Kind())
	}
	return out, nil
}

// Open opens a file of a rendering. The caller closes the reader. Asks for policy.ViewPlan on every item.
func (s *Service) Open(ctx context.Context, who policy.Subject, id string, version int, name string) (*vault.Reader, File, error) {
	fail := func(err error) (*vault.Reader, File, error) {
		return nil, File{}, fmt.Errorf("open file of rendering: %w", err)
	}
	r, err := s.Rendered(ctx, who, id, version)
	if err != nil {
		return fail(err)
	}
	at := slices.IndexFunc(r.Files, func(f File) bool { return f.Name == name })
	if at < 0 || r.State != store.PlanDone {
		return fail(archive.ErrNotFound)
	}
	rd, err := s.o.Vault.Reader(ctx, vault.Ref(r.Files[at].Object))
	if err != nil {
		return fail(err)
	}
	return rd, r.Files[at], nil
}

// output is a file being sealed.
type output struct {
	row    store.PlanRendition
	object vault.Object
}

// made is what came of a rendering, sealed but in no catalogue.
type made struct {
	commits []vault.Commit
	files   []output
	out     media.Redacted
	painted map[int]bool // tracks, by their index in the plan
}

// RenderPlan works a job that renders an approved version: from the originals through the sandbox into the vault, then, in one transaction, the files'
// rows, the custody events, the statement of the clip and the end of the job. Results are as of GapCheck.
func (s *Service) RenderPlan(ctx context.Context, j job.Job[job.RenderPlan]) error {
	a := &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "render"}
	id, n := j.Args.Plan, j.Args.Version
	fail := func(err error) error { return fmt.Errorf("render plan %s version %d: %w", id, n, err) }
	if err := archive.CheckID(archive.PrefixPlan, id); err != nil {
		return fmt.Errorf("render plan: %w: %w", job.ErrCancel, err)
	}
	var row store.PlanVersion
	var asked store.PlanRender
	var items []archive.Item
	var p plan.Plan
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if asked, err = tx.PlanRender(ctx, id, n); err != nil || asked.State != store.PlanAsked {
			return err
		}
		if row, err = tx.PlanVersion(ctx, everything, id, n); err != nil {
			return err
		}
		if p, err = parse(row); err != nil {
			return err
		}
		if err = s.approved(ctx, tx, row); err != nil {
			return err
		}
		items, err = sourcesOf(ctx, tx, row)
		return err
	})
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
	case err == nil && asked.State != store.PlanAsked:
		return s.complete(ctx, a)
	case err == nil:
		err = s.renderAs(ctx, a, asked, row, p, items)
	}
	if err == nil {
		return nil
	}
	why := a.final(ctx, err)
	if why == "" {
		return fail(err)
	}
	s.o.Logger.WarnContext(ctx, "a plan was not rendered", slog.String("plan", id), slog.Int("version", n), slog.String("reason", why))
	asked.State, asked.Reason, asked.DoneAt = store.PlanFailed, why, s.now()
	if werr := s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.EndPlanRender(ctx, asked, nil) }); werr != nil && !errors.Is(werr, archive.ErrConflict) {
		return fail(errors.Join(err, werr))
	}
	return fail(fmt.Errorf("%w: %w", job.ErrCancel, err))
}

// renderAs renders in the name of who asked for it, as they are allowed to now.
func (s *Service) renderAs(ctx context.Context, a *attempt, asked store.PlanRender, row store.PlanVersion, p plan.Plan, items []archive.Item) error {
	if s.o.Clips == nil || s.o.Subject == nil {
		return fmt.Errorf("%w: redact lacks what it renders with", archive.ErrInvalid)
	}
	who, err := s.o.Subject(ctx, asked.AskedBy)
	if err != nil {
		return fmt.Errorf("find who asked: %w", err)
	}
	if err := s.o.DB.Read(ctx, func(tx *store.Tx) error { return allowed(ctx, tx, who, row) }); err != nil {
		return err
	}
	tools, err := s.tools()
	if err != nil {
		return err
	}
	m, err := s.make(ctx, a, tools, p, row, items)
	if err != nil {
		return err
	}
	// Hours may have gone by: what counts is what they may do when the clip is stated.
	if who, err = s.o.Subject(ctx, asked.AskedBy); err != nil {
		s.discard(ctx, m.commits, err)
		return fmt.Errorf("find who asked: %w", err)
	}
	read := make([][]Bytes, len(m.out.Read))
	for i, list := range m.out.Read {
		for _, x := range list {
			read[i] = append(read[i], Bytes{From: x.From, To: x.To})
		}
	}
	raw, err := json.Marshal(read)
	if err != nil {
		s.discard(ctx, m.commits, err)
		return err
	}
	c := StatedClip{
		Object: m.files[0].object, Milliseconds: m.out.Duration.Milliseconds(), Read: m.out.Read, Masks: p.Applying(m.painted),
		Reason: "redaction plan " + row.Plan + " version " + strconv.Itoa(row.Version), Recipe: media.RecipeRedact, Tool: m.out.Report.Tool,
	}
	for _, f := range m.files[1:] {
		c.Others = append(c.Others, f.object)
	}
	for _, cut := range p.Cuts {
		c.Cuts = append(c.Cuts, StatedCut{
			Item: items[cut.Source].ID, From: time.Duration(cut.FromUS) * time.Microsecond, To: time.Duration(cut.ToUS) * time.Microsecond,
		})
	}
	err = s.o.Clips.StateClip(ctx, who, c, func(tx *store.Tx, clip string) error {
		return s.keep(ctx, tx, a, who, asked, row, m, clip, raw)
	})
	if err != nil {
		s.discard(ctx, m.commits, err)
		if done, rerr := s.isRendered(ctx, row); rerr == nil && done {
			return nil // the answer was lost, or another attempt was faster
		}
		return err
	}
	return nil
}

// allowed refuses whoever may not have a version rendered.
func allowed(ctx context.Context, tx *store.Tx, who policy.Subject, row store.PlanVersion) error {
	_, err := may(ctx, tx, who, policy.ApprovePlan, row.Items)
	if errors.Is(err, archive.ErrNotFound) {
		err = fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// make renders and seals. What is sealed is committed to the vault and in no catalogue yet.
func (s *Service) make(ctx context.Context, a *attempt, tools Media, p plan.Plan, row store.PlanVersion, items []archive.Item) (m made, err error) {
	o, err := s.openSources(ctx, tools, needed(p), items)
	if err != nil {
		return m, err
	}
	defer o.close()
	painted := map[int]bool{}
	ro := painting(p, painted)
	ro.Beat = func(part float64) { s.tick(ctx, a, part) }
	for _, c := range p.Cuts {
		sound := media.SoundCut{Mode: media.SoundMute}
		if p.Sound.Mode == plan.Keep {
			sound.Mode = media.SoundKeep
			for _, x := range p.Sound.Spans {
				if x.Source == c.Source {
					sound.Spans = append(sound.Spans, media.SoundSpan{FromUS: x.FromUS, ToUS: x.ToUS, Do: x.Do})
				}
			}
		}
		ro.Sound = append(ro.Sound, sound)
	}
	cuts := o.cuts(p)
	for _, whole := range []bool{false, true} {
		ro.Whole = whole
		m, err = s.sealAll(ctx, tools, cuts, ro, p.Heights)
		if err == nil || !errors.Is(err, media.ErrNarrow) {
			break
		}
		s.o.Logger.InfoContext(ctx, "plan is rendered from whole originals", slog.String("plan", row.Plan))
	}
	if broken := o.problem(); broken != nil && ctx.Err() == nil {
		err = errors.Join(broken, err)
	}
	if err == nil && (len(m.out.Read) != len(cuts) || len(m.out.Outs) != len(p.Heights) || m.out.Duration <= 0) {
		err = fmt.Errorf("%w: the clip is not what was reported", media.ErrNoReport)
	}
	if err != nil {
		s.discard(ctx, m.commits, err)
		return made{}, err
	}
	m.painted = painted
	return m, nil
}

// painting is how the pictures of a plan are painted, by whoever shows them. The tracks that were painted in any of them are noted in painted, unless that is nil.
func painting(p plan.Plan, painted map[int]bool) media.RedactOptions {
	index := p.Index()
	var scratch []plan.Box
	return media.RedactOptions{Hide: p.Picture.Hide, Seed: Seed(p), Boxes: func(cut int, from, to, slack int64, into []mask.Box) []mask.Box {
		scratch = index.Over(p.Cuts[cut].Source, from, to, slack, scratch[:0])
		if painted != nil {
			for _, b := range scratch {
				painted[b.Track] = true
			}
		}
		return append(into, boxes(scratch)...)
	}}
}

// boxes says it in the words of the painter. What is not known is covered.
func boxes(list []plan.Box) []mask.Box {
	out := make([]mask.Box, len(list))
	for i, b := range list {
		kind, err := mask.ParseKind(string(b.Kind))
		if err != nil {
			kind = mask.Solid
		}
		out[i] = mask.Box{ID: b.Track, Kind: kind, Reveal: b.Reveal, X: b.X, Y: b.Y, W: b.W, H: b.H}
	}
	return out
}

// sealAll renders into one batch for each size, since they come side by side, and the pictures into another one.
func (s *Service) sealAll(ctx context.Context, tools Media, cuts []media.Cut, ro media.RedactOptions, heights []int) (m made, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	type result struct {
		object vault.Object
		err    error
	}
	var batches []*vault.Batch
	defer func() {
		if err == nil {
			return
		}
		for _, b := range batches {
			_ = b.Abort(context.WithoutCancel(ctx)) // what was committed already is in m.commits
		}
	}()
	results := make([]chan result, len(heights))
	writers := make([]*io.PipeWriter, len(heights))
	ro.Outs = nil
	for i, h := range heights {
		r, w := io.Pipe()
		b := s.o.Vault.Begin(ctx)
		batches, writers[i], results[i] = append(batches, b), w, make(chan result, 1)
		ro.Outs = append(ro.Outs, media.RedactOut{Height: h, Out: w})
		go func(done chan<- result) {
			o, err := b.Add(ctx, r, vault.AddOptions{})
			// If sealing failed the program must hear of it, or it would wait for ever.
			_ = r.CloseWithError(errors.Join(errors.New("sealing ended"), err))
			if err != nil && !errors.Is(err, vault.ErrSource) {
				stop(err)
			}
			done <- result{o, err}
		}(results[i])
	}
	m.out, err = tools.Redact(ctx, cuts, ro)
	for _, w := range writers {
		_ = w.CloseWithError(err) // nil is the end of the stream
	}
	var objects []vault.Object
	for i := range results {
		r := <-results[i]
		if r.err != nil && !(err != nil && errors.Is(r.err, vault.ErrSource)) {
			err = errors.Join(err, fmt.Errorf("seal %s: %w", ClipName(heights[i]), r.err))
		}
		objects = append(objects, r.object)
	}
	if err != nil {
		return m, err
	}
	if len(m.out.Outs) != len(heights) {
		return m, fmt.Errorf("%w: %d sizes of %d", media.ErrNoReport, len(m.out.Outs), len(heights))
	}
	for i, o := range objects {
		if o.Size == 0 || o.Size != m.out.Outs[i].Size {
			return m, fmt.Errorf("%w: size %d is not what was reported", media.ErrNoReport, i)
		}
		m.add(o, ClipName(heights[i]), "video/mp4", m.out.Outs[i].Width, m.out.Outs[i].Height)
	}
	pictures := s.o.Vault.Begin(ctx)
	batches = append(batches, pictures)
	w, h := m.out.Outs[0].Width, m.out.Outs[0].Height
	add := func(name, mediaType string, raw []byte) error {
		if len(raw) == 0 {
			return nil
		}
		o, err := pictures.Add(ctx, bytes.NewReader(raw), vault.AddOptions{ExpectSize: int64(len(raw))})
		if err != nil {
			return fmt.Errorf("seal %s: %w", name, err)
		}
		m.add(o, name, mediaType, w, h)
		return nil
	}
	if err := add(Poster, "image/jpeg", m.out.Poster); err != nil {
		return m, err
	}
	for i, still := range m.out.Stills {
		if err := add(StillName(i+1), "image/jpeg", still); err != nil {
			return m, err
		}
	}
	if err := add(Drawing, "image/png", m.out.Drawing); err != nil {
		return m, err
	}
	for _, b := range batches {
		if n, _ := b.Size(); n == 0 {
			_ = b.Abort(context.WithoutCancel(ctx))
			continue
		}
		c, err := b.Commit(ctx)
		if err != nil {
			return m, fmt.Errorf("commit rendering: %w", err)
		}
		m.commits = append(m.commits, c)
	}
	return m, nil
}

func (m *made) add(o vault.Object, name, mediaType string, w, h int) {
	m.files = append(m.files, output{object: o, row: store.PlanRendition{
		Name: name, Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, Size: o.Size, SHA256: slices.Clone(o.SHA256[:]), MediaType: mediaType, Width: w, Height: h,
	}})
}

// keep writes everything about a rendering within the transaction that states its clip.
func (s *Service) keep(ctx context.Context, tx *store.Tx, a *attempt, who policy.Subject, asked store.PlanRender, row store.PlanVersion, m made, clip string, read []byte) error {
	if err := lock(ctx, tx, row); err != nil {
		return err
	}
	if err := allowed(ctx, tx, who, row); err != nil {
		return err
	}
	if err := s.approved(ctx, tx, row); err != nil {
		return err
	}
	for _, c := range m.commits {
		if err := tx.AddCommit(ctx, c, store.ObjectClip); err != nil {
			return err
		}
	}
	r := asked
	r.State, r.DoneAt, r.Reason, r.Clip, r.Milliseconds, r.Read = store.PlanDone, s.now(), "", clip, m.out.Duration.Milliseconds(), read
	r.Recipe, r.RecipeVersion, r.Tool, r.ToolVersion = media.RecipeRedact.Name, media.RecipeRedact.Version, m.out.Report.Tool.Name, m.out.Report.Tool.Version
	rows := make([]store.PlanRendition, len(m.files))
	for i, f := range m.files {
		rows[i] = f.row
	}
	if err := tx.EndPlanRender(ctx, r, rows); err != nil {
		return err
	}
	if err := s.o.Jobs.CompleteTx(ctx, tx, a.ref); err != nil {
		return err
	}
	// The clip itself is stated beside this, with an event of its own; every other file has one here.
	events := []archive.Event{event(archive.EventDescription, asked.AskedBy, whatRendered, row, map[string]string{
		"clip": clip, "files": strconv.Itoa(len(rows)), "recipe": r.Recipe, "recipe_version": strconv.Itoa(r.RecipeVersion), "derive_tool": r.Tool,
		"derive_tool_version": r.ToolVersion,
	})}
	for _, f := range m.files[1:] {
		e := archive.Event{Type: archive.EventDerivation, Agent: asked.AskedBy, Outcome: archive.Success, Detail: map[string]string{
			"plan": row.Plan, "version": strconv.Itoa(row.Version), "clip": clip, "object": f.object.ID, "envelope": f.object.Envelope,
			"size": strconv.FormatInt(f.object.Size, 10), "sha256": hex.EncodeToString(f.object.SHA256[:]), "recipe": r.Recipe, "recipe_version": strconv.Itoa(r.RecipeVersion),
		}}
		for _, item := range row.Items[:min(len(row.Items), itemsNamed)] {
			e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleSource, Kind: custody.KindItem, ID: item})
		}
		e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleOutcome, Kind: custody.KindObject, ID: f.object.ID})
		events = append(events, e)
	}
	_, err := s.o.Custody.Record(ctx, tx, events...)
	return err
}

func (s *Service) isRendered(ctx context.Context, row store.PlanVersion) (done bool, err error) {
	err = s.o.DB.Read(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		r, err := tx.PlanRender(ctx, row.Plan, row.Version)
		done = err == nil && r.State == store.PlanDone
		return err
	})
	return done, err
}

// discard takes sealed bytes away that the catalogue will never name; where that is not certain they stay, and fsck names them.
func (s *Service) discard(ctx context.Context, commits []vault.Commit, cause error) {
	if len(commits) == 0 || errors.Is(cause, store.ErrUnknownOutcome) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Envelope(ctx, commits[0].Envelope)
		return err
	})
	if !errors.Is(err, archive.ErrNotFound) {
		return
	}
	for _, c := range commits {
		if err := s.o.Vault.Discard(ctx, c); err != nil {
			s.o.Logger.WarnContext(ctx, "sealed bytes without an owner stay in the vault", slog.String("envelope", c.Envelope), slog.Any("error", err))
		}
	}
}

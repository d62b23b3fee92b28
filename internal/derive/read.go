package derive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// readPass reads the writing in a picture, on the pages of a paper, or in the stills of footage. What it finds is text beside the item, marked
// as made by a machine.
var readPass = pass{name: "read", beside: true}

// readLanguages are the languages in which writing is looked for, where tesseract has them.
var readLanguages = []string{"rus", "ukr", "eng"}

// How sure tesseract must be, of 100, and how much of a line must be writing. Pictures of the world are full of shapes that look like letters, so
// that more is asked of stills.
const (
	leastScore      = 30
	leastStillScore = 65
	leastLetters    = 2
	leastStill      = 3
	maxReadLines    = 100_000
	maxReadStill    = 8 << 20
)

// Read works a job that reads writing. Results are as of Quick; that nothing is written there is a result, too.
func (s *Service) Read(ctx context.Context, j job.Job[job.Read]) error {
	return s.beside(ctx, readPass, j.Args.Item, &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "read"}, s.readText)
}

// ReadSettings gives the languages that are looked for, of those that are installed, as tracks of text say them.
func ReadSettings(installed []string) string {
	var out []string
	for _, l := range readLanguages {
		if slices.Contains(installed, l) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "+")
}

func (s *Service) readText(ctx context.Context, a *attempt, t *task) (commit, error) {
	languages := ReadSettings(s.o.Media.Languages())
	if !s.o.Media.CanRead() || languages == "" {
		return nil, fmt.Errorf("%w: no program that reads: %w", job.ErrCancel, media.ErrNoTool)
	}
	done, err := s.textStands(ctx, t.item.ID, archive.TextRead, media.RecipeRead, languages)
	if err != nil {
		return nil, err
	}
	if done {
		return func() error { return s.finish(ctx, a, readPass, t.item.ID) }, nil
	}
	v, err := s.look(ctx, t)
	if err != nil {
		return nil, err
	}
	if v.probe.Reason != "" {
		return nil, reasonError(v.probe.Reason)
	}
	var spans []archive.TextSpan
	var tool media.Tool
	add := func(p media.Page, at time.Duration, score, letters int) error {
		for _, g := range readLines(p, score, letters) {
			if len(spans) == maxReadLines {
				return fmt.Errorf("%w: more than %d lines", media.ErrTooLarge, maxReadLines)
			}
			g.ID, g.Item, g.From, g.To, g.Page = s.o.NewID(archive.PrefixTextSpan), t.item.ID, at, at, p.Number
			spans = append(spans, g)
		}
		return nil
	}
	left := 0
	switch {
	case v.probe.Kind == archive.KindImage:
		p, rep, err := s.o.Media.ReadPicture(ctx, t.source, v.probe, languages)
		if err != nil {
			return nil, err
		}
		tool = rep.Tool
		if err := add(p, 0, leastScore, leastLetters); err != nil {
			return nil, err
		}
	case v.probe.Kind == archive.KindDocument && v.probe.Format == "pdf":
		var rep media.Report
		left, rep, err = s.o.Media.ReadPages(ctx, t.source, v.probe, languages, func(p media.Page) error {
			if v.probe.Pages > 0 {
				s.progress(ctx, a, float64(p.Number)/float64(v.probe.Pages))
			}
			return add(p, 0, leastScore, leastLetters)
		})
		if err != nil {
			return nil, err
		}
		tool = rep.Tool
	case v.probe.Kind == archive.KindVideo:
		if tool, err = s.readStills(ctx, a, t.item.ID, languages, add); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: kind %s", media.ErrNotMedia, v.probe.Kind)
	}
	track := archive.TextTrack{
		ID: s.o.NewID(archive.PrefixTextTrack), Item: t.item.ID, Kind: archive.TextRead, Origin: archive.TextByMachine, State: archive.TextWaiting, Author: s.o.Agent,
		Recipe: media.RecipeRead.Name, RecipeVersion: media.RecipeRead.Version, Tool: toolText(tool), Settings: languages, CreatedAt: s.o.Now().UTC(),
	}
	return func() error {
		return s.keepText(ctx, a, readPass, t, track, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.AddTextTrack(ctx, track); err != nil {
				return err
			}
			if err := tx.AddTextSpans(ctx, track.ID, spans...); err != nil {
				return err
			}
			return tx.FinishTextTrack(ctx, track.ID, "", track.Tool)
		}, map[string]string{"lines": strconv.Itoa(len(spans)), "pages_left_out": strconv.Itoa(left)})
	}, nil
}

// readStills reads the stills that the quick pass made of footage.
func (s *Service) readStills(ctx context.Context, a *attempt, item, languages string, add func(media.Page, time.Duration, int, int) error) (tool media.Tool, err error) {
	var stills []archive.Derivative
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		standing, err := tx.Derivatives(ctx, item)
		stills = stills[:0]
		for _, d := range standing {
			if d.Kind == archive.DerivativeStill {
				stills = append(stills, d)
			}
		}
		return err
	})
	if err != nil {
		return tool, fmt.Errorf("find stills: %w", err)
	}
	if len(stills) == 0 {
		return tool, fmt.Errorf("%w: footage without stills", media.ErrNotMedia)
	}
	slices.SortFunc(stills, func(a, b archive.Derivative) int { return a.Ordinal - b.Ordinal })
	for i, d := range stills {
		r, err := s.o.Vault.Reader(ctx, vault.Ref(d.Object))
		if err != nil {
			return tool, fmt.Errorf("open still %s: %w", d.ID, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, maxReadStill))
		err = errors.Join(err, r.Close())
		if err != nil {
			return tool, fmt.Errorf("read still %s: %w", d.ID, err)
		}
		p, rep, err := s.o.Media.ReadStill(ctx, b, languages)
		if err != nil {
			return tool, err
		}
		tool = rep.Tool
		if err := add(p, stillAt(d), leastStillScore, leastStill); err != nil {
			return tool, err
		}
		s.progress(ctx, a, float64(i+1)/float64(len(stills)))
	}
	return tool, nil
}

// textStands says whether a machine's text by a recipe and these settings is there already.
func (s *Service) textStands(ctx context.Context, item, kind string, r media.Recipe, settings string) (done bool, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		t, err := tx.MachineTrack(ctx, item, kind, r.Name, r.Version, settings)
		if errors.Is(err, archive.ErrNotFound) {
			return nil
		}
		done = t.State == archive.TextDone
		return err
	})
	if err != nil {
		return false, fmt.Errorf("find text: %w", err)
	}
	return done, nil
}

// keepText commits text, its event and the end of the job as one.
func (s *Service) keepText(ctx context.Context, a *attempt, p pass, t *task, track archive.TextTrack, put func(context.Context, *store.Tx) error, detail map[string]string) error {
	err := s.write(ctx, func(tx *store.Tx) error {
		if err := lockItem(ctx, tx, t.item.ID); err != nil {
			return err
		}
		if _, err := s.check(ctx, tx, p, t.item.ID); err != nil {
			return err
		}
		if err := put(ctx, tx); err != nil {
			return err
		}
		if err := s.o.Jobs.CompleteTx(ctx, tx, a.ref); err != nil {
			return err
		}
		e := archive.Event{
			Type: archive.EventAnalysis, Agent: s.o.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{
				{Role: custody.RoleSource, Kind: custody.KindItem, ID: t.item.ID}, {Role: custody.RoleOutcome, Kind: custody.KindTextTrack, ID: track.ID},
			},
			Detail: map[string]string{
				"item": t.item.ID, "pass": p.name, "kind": track.Kind, "recipe": track.Recipe, "recipe_version": strconv.Itoa(track.RecipeVersion), "derive_tool": track.Tool,
			},
		}
		for k, v := range detail {
			e.Detail[k] = v
		}
		_, err := s.o.Custody.Record(ctx, tx, e)
		return err
	})
	switch {
	case errors.Is(err, errRefused), errors.Is(err, archive.ErrNotFound):
		return fmt.Errorf("%s pass of %s: %w: %w", p.name, t.item.ID, job.ErrCancel, err)
	case err != nil:
		// Also after an unknown outcome, or when another worker was faster: doing it again finds the text standing.
		return fmt.Errorf("%s pass of %s: %w", p.name, t.item.ID, err)
	}
	return nil
}

// readLines puts words into lines, and leaves out what hardly is writing.
func readLines(p media.Page, least, letters int) (out []archive.TextSpan) {
	var line []media.Word
	flush := func() {
		if len(line) == 0 {
			return
		}
		texts := make([]string, len(line))
		sum, signs := 0, 0
		for i, w := range line {
			texts[i] = w.Text
			sum += w.Score
			for _, r := range w.Text {
				if unicode.IsLetter(r) || unicode.IsDigit(r) {
					signs++
				}
			}
		}
		if signs >= letters {
			out = append(out, archive.TextSpan{Kind: archive.TextRead, Text: strings.Join(texts, " "), Score: 10 * sum / len(line), Region: p.Region(line...)})
		}
		line = line[:0]
	}
	last := 0
	for _, w := range p.Words {
		if w.Line != last {
			flush()
			last = w.Line
		}
		if w.Score >= least {
			line = append(line, w)
		}
	}
	flush()
	return out
}

// stillAt gives when in a recording a still was taken.
func stillAt(d archive.Derivative) time.Duration {
	var m media.Still
	if json.Unmarshal(d.Meta, &m) != nil || m.At < 0 || m.At > 1e7 {
		return 0
	}
	return time.Duration(m.At * float64(time.Second)).Truncate(time.Microsecond)
}

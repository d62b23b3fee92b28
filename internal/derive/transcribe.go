package derive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/speech"
	"zapis/internal/store"
)

// transcribePass has a speech engine say what is said in a recording. What it says is text beside the item, marked as made by a machine.
var transcribePass = pass{name: "transcribe", beside: true}

// Codes of why a transcript waits; they stand in TextTrack.Reason.
const (
	WaitsForEngine = "engine-away"    // it is not there, or too busy
	EngineRefuses  = "engine-refuses" // it does not take what it is sent
	EngineOutside  = "engine-outside" // it is neither on this machine nor on a private network
)

// How long a job waits for an engine that is away.
const engineWait = 2 * time.Minute

// Transcribe works a job that has an engine listen. Results are as of Quick, and *job.Later while the engine is away. What was heard is kept piece by
// piece; another attempt goes on behind the last one.
func (s *Service) Transcribe(ctx context.Context, j job.Job[job.Transcribe]) error {
	if s.o.Speech == nil {
		return fmt.Errorf("transcribe pass of %s: %w: no speech engine is configured", j.Args.Item, job.ErrCancel)
	}
	return s.beside(ctx, transcribePass, j.Args.Item, &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "transcribe"}, s.listen)
}

func (s *Service) listen(ctx context.Context, a *attempt, t *task) (commit, error) {
	v, err := s.look(ctx, t)
	if err != nil {
		return nil, err
	}
	if v.probe.Reason != "" {
		return nil, reasonError(v.probe.Reason)
	}
	done := func() error { return s.finish(ctx, a, transcribePass, t.item.ID) }
	if _, ok := v.probe.Audio(); !ok {
		return done, nil // nothing can be said in it
	}
	track, next, err := s.transcript(ctx, t.item.ID)
	if err != nil {
		return nil, err
	}
	if track.State == archive.TextDone {
		return done, nil
	}
	// An engine that is away is noticed before anything is decoded for it.
	if err := s.o.Speech.Reach(ctx); err != nil {
		return nil, s.unheard(ctx, track, err)
	}
	votes := map[string]int{}
	var tool media.Tool
	for end := false; !end; {
		var samples []int16
		var rep media.Report
		samples, end, rep, err = s.o.Media.Sound(ctx, t.source, v.probe, next, media.MaxSound, nil)
		if err != nil {
			return nil, err
		}
		tool = rep.Tool
		if t.source.problem() != nil {
			return nil, errUnread
		}
		for len(samples) > 0 && (end || len(samples) >= ahead) {
			p := cut(samples, end)
			lang, err := s.hear(ctx, t, &track, next, samples, p)
			if err != nil {
				return nil, s.unheard(ctx, track, err)
			}
			votes[lang] += p.to - p.from
			next += int64(p.next)
			samples = samples[p.next:]
			if v.probe.Duration > 0 {
				s.progress(ctx, a, sampleTime(next).Seconds()/v.probe.Duration)
			}
		}
	}
	lang, most := s.o.Speech.Language(), 0
	for l, n := range votes {
		if s.o.Speech.Language() == "" && l != "" && n > most {
			lang, most = l, n
		}
	}
	track.Tool = "speech engine, " + toolText(tool)
	return func() error {
		return s.keepText(ctx, a, transcribePass, t, track, func(ctx context.Context, tx *store.Tx) error {
			return tx.FinishTextTrack(ctx, track.ID, lang, track.Tool)
		}, map[string]string{"sentences": strconv.Itoa(track.Spans), "pieces": strconv.Itoa(track.Pieces)})
	}, nil
}

// transcript finds the track of this engine with these settings, or begins it, and gives the sample at which it goes on.
func (s *Service) transcript(ctx context.Context, item string) (track archive.TextTrack, next int64, err error) {
	settings := s.o.Speech.Settings()
	err = s.write(ctx, func(tx *store.Tx) error {
		next = 0
		if err := lockItem(ctx, tx, item); err != nil {
			return err
		}
		if _, err := s.check(ctx, tx, transcribePass, item); err != nil {
			return err
		}
		track, err = tx.MachineTrack(ctx, item, archive.TextTranscript, media.RecipeSpeech.Name, media.RecipeSpeech.Version, settings)
		if err == nil {
			pieces, err := tx.TextPieces(ctx, track.ID)
			if n := len(pieces); n > 0 {
				next = timeSample(pieces[n-1].To)
			}
			return err
		}
		if !errors.Is(err, archive.ErrNotFound) {
			return err
		}
		track = archive.TextTrack{
			ID: s.o.NewID(archive.PrefixTextTrack), Item: item, Kind: archive.TextTranscript, Origin: archive.TextByMachine, State: archive.TextWaiting,
			Author: s.o.Agent, Recipe: media.RecipeSpeech.Name, RecipeVersion: media.RecipeSpeech.Version, Tool: "speech engine", Settings: settings, CreatedAt: s.o.Now().UTC(),
		}
		return tx.AddTextTrack(ctx, track)
	})
	if errors.Is(err, errRefused) {
		err = fmt.Errorf("%w: %w", job.ErrCancel, err)
	}
	if err != nil {
		return track, 0, fmt.Errorf("begin transcript: %w", err)
	}
	return track, next, nil
}

// hear sends one piece and keeps what the engine says of it, with its times in the recording.
func (s *Service) hear(ctx context.Context, t *task, track *archive.TextTrack, first int64, samples []int16, p piece) (lang string, err error) {
	var answer speech.Answer
	if p.to > p.from {
		if answer, err = s.o.Speech.Transcribe(ctx, samples[p.from:p.to]); err != nil {
			return "", err
		}
	}
	if lang = answer.Language; lang == "" {
		lang = s.o.Speech.Language()
	}
	began := sampleTime(first + int64(p.from))
	spans := make([]archive.TextSpan, 0, len(answer.Heard))
	for _, h := range answer.Heard {
		spans = append(spans, archive.TextSpan{
			ID: s.o.NewID(archive.PrefixTextSpan), Item: t.item.ID, From: began + h.From, To: began + h.To, Lang: lang, Text: h.Text, Score: h.Score,
		})
	}
	err = s.write(ctx, func(tx *store.Tx) error {
		if err := lockItem(ctx, tx, t.item.ID); err != nil {
			return err
		}
		if _, err := s.check(ctx, tx, transcribePass, t.item.ID); err != nil {
			return err
		}
		// The piece first: if another worker was here before, nothing is said twice.
		if err := tx.AddTextPiece(ctx, archive.TextPiece{Track: track.ID, Ordinal: track.Pieces, From: sampleTime(first), To: sampleTime(first + int64(p.next)), Spans: len(spans)}); err != nil {
			return err
		}
		return tx.AddTextSpans(ctx, track.ID, spans...)
	})
	if errors.Is(err, errRefused) {
		err = fmt.Errorf("%w: %w", job.ErrCancel, err)
	}
	if err != nil {
		return "", fmt.Errorf("keep piece %d: %w", track.Pieces, err)
	}
	track.Pieces++
	track.Spans += len(spans)
	return lang, nil
}

// unheard says with the transcript why it does not go on, and what becomes of the job.
func (s *Service) unheard(ctx context.Context, track archive.TextTrack, err error) error {
	reason, out := "", err
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, speech.ErrAway):
		reason, out = WaitsForEngine, &job.Later{Wait: engineWait, Err: err}
	case errors.Is(err, speech.ErrOutside):
		reason, out = EngineOutside, fmt.Errorf("%w: %w", job.ErrCancel, err)
	case errors.Is(err, speech.ErrRefused), errors.Is(err, speech.ErrAnswer):
		reason = EngineRefuses
	default:
		return err
	}
	if werr := s.write(ctx, func(tx *store.Tx) error { return tx.WaitTextTrack(ctx, track.ID, reason) }); werr != nil {
		return errors.Join(out, werr)
	}
	return out
}

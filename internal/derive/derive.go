package derive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/speech"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
)

// Media is what the passes need of package media; *media.Tools has it.
type Media interface {
	Probe(ctx context.Context, src media.Source) (media.Probe, error)
	Quick(ctx context.Context, src media.Source, p media.Probe, o media.QuickOptions) (media.Quick, error)
	Full(ctx context.Context, src media.Source, p media.Probe, o media.FullOptions) (media.Full, error)
	Image(ctx context.Context, src media.Source, p media.Probe) (media.Image, error)
	Audio(ctx context.Context, src media.Source, p media.Probe, o media.AudioOptions) (media.Audio, error)
	PDF(ctx context.Context, src media.Source, p media.Probe) (media.PDF, error)
	Frames(ctx context.Context, src media.Source, p media.Probe) (media.Frames, media.Report, error)
	Clock(ctx context.Context, src media.Source, p media.Probe, o media.ClockOptions) (media.Clock, error)
	Fingerprint(ctx context.Context, src media.Source, p media.Probe, w io.Writer, beat func(seconds float64)) ([]fingerprint.Run, media.Report, error)
	CanRead() bool // writing: otherwise nobody is asked to read clocks
	Languages() []string
	ReadPicture(ctx context.Context, src media.Source, p media.Probe, languages string) (media.Page, media.Report, error)
	ReadPages(ctx context.Context, src media.Source, p media.Probe, languages string, each func(media.Page) error) (left int, rep media.Report, err error)
	ReadStill(ctx context.Context, still []byte, languages string) (media.Page, media.Report, error)
	Sound(ctx context.Context, src media.Source, p media.Probe, first, most int64, beat func(seconds float64)) (samples []int16, end bool, rep media.Report, err error)
}

// Speech is an engine that says what is said; *speech.Client is one.
type Speech interface {
	Transcribe(ctx context.Context, samples []int16) (speech.Answer, error)
	Reach(ctx context.Context) error // whether it is there
	Settings() string                // form, model and language, for the text that comes of it
	Language() string                // that was set; empty: the engine finds out
}

// Catalogue is the database; *store.DB is one.
type Catalogue interface {
	Read(ctx context.Context, f func(*store.Tx) error) error
	Write(ctx context.Context, f func(*store.Tx) error) error
}

// Queue is what the passes need of the jobs; *job.Jobs has it.
type Queue interface {
	EnqueueTx(ctx context.Context, tx *store.Tx, a job.Args, o job.Opts) error
	CompleteTx(ctx context.Context, tx *store.Tx, j interface{ Ref() int64 }) error
	Progress(ctx context.Context, j interface{ Ref() int64 }, step string, done, total int64)
}

// Options of a Service. All but Speech, Logger, Now and NewID are needed.
type Options struct {
	DB      Catalogue
	Vault   *vault.Vault
	Record  *record.Sealer // opens where a file came from, for its name's extension and its times
	Custody *custody.Recorder
	Jobs    Queue
	Media   Media
	Speech  Speech // nil: nobody is asked what is said
	Agent   string // identifier of the software agent in whose name it is done
	Logger  *slog.Logger
	Now     func() time.Time
	NewID   func(prefix string) string
}

// Service makes working copies. It is safe for concurrent use.
type Service struct{ o Options }

// New makes a service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Record == nil || o.Custody == nil || o.Jobs == nil || o.Media == nil || o.Agent == "" {
		return nil, fmt.Errorf("%w: derive lacks something it works with", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = archive.NewID
	}
	return &Service{o: o}, nil
}

// Register makes the queue work quick and full jobs with s. Call it before the queue is started.
func (s *Service) Register(j *job.Jobs) {
	job.Register(j, s.Quick)
	job.Register(j, s.Full)
	job.Register(j, s.Frames)
	job.Register(j, s.Clock)
	job.Register(j, s.Fingerprint)
	job.Register(j, s.Read)
	job.Register(j, s.Transcribe)
}

// Codes of why nothing, or not everything, could be derived of an item; they stand in Item.Reason and are put into plain
// words by the pages.
const (
	ReasonNotMedia   = "not-media"         // nothing in it that can be shown or played
	ReasonNoDecoder  = "no-decoder"        // the programs do not know the format or the codec
	ReasonDamaged    = "damaged"           // too damaged to give anything
	ReasonEncrypted  = "encrypted"         // the material itself is encrypted
	ReasonTooLarge   = "too-large"         // beyond the caps on memory, frames or pixels
	ReasonTimedOut   = "timed-out"         // beyond the cap on time
	ReasonRefused    = "refused-container" // a list that names other files: never opened
	ReasonSealBroken = "seal-broken"       // with state quarantined: the sealed bytes do not open as they were sealed
)

// Reasons lists every code, for the pages' catalogues of words.
func Reasons() []string {
	return []string{ReasonNotMedia, ReasonNoDecoder, ReasonDamaged, ReasonEncrypted, ReasonTooLarge, ReasonTimedOut, ReasonRefused, ReasonSealBroken}
}

// patience is how many attempts a decoder that ends without a report is given before the item is explained as damaged:
// the first may have been killed by something that has nothing to do with the file.
const patience = 3

// everything sees all items; what a machine may work on is decided by their state.
var everything = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}

// attempt is one job being worked.
type attempt struct {
	ref   interface{ Ref() int64 }
	n     int // from 1
	limit int
	step  string
}

func (s *Service) progress(ctx context.Context, a *attempt, part float64) {
	s.o.Jobs.Progress(ctx, a.ref, a.step, int64(1000*min(max(part, 0), 1)), 1000)
}

// Quick works a quick job: what the file is, its stills and storyboard, or the whole of a picture or a paper. It then asks
// for the full pass where there is something left for it.
//
// It returns nil when the job is done, also when the item is now explained; an error wrapping job.ErrCancel when trying
// again is pointless; any other error when trying again may help.
func (s *Service) Quick(ctx context.Context, j job.Job[job.Quick]) error {
	return s.work(ctx, quickPass, j.Args.Item, &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "quick"})
}

// Full works a full job: the proxy and the lanes, from one decode of the whole file. Results are as of Quick.
func (s *Service) Full(ctx context.Context, j job.Job[job.Full]) error {
	return s.work(ctx, fullPass, j.Args.Item, &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "full"})
}

// work leads one attempt from the item to the committed result.
func (s *Service) work(ctx context.Context, p pass, item string, a *attempt) error {
	if err := archive.CheckID(archive.PrefixItem, item); err != nil {
		return fmt.Errorf("%s pass: %w: %w", p.name, job.ErrCancel, err)
	}
	logger := s.o.Logger.With(slog.String("item", item), slog.String("pass", p.name))
	t, err := s.open(ctx, p, item)
	switch {
	case errors.Is(err, errDone):
		logger.DebugContext(ctx, "derivatives stand already")
		return s.finish(ctx, a, p, item)
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, errRefused):
		return fmt.Errorf("%s pass of %s: %w: %w", p.name, item, job.ErrCancel, err)
	case errors.Is(err, archive.ErrIntegrity):
		return s.quarantine(ctx, a, t, item, err)
	case err != nil:
		return fmt.Errorf("%s pass of %s: %w", p.name, item, err)
	}
	defer t.close(ctx)

	made, err := p.make(s, ctx, a, t)
	if broken := t.source.problem(); broken != nil {
		// Whatever the programs made of bytes that did not arrive says nothing about the material.
		t.abandon(ctx)
		if errors.Is(broken, archive.ErrIntegrity) {
			return s.quarantine(ctx, a, t, item, broken)
		}
		return fmt.Errorf("%s pass of %s: read the original: %w", p.name, item, broken)
	}
	if err != nil {
		t.abandon(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("%s pass of %s: %w", p.name, item, context.Cause(ctx))
		}
		reason := media.Reason(err)
		if reason == "" && errors.Is(err, media.ErrNoReport) && a.n >= min(patience, max(a.limit, 1)) {
			reason = ReasonDamaged
		}
		if reason == "" {
			return fmt.Errorf("%s pass of %s: %w", p.name, item, err)
		}
		logger.InfoContext(ctx, "nothing derived", slog.String("reason", reason))
		if p.beside {
			return s.passOver(ctx, a, p, t, reason)
		}
		return s.explain(ctx, a, p, t, reason)
	}
	return s.keep(ctx, a, p, t, made)
}

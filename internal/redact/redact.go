package redact

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/mask"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Database is the catalogue; *store.DB is one.
type Database interface {
	Read(ctx context.Context, f func(*store.Tx) error) error
	Write(ctx context.Context, f func(*store.Tx) error) error
}

// Queue is what is needed of the jobs; *job.Jobs has it.
type Queue interface {
	EnqueueTx(ctx context.Context, tx *store.Tx, a job.Args, o job.Opts) error
	CompleteTx(ctx context.Context, tx *store.Tx, j interface{ Ref() int64 }) error
	Progress(ctx context.Context, j interface{ Ref() int64 }, step string, done, total int64)
	List(ctx context.Context, f job.Filter) ([]job.Info, error)
}

// Media is what is needed of package media; *media.Tools has it.
type Media interface {
	Probe(ctx context.Context, src media.Source) (media.Probe, error)
	RawFrames(ctx context.Context, cut media.Cut, o media.RawOptions, each func(n int, us int64, p *mask.Picture) error) (media.Report, []media.Range, error)
	Redact(ctx context.Context, cuts []media.Cut, o media.RedactOptions) (media.Redacted, error)
}

// Clips states clips in the transparency log.
type Clips interface {
	// StateClip states a clip, in one transaction with what in writes; in has to record the clip's object. It may run more than once.
	StateClip(ctx context.Context, who policy.Subject, c StatedClip, in func(tx *store.Tx, clip string) error) error
}

// StatedClip is a clip to be stated.
type StatedClip struct {
	Object       vault.Object
	Others       []vault.Object // of the same rendering: smaller sizes and stills
	Milliseconds int64
	Cuts         []StatedCut
	Read         [][]media.Range // of each cut
	Masks        [][32]byte      // digests of the tracks that apply
	Scope        string          // empty: the fitting one
	Reason       string
	Recipe       media.Recipe
	Tool         media.Tool
}

// StatedCut is a stretch of an item.
type StatedCut struct {
	Item     string
	From, To time.Duration
}

// Options of New. DB, Vault and Custody are needed.
type Options struct {
	DB      Database
	Vault   *vault.Vault
	Custody *custody.Recorder
	Jobs    Queue // nil: nothing can be asked of machines
	// Media finds the outside programs when they are first needed.
	Media func() (Media, error)
	Clips Clips // needed to render
	// Subject gives what an agent may do now: a rendering is done in the name of who asked for it. Needed to render.
	Subject func(ctx context.Context, agent string) (policy.Subject, error)
	Agent   string // the software agent, of checks and proposals
	Logger  *slog.Logger
	Now     func() time.Time
	NewID   func(prefix string) string
	Rand    io.Reader
	// Detectors gives those that look at one stretch; nil: those of package detect.
	Detectors func() []detect.Detector
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	o        Options
	previews chan struct{} // one for each that is being made
	patience time.Duration // for a frame of an original

	mu    sync.Mutex
	shown map[string]time.Time // until when it is noted that somebody is shown an item of a version
	slow  map[string]int64     // items of which frames take too long, from which moment on, µs
}

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Custody == nil {
		return nil, fmt.Errorf("%w: redact lacks something it works with", archive.ErrInvalid)
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
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Service{o: o, shown: map[string]time.Time{}, previews: make(chan struct{}, previewsAtOnce), patience: previewTime, slow: map[string]int64{}}, nil
}

// Register makes the queue work what machines do for plans with s. Call it before the queue is started.
func (s *Service) Register(j *job.Jobs) {
	job.Register(j, s.Detect)
	job.Register(j, s.GapCheck)
	job.Register(j, s.RenderPlan)
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Codes of refusals: the public texts of the errors, for the pages' catalogues of words.
const (
	CodeOwn         = "plan-own"          // who wrote a part of it may not approve it, nor be its second person
	CodeNotNewest   = "plan-not-newest"   // there is a newer version
	CodeDecided     = "plan-decided"      // it was approved or sent back already
	CodeNotChecked  = "plan-not-checked"  // the gap check of this version is not done
	CodeOpen        = "plan-open"         // blockers are open
	CodeNotLooked   = "plan-not-looked"   // who approves has not stepped through it
	CodeNotApproved = "plan-not-approved" // only approved versions are rendered
	CodeConflict    = "plan-conflict"     // somebody else saved in the meantime
	CodeErased      = "plan-erased"       // an item of it was erased
	CodeNoReason    = "plan-no-reason"    // a reason is asked for
	CodeTooLong     = "plan-too-long"     // a text is too long
	CodeNoTitle     = "plan-no-title"
	CodeInvalid     = "plan-invalid" // see plan.Invalid
	CodeNoVideo     = "plan-no-video"
	CodeNoJobs      = "plan-no-jobs" // nobody works on jobs here
)

// Codes lists them.
func Codes() []string {
	return []string{CodeOwn, CodeNotNewest, CodeDecided, CodeNotChecked, CodeOpen, CodeNotLooked, CodeNotApproved, CodeConflict, CodeErased, CodeNoReason, CodeTooLong,
		CodeNoTitle, CodeInvalid, CodeNoVideo, CodeNoJobs}
}

// refuse is an error whose public text is a code.
func refuse(code string, kind error, format string, a ...any) error {
	return archive.Explain(fmt.Errorf("%w: "+format, append([]any{kind}, a...)...), code, "")
}

// Bounds of texts.
const (
	MaxTitle = 200   // characters
	MaxText  = 2_000 // of a note or a reason
)

func clean(text string, most int) (string, error) {
	text = strings.TrimSpace(norm.NFC.String(text))
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
		return "", refuse(CodeInvalid, archive.ErrInvalid, "a text with control characters")
	}
	if utf8.RuneCountInString(text) > most {
		return "", refuse(CodeTooLong, archive.ErrInvalid, "a text of more than %d characters", most)
	}
	return text, nil
}

func reason(text string) (string, error) {
	text, err := clean(text, MaxText)
	if err == nil && text == "" {
		err = refuse(CodeNoReason, archive.ErrInvalid, "a reason is asked for")
	}
	return text, err
}

// may asks policy about every item of a plan, and gives them in order. What is not seen is archive.ErrNotFound.
func may(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, items []string) ([]archive.Item, error) {
	if !policy.Could(who, a) {
		return nil, fmt.Errorf("%s: %w", a, archive.ErrForbidden)
	}
	out := make([]archive.Item, len(items))
	for i, id := range items {
		if err := archive.CheckID(archive.PrefixItem, id); err != nil {
			return nil, err
		}
		it, err := tx.Item(ctx, policy.ScopeOf(who), id)
		if err != nil {
			return nil, fmt.Errorf("item %s: %w", id, err)
		}
		if err := policy.Decide(who, a, policy.ItemObject(it)).Err(); err != nil {
			return nil, fmt.Errorf("item %s: %w", id, err)
		}
		out[i] = it
	}
	return out, nil
}

// held is a version with its items and what it says.
type held struct {
	plan  store.Plan
	row   store.PlanVersion
	items []archive.Item
	says  plan.Plan
}

// version finds a version, 0 being the newest, and asks policy about it and about the newest one.
func (s *Service) version(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, id string, n int) (h held, err error) {
	if err := archive.CheckID(archive.PrefixPlan, id); err != nil {
		return h, err
	}
	sc := policy.ScopeOf(who)
	if h.plan, err = tx.Plan(ctx, sc, id); err != nil {
		return h, err
	}
	if n == 0 {
		n = h.plan.Head
	}
	if h.row, err = tx.PlanVersion(ctx, sc, id, n); err != nil {
		return h, fmt.Errorf("version %d: %w", n, err)
	}
	if h.items, err = may(ctx, tx, who, a, h.row.Items); err != nil {
		return h, err
	}
	h.says, err = parse(h.row)
	return h, err
}

// parse reads what a version says and makes sure that it is what was recorded.
func parse(v store.PlanVersion) (plan.Plan, error) {
	if !v.ErasedAt.IsZero() || len(v.Body) == 0 {
		return plan.Plan{}, refuse(CodeErased, archive.ErrConflict, "version %d of plan %s was erased with an item", v.Version, v.Plan)
	}
	p, err := plan.Parse(v.Body)
	if err != nil {
		return p, fmt.Errorf("version %d of plan %s: %w: %w", v.Version, v.Plan, archive.ErrIntegrity, err)
	}
	if d := p.Digest(); !slices.Equal(d[:], v.SHA256) || !slices.Equal(p.Sources, v.Items) {
		return p, fmt.Errorf("version %d of plan %s: %w: not what was recorded", v.Version, v.Plan, archive.ErrIntegrity)
	}
	return p, nil
}

// factsOf is what the catalogue knows of the sources of a plan.
func factsOf(items []archive.Item) []plan.SourceFacts {
	out := make([]plan.SourceFacts, len(items))
	for i, it := range items {
		// Whether there is sound is known to the decoder only; a span of sound that is not there does no harm.
		out[i] = plan.SourceFacts{DurationUS: it.Duration.Microseconds(), Width: it.Width, Height: it.Height, HasSound: true}
	}
	return out
}

// itemsNamed is how many items of a plan an event names: it may have 64 subjects.
const itemsNamed = 60

// event is an act on a plan: identifiers and digests only.
func event(kind, agent, what string, v store.PlanVersion, more map[string]string) archive.Event {
	e := archive.Event{
		Type: kind, Agent: agent, Outcome: archive.Success,
		Detail: map[string]string{"what": what, "plan": v.Plan, "version": strconv.Itoa(v.Version), "plan_sha256": hex.EncodeToString(v.SHA256)},
	}
	for k, x := range more {
		e.Detail[k] = x
	}
	e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleAbout, Kind: custody.KindPlan, ID: v.Plan})
	for _, item := range v.Items[:min(len(v.Items), itemsNamed)] {
		e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleAbout, Kind: custody.KindItem, ID: item})
	}
	return e
}

// Words of Detail "what" in events of type archive.EventDescription.
const (
	whatSaved     = "redaction plan"
	whatLooked    = "redaction plan look"
	whatApproved  = "redaction plan approval"
	whatRejected  = "redaction plan rejection"
	whatDismissed = "redaction plan blocker dismissal"
	whatChecked   = "redaction plan gap check"
	whatRendered  = "redaction plan rendering"
)

// conflict translates what the database refuses beneath the rules here: two acts at the same time.
func conflict(err error) error {
	if errors.Is(err, store.ErrInsertOnly) || errors.Is(err, archive.ErrExists) {
		return fmt.Errorf("%w: %w", archive.ErrConflict, err)
	}
	return err
}

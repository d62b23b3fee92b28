package release

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Database is the catalogue; *store.DB is one.
type Database interface {
	Read(ctx context.Context, f func(*store.Tx) error) error
	Write(ctx context.Context, f func(*store.Tx) error) error
}

// PlanFacts is what is known of one version of a redaction plan.
type PlanFacts struct {
	Plan    plan.Plan
	Version int
	Title   string
	Head    int       // newest version
	At      time.Time // when this version was written
	Authors []string  // whoever wrote any part of this version since one was last approved; at least one
	// ApprovedBy agreed to this version; empty: nobody.
	ApprovedBy string
	ApprovedAt time.Time
	Checked    bool     // the check for gaps walked this version to its end
	Open       int      // blockers that nobody dismissed
	LookedBy   []string // who stepped through this version
	Rendered   *Rendered
}

// Rendered is what was made of an approved version.
type Rendered struct {
	At       time.Time
	Clip     string // identifier of the clip as it was stated
	Scope    string // statement of the scope that it counts against
	StatedOn string // date
	MS       int64
	Files    []Rendition // largest first
	Poster   Rendition
	Drawing  Rendition
	Stills   []Rendition
	CutMS    []int64 // how long each cut plays
}

// Rendition is one file of the clip.
type Rendition struct {
	Height        int // of the name: 720, 360
	Width, Pixels int // of the picture: columns and lines
	Object        archive.ObjectRef
	Bytes         int64
	SHA256        [32]byte
}

// Plans tells about redaction plans, in the caller's transaction.
type Plans interface {
	// PlanFacts gives a version; 0 is the newest that was approved, or the newest. archive.ErrNotFound.
	PlanFacts(ctx context.Context, tx *store.Tx, id string, version int) (PlanFacts, error)
}

// Proofs writes proof bundles.
type Proofs interface {
	// Clip gives the bundle of a clip, and the digests of all files that it proves; ErrWaiting while its statement is in no checkpoint.
	Clip(ctx context.Context, who policy.Subject, clip string) (raw []byte, files [][32]byte, err error)
	// Scope gives the bundle of a scope statement; ErrWaiting.
	Scope(ctx context.Context, who policy.Subject, scope string) ([]byte, error)
	// Share counts what clips have shown of a scope. Those that count against another one are left out.
	Share(ctx context.Context, who policy.Subject, scope string, clips []string) (bundle.Share, error)
	// NextTick is when the log takes statements in next; zero: not known.
	NextTick(ctx context.Context) time.Time
}

// Consents decides whether what people said may be published, whoever asks.
type Consents interface {
	// Claims says of which claims a testimony that they rest on may not be published. A claim that is not there counts, too.
	Claims(ctx context.Context, tx *store.Tx, at time.Time, claims ...string) (refused []string, err error)
	// Items says which testimonies that were spoken in items may not be published.
	Items(ctx context.Context, tx *store.Tx, at time.Time, items ...string) (refused []string, err error)
	// People says which testimonies of persons may not be published.
	People(ctx context.Context, tx *store.Tx, at time.Time, persons ...string) (refused []string, err error)
}

// Traces tells what must not be found in a bundle: names and folders from the provenance of items, labels of cameras, whether other copies are
// held, clocks of recorders.
type Traces interface {
	Traces(ctx context.Context, tx *store.Tx, items []string) (Found, error)
}

// Found is what Traces tells.
type Found struct {
	Items  []archive.Item
	Words  []string // names of files and folders, user names, labels and serial numbers
	Plain  []string // names of folders that are ordinary words, as "august": found in a text they are pointed at and block nothing
	Agents []string // names of people who work in the archive
	Copies []string // items of which another copy is held
	Clocks []Clock
}

// Clock is a clock that a machine read in the picture of an item.
type Clock struct {
	Item string
	Box  [4]int // x, y, width, height in millionths
}

// Ledger keeps what left the archive; *knowledge.Service is one.
type Ledger interface {
	AddExport(ctx context.Context, tx *store.Tx, e store.Export) error
}

// Options of New. Everything above the line is needed.
type Options struct {
	DB       Database
	Vault    *vault.Vault
	Custody  *custody.Recorder
	Plans    Plans
	Proofs   Proofs
	Consents Consents
	People   People
	Traces   Traces
	Ledger   Ledger
	Folder   *Folder // where releases are written

	// Check says what is wrong with the structure of a rendered file, in codes; nil: nothing is ever right.
	Check func(r io.ReaderAt, size int64) ([]string, error)
	// Subject gives what an agent may do now; for publishing what was asked for earlier. nil: nothing is published by itself.
	Subject func(ctx context.Context, agent string) (policy.Subject, error)
	Machine []string // words of the machine that must not be published: host name, home folder, user name
	// Lock has the folder alone until release is called; archive.ErrBusy if another process has it. nil: there is no other process.
	Lock func() (release io.Closer, err error)
	// Changed is told whenever the folder was written, or may have been in part. It must not wait. nil: nobody is told.
	Changed func()
	Logger  *slog.Logger
	Now     func() time.Time
	NewID   func(prefix string) string
	Rand    io.Reader
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	o       Options
	placing sync.Mutex
	without string // a gate that is left out, in tests alone
}

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Custody == nil || o.Plans == nil || o.Proofs == nil || o.Consents == nil || o.People == nil || o.Traces == nil ||
		o.Ledger == nil || o.Folder == nil {
		return nil, fmt.Errorf("%w: release lacks something it works with", archive.ErrInvalid)
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
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

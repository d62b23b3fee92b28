package archive

import (
	"fmt"
	"time"
)

// Kind says what sort of material an item is, by its bytes and not by its name.
type Kind string

// The kinds of material. Unknown is kept like every other and says so.
const (
	KindVideo    Kind = "video"
	KindAudio    Kind = "audio"
	KindImage    Kind = "image"
	KindDocument Kind = "document"
	KindUnknown  Kind = "unknown"
)

// ItemState is where an item stands.
type ItemState string

// States of an item: sealed (held, not looked at by a machine yet) → browsable (quick pass done) →
// ready (full pass done); explained (held, but nothing can be derived, with the reason); quarantined
// (its bytes did not match a fixity check); erased (key destroyed, tombstone).
const (
	ItemSealed      ItemState = "sealed"
	ItemBrowsable   ItemState = "browsable"
	ItemReady       ItemState = "ready"
	ItemExplained   ItemState = "explained"
	ItemQuarantined ItemState = "quarantined"
	ItemErased      ItemState = "erased"
)

// CanMove says whether an item may go from one state to another.
func (s ItemState) CanMove(to ItemState) bool {
	switch to {
	case ItemBrowsable, ItemReady, ItemExplained:
		return s == ItemSealed || s == ItemBrowsable || s == ItemReady || s == ItemExplained || s == ItemQuarantined
	case ItemQuarantined:
		return s != ItemErased
	case ItemErased:
		return true
	}
	return false
}

// ObjectRef names a sealed object in the vault: the object and the envelope that holds its key.
type ObjectRef struct {
	Object   string
	Envelope string
}

// Item is one thing held, exactly as received.
type Item struct {
	ID          string
	Accession   string
	AccessionNo int64
	Number      int64 // within the accession, from 1
	Kind        Kind
	State       ItemState
	Reason      string // why nothing can be derived, a code such as "no-decoder"; empty otherwise
	Size        int64
	SHA256      []byte // of the bytes as received
	Object      ObjectRef
	ReceivedAt  time.Time

	// What the quick and full passes found; zero until then.
	RecordedAt     time.Time // best known start of the recording; zero if not known
	RecordedSource string    // "container", "recorder", "exif", "file-time", RecordedByClock: where RecordedAt comes from
	Duration       time.Duration
	Width, Height  int
	FrameRate      float64
	Format         string // demuxer or file type
	Codec          string
	Camera         string
	Micro          []byte // 16 × 9 grey bytes, or nil
	Anomalies      int
	Difficulty     int // 0 to Hardest; Unjudged
	Copies         int // files found with these bytes

	Erasing bool // two people agreed to erase it: nobody is shown it any more. Read only
}

// Reference is how people name an item aloud: Z, accession number, item number.
func (i Item) Reference() string { return Reference(i.AccessionNo, i.Number) }

// Reference writes the reference of item number n in accession number a, such as Z3-000412.
func Reference(a, n int64) string { return fmt.Sprintf("Z%d-%06d", a, n) }

// RecordedByClock is the source of a recording time that a person confirmed from the clock in the picture.
const RecordedByClock = "clock"

// SortTime is where an item stands in the archive: when it was recorded, else when it was received.
func (i Item) SortTime() time.Time {
	if i.RecordedAt.IsZero() {
		return i.ReceivedAt
	}
	return i.RecordedAt
}

// Derivative kinds.
const (
	DerivativeTechnical  = "technical"  // JSON: probe, anomalies, decode report
	DerivativeStill      = "still"      // JPEG
	DerivativeStoryboard = "storyboard" // JPEG sprite
	DerivativeProxy      = "proxy"      // MP4 or M4A working copy
	DerivativeLanes      = "lanes"      // JSON: scenes, motion, sound, black, silence
	DerivativePage       = "page"       // PNG or JPEG of a document page
	DerivativeFrames     = "frames"     // when each frame of the original is shown: docs/design/notes.md
)

// Derivative is a copy made from an item by a stated recipe.
type Derivative struct {
	ID            string
	Item          string
	Kind          string
	Ordinal       int // 0, or the number of the still or page
	Recipe        string
	RecipeVersion int
	Tool          string
	ToolVersion   string
	Object        ObjectRef
	Size          int64
	SHA256        []byte
	MediaType     string
	Meta          []byte // canonical JSON, small: dimensions, times, grid
	CreatedAt     time.Time
}

// Outcome of one thing found on a source.
type Outcome string

// Outcomes of things found; each is a line of the manifest.
const (
	OutcomeReceived  Outcome = "received"
	OutcomeDuplicate Outcome = "duplicate"
	OutcomeSkipped   Outcome = "skipped"
	OutcomeFailed    Outcome = "failed"
)

// Provenance says where one file came from. Sealed holds the details that may name people (path, owner,
// device, times); only a holder of the vault key can open it.
type Provenance struct {
	ID          string
	Accession   string
	Seq         int64  // order of being found, from 1
	Item        string // empty unless received or duplicate
	Outcome     Outcome
	Reason      string // code: "symlink", "fifo", "unreadable", "vanished", "changed", "hardlink"…
	Size        int64
	Fingerprint []byte // keyed hash of where it was found, size and times: lets a second run pass over finished files
	Sealed      []byte
	FoundAt     time.Time
}

// Origin is what Provenance.Sealed holds, as canonical JSON.
type Origin struct {
	Root       []byte `json:"root"` // the folder named on the command line
	Path       []byte `json:"path"` // raw bytes below root
	Name       string `json:"name"` // cleaned for the screen
	Mode       uint32 `json:"mode"`
	UID        int64  `json:"uid"`
	GID        int64  `json:"gid"`
	Owner      string `json:"owner"`
	Device     string `json:"device"`
	Inode      uint64 `json:"inode"`
	Links      uint64 `json:"links"`
	ModifiedAt int64  `json:"modified_at"` // microseconds
	ChangedAt  int64  `json:"changed_at"`
	BornAt     int64  `json:"born_at,omitempty"`
	Sparse     bool   `json:"sparse,omitempty"`
	Target     []byte `json:"target,omitempty"` // of a symbolic link
	Extension  string `json:"extension,omitempty"`
}

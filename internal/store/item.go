package store

import (
	"context"
	"time"

	"zapis/internal/archive"
)

// Facts is what the passes find out about an item. SetItemFacts replaces all of them.
type Facts struct {
	Kind           archive.Kind
	RecordedAt     time.Time // zero if not known
	RecordedSource string
	Duration       time.Duration
	Width, Height  int
	FrameRate      float64
	Format, Codec  string
	Camera         string
	Micro          []byte
	Anomalies      int
	Difficulty     int // 0–3; -1 not judged
}

// FactsOf gives the facts of an item as it is, to change some and set them again.
func FactsOf(i archive.Item) Facts {
	return Facts{
		Kind: i.Kind, RecordedAt: i.RecordedAt, RecordedSource: i.RecordedSource, Duration: i.Duration,
		Width: i.Width, Height: i.Height, FrameRate: i.FrameRate, Format: i.Format, Codec: i.Codec, Camera: i.Camera,
		Micro: i.Micro, Anomalies: i.Anomalies, Difficulty: i.Difficulty,
	}
}

// AddItem adds an item and sets its Number and AccessionNo; archive.ErrExists if its digest or identifier is held.
func (tx *Tx) AddItem(ctx context.Context, i *archive.Item) error { return errLater }

// Item gives one item of a scope; archive.ErrNotFound.
func (tx *Tx) Item(ctx context.Context, s archive.Scope, id string) (archive.Item, error) {
	return archive.Item{}, errLater
}

// ItemByDigest says whether bytes of this SHA-256 are held, in whatever state, erased ones excepted.
func (tx *Tx) ItemByDigest(ctx context.Context, sha256 []byte) (archive.Item, bool, error) {
	return archive.Item{}, false, errLater
}

// ItemByReference gives the item of a scope that is named so, as in Z3-000412; archive.ErrNotFound, archive.ErrInvalid.
func (tx *Tx) ItemByReference(ctx context.Context, s archive.Scope, ref string) (archive.Item, error) {
	return archive.Item{}, errLater
}

// ItemsOfObject gives the items sealed as the given object, at most one.
func (tx *Tx) ItemOfObject(ctx context.Context, object string) (archive.Item, bool, error) {
	return archive.Item{}, false, errLater
}

// SetItemFacts replaces the facts of an item and moves its counts in the roll-up.
func (tx *Tx) SetItemFacts(ctx context.Context, id string, f Facts) error { return errLater }

// MoveItem moves an item to another state for a reason code; archive.ErrConflict if the way is not allowed.
func (tx *Tx) MoveItem(ctx context.Context, id string, to archive.ItemState, reason string) error {
	return errLater
}

// AddCopy adds n to the number of files found with the bytes of an item.
func (tx *Tx) AddCopy(ctx context.Context, id string, n int) error { return errLater }

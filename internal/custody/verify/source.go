package verify

import (
	"context"
	"fmt"
	"math"
)

// Source gives the record as it lies in a database, all of it from one snapshot. Lists come in order of their number,
// beginning with the first that is not below from, at most limit rows; a short list means the end. A Source passes on
// what is there and judges nothing: gaps and doubles come out as they are.
type Source interface {
	Head(ctx context.Context) (size int64, err error)
	Leaves(ctx context.Context, from int64, limit int) ([]Leaf, error)
	Openings(ctx context.Context, from int64, limit int) ([]Opening, error)
	Hashes(ctx context.Context, from int64, limit int) ([]StoredHash, error)
	Checkpoints(ctx context.Context) ([]Checkpoint, error)
}

// Catalogue gives the things that events are about. A Source that has it is also checked against it.
type Catalogue interface {
	// Things gives those of the ids that are in the catalogue; each kind of CatalogueKinds.
	Things(ctx context.Context, kind string, ids []string) ([]Thing, error)
	// Unrecorded gives up to limit identifiers after one, in order, of things that no event of the given types names as
	// its outcome. For the kind KindClosing: closed accessions that no such event is about.
	Unrecorded(ctx context.Context, kind string, types []string, after string, limit int) ([]string, error)
}

// Kinds of things in a Catalogue. KindClosing is not a thing but the closed state of an accession.
const (
	KindAccession  = "accession"
	KindClosing    = "closing"
	KindDerivative = "derivative"
	KindItem       = "item"
	KindObject     = "object"
)

// Leaf is a row of the table of leaves.
type Leaf struct {
	Index      int64
	Commitment []byte
}

// Opening is a row of the table of openings with its subjects.
type Opening struct {
	Index    int64
	EventID  string
	Type     string
	Time     int64 // microseconds since 1970
	Agent    string
	Salt     []byte
	Event    []byte
	Subjects []Subject // in any order
	Bare     bool      // only Salt and Event were given, as in an export
	Erasure  string    // in an export: the opening was erased under this erasure, and there is neither Salt nor Event
}

// Subject is a row of the table of subjects.
type Subject struct{ Role, Kind, ID string }

// StoredHash is a row of the table of hashes.
type StoredHash struct {
	Position int64
	Hash     []byte
}

// Checkpoint is a row of the table of checkpoints.
type Checkpoint struct {
	Size int64
	Root []byte
	Note []byte
}

// Thing is what the catalogue says of an item, derivative, object or accession. For an accession SHA256 and Object are
// those of its manifest, empty while it is open, and Size is -1.
type Thing struct {
	ID     string
	SHA256 string // lower-case hex
	Size   int64
	Object string // identifier of the sealed object; empty for an object
	Erased bool   // it is said to be erased, or its item is
	Item   string // of an item itself; of a derivative, and of an object, the item it belongs to; may be empty
	Clip   bool   // an object that is a clip
}

const page = 500

// stream reads a list page by page and lets the next row be looked at before it is taken.
type stream[T any] struct {
	read  func(ctx context.Context, from int64, limit int) ([]T, error)
	index func(T) int64
	buf   []T
	from  int64
	ended bool
	err   error // why it ended early
}

func newStream[T any](read func(context.Context, int64, int) ([]T, error), index func(T) int64) *stream[T] {
	return &stream[T]{read: read, index: index, from: math.MinInt64}
}

// peek gives the next row, or nil at the end.
func (s *stream[T]) peek(ctx context.Context) *T {
	for len(s.buf) == 0 && !s.ended {
		rows, err := s.read(ctx, s.from, page)
		if err != nil && ctx.Err() == nil {
			// One bad row must not take a page of good ones with it.
			rows, err = s.read(ctx, s.from, 1)
		} else if len(rows) < page {
			s.ended = true
		}
		switch {
		case err != nil:
			s.ended, s.err = true, err
		case len(rows) == 0:
			s.ended = true
		default:
			last := s.index(rows[len(rows)-1])
			if last == math.MaxInt64 {
				s.ended = true
			}
			s.buf, s.from = rows, last+1
		}
	}
	if len(s.buf) == 0 {
		return nil
	}
	return &s.buf[0]
}

func (s *stream[T]) take() { s.buf = s.buf[1:] }

// stopped names the place at which the list could not be read on, and the cause; nil if it was read to its end.
func (s *stream[T]) stopped() (where string, cause error) {
	if s.from == math.MinInt64 {
		return "from the beginning", s.err
	}
	return fmt.Sprintf("from %d on", s.from), s.err
}

package vault

import (
	"context"
	"io"
	"iter"
)

// Backend is the port to a storage. Names are slash-separated, lower case, relative ("blob/3f/bl_…") and the same
// on every storage. All methods are safe for concurrent use. A method whose context ends returns the context's
// error as soon as it can; the outcome is then unknown, as after a lost connection, unless stated.
//
// Implementations translate their errors: ErrNotFound, ErrExists, ErrFull, ErrBroken; other errors are passed on
// without names of folders outside the vault. They never retry a failed sync.
type Backend interface {
	// Create begins a new file. The name must be free: ErrExists, from Create or from Close, and what is there
	// stays untouched. The file may be visible, incomplete, before Close. Not idempotent.
	Create(ctx context.Context, name string) (BlobWriter, error)
	// Overwrite begins a file that takes the name, atomically, when it is closed: a reader sees the former bytes
	// or the new ones. After Close bytes and name are durable. Former bytes are overwritten where the storage
	// allows that. Idempotent as a whole.
	Overwrite(ctx context.Context, name string) (BlobWriter, error)
	// Open opens a file for reading at any place: ErrNotFound.
	Open(ctx context.Context, name string) (BlobReader, error)
	// Stat gives size and version: ErrNotFound.
	Stat(ctx context.Context, name string) (Info, error)
	// List yields every file whose name begins with prefix, in no stated order. prefix is empty, "blob/",
	// "blob/3f/" or a full name; a part of a segment is allowed. Files of an interrupted Overwrite are left
	// out. The iteration ends after the first error.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Remove takes a file away; durable when it returns nil. A name that is not there is no error, so that a
	// step can be repeated.
	Remove(ctx context.Context, name string) error
	// Replace writes a small file as Overwrite does. Idempotent.
	Replace(ctx context.Context, name string, data []byte) error
	// Sync makes the names of created and closed files durable (their bytes are durable since Close): each folder
	// once. It does nothing where Close suffices. An error is final for what was to be made durable: the
	// files must be considered lost.
	Sync(ctx context.Context, names ...string) error
	// Free gives the bytes that can still be written and the size of the storage; known is false where the storage
	// does not say.
	Free(ctx context.Context) (free, total uint64, known bool)
	// Properties says what the storage can do, so that callers need not guess.
	Properties() Properties
}

// BlobWriter receives the bytes of one new file, in order. It is not safe for concurrent use. Exactly one of Close and
// Abort ends it; Abort after Close does nothing.
type BlobWriter interface {
	io.Writer
	// Close makes the bytes durable (not yet the name: Sync). After an error the file must be considered lost.
	Close() error
	// Abort gives up and takes away what was written, as far as that is possible.
	Abort() error
}

// BlobReader reads one file at any place. ReadAt is safe for concurrent use and follows io.ReaderAt.
// A reader may also be an io.WriterTo, if reading from end to end is faster that way.
type BlobReader interface {
	io.ReaderAt
	io.Closer
	// Size is the length in bytes.
	Size() int64
}

// ColdOpener is a Backend that can read past caches: what lies on the device, not what the machine remembers
// having written. Reading back after a commit uses it.
type ColdOpener interface {
	// OpenCold is Open with this machine's cached copy of the file dropped first.
	OpenCold(ctx context.Context, name string) (BlobReader, error)
}

// Info describes a file.
type Info struct {
	Name    string
	Size    int64
	Version string // opaque; changes when the bytes are replaced
}

// Properties says what a storage can do.
type Properties struct {
	Kind      string // "localdisk", "s3", "memory"
	ReadBlock int    // bytes that one read should ask for; 0 where small reads are cheap
	Cold      bool   // reading back reads the device, not a cache of this machine
}

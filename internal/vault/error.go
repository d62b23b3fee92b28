package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"zapis/internal/archive"
)

// The conditions that callers tell apart with errors.Is.
var (
	// ErrNotFound: the storage has nothing of that name. Also archive.ErrNotFound.
	ErrNotFound = fmt.Errorf("vault: %w", archive.ErrNotFound)
	// ErrExists: the storage has something of that name, or is not empty. Also archive.ErrExists.
	ErrExists = fmt.Errorf("vault: %w", archive.ErrExists)
	// ErrNotVault: there is no vault at this place.
	ErrNotVault = errors.New("no vault here")
	// ErrForeign: identities disagree: another vault, or a header or key that does not belong to this one.
	ErrForeign = errors.New("belongs to another vault")
	// ErrCannotOpen: the passphrase or key file does not open this vault.
	ErrCannotOpen = errors.New("vault cannot be opened with this key")
	// ErrFormat: a file of the vault is not in a form that this version knows.
	ErrFormat = errors.New("vault format not understood")
	// ErrCorrupt: sealed bytes are damaged, cut or gone. Also archive.ErrIntegrity.
	ErrCorrupt = fmt.Errorf("vault: %w", archive.ErrIntegrity)
	// ErrErased: the key of the object was destroyed on purpose.
	ErrErased = errors.New("erased from the vault")
	// ErrFull: no space left on the storage.
	ErrFull = errors.New("no space left on the vault's storage")
	// ErrSource: the reader given to Batch.Add failed. The batch stays usable.
	ErrSource = errors.New("source could not be read")
	// ErrUnlisted: a file that no sums file names: left by an interrupted commit, or its sums file is gone.
	ErrUnlisted = errors.New("not listed in any sums file")
	// ErrClosed: the batch was committed or aborted, or an earlier step of it failed.
	ErrClosed = errors.New("batch is finished")
	// ErrBroken: the storage failed to make bytes durable once; nothing it says about later writes can be
	// believed until it is opened anew.
	ErrBroken = errors.New("storage lost a write; reopen before going on")
)

// CorruptError says which object and which segment is damaged. It is [ErrCorrupt].
type CorruptError struct {
	Object  string // identifier of the object
	Segment int    // index of the segment; -1 where the object as a whole does not agree
	Blob    string // identifier of the blob with the segment; empty for -1
	Err     error  // what disagreed
}

func (e *CorruptError) Error() string {
	if e.Segment < 0 {
		return fmt.Sprintf("object %s: %v: %v", e.Object, ErrCorrupt, e.Err)
	}
	return fmt.Sprintf("object %s segment %d in %s: %v: %v", e.Object, e.Segment, e.Blob, ErrCorrupt, e.Err)
}

// Is reports true for ErrCorrupt.
func (e *CorruptError) Is(target error) bool {
	return target == ErrCorrupt || target == archive.ErrIntegrity
}

// Unwrap gives what disagreed.
func (e *CorruptError) Unwrap() error { return e.Err }

// sourceError carries an error of the caller's reader. Paths are taken out of its text, because a file name
// can name a person.
type sourceError struct{ err error }

func (e *sourceError) Error() string        { return ErrSource.Error() + ": " + withoutPath(e.err) }
func (e *sourceError) Is(target error) bool { return target == ErrSource }
func (e *sourceError) Unwrap() error        { return e.err }

func withoutPath(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err.Error()
	}
	if se, ok := errors.AsType[*os.SyscallError](err); ok {
		return se.Err.Error()
	}
	text := err.Error()
	if strings.ContainsAny(text, "/\\") {
		return "unreadable"
	}
	return text
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}

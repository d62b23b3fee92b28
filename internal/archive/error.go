package archive

import "errors"

// The conditions that the rooms of Zapis report to each other. Compare with errors.Is.
var (
	// ErrNotFound: no such thing, or none that the asker may know of.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: the act is not allowed to this agent. Adapters show it as ErrNotFound where
	// the existence of the thing is itself not to be known.
	ErrForbidden = errors.New("not allowed")
	// ErrConflict: the thing has changed or is in a state that does not allow the act.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the input is not well formed.
	ErrInvalid = errors.New("not valid")
	// ErrExists: a thing of that name is there already.
	ErrExists = errors.New("exists already")
	// ErrIntegrity: bytes or records do not agree with what was sealed. It halts the act and is
	// never retried.
	ErrIntegrity = errors.New("integrity check failed")
	// ErrBusy: another process works on the same thing.
	ErrBusy = errors.New("in use by another process")
)

// Public is an error that carries a sentence for the person in front of the screen beside the one for the
// operator.
type Public struct {
	Err  error  // the cause, for the operator's logger
	Text string // one plain sentence: what, where
	Hint string // what to do next; may be empty
}

func (e *Public) Error() string { return e.Err.Error() }
func (e *Public) Unwrap() error { return e.Err }

// Explain wraps err with a public sentence and a hint.
func Explain(err error, text, hint string) error { return &Public{Err: err, Text: text, Hint: hint} }

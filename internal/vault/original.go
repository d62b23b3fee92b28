package vault

import (
	"errors"
	"io"
	"sync"
)

// Original is an object as programs that decode it are given it. It remembers the first error of the vault, so that bytes that could not be
// read are never mistaken for damaged material. Safe for concurrent use.
type Original struct {
	r Opened

	mu  sync.Mutex
	err error
}

// Opened is an object that was opened, such as a Reader.
type Opened interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// NewOriginal reads through r; closing the one closes the other.
func NewOriginal(r Opened) *Original { return &Original{r: r} }

// Size is the length of the object in bytes.
func (o *Original) Size() int64 { return o.r.Size() }

// ReadAt reads opened, authenticated bytes.
func (o *Original) ReadAt(p []byte, at int64) (int, error) {
	n, err := o.r.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		o.mu.Lock()
		if o.err == nil {
			o.err = err
		}
		o.mu.Unlock()
	}
	return n, err
}

// Problem gives the first error of the vault, nil if there was none. The end of the object is none.
func (o *Original) Problem() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Close closes what it reads through.
func (o *Original) Close() error { return o.r.Close() }

// Package writeahead gathers what SQLite writes to its write-ahead file into whole blocks before it is encrypted.
//
// SQLite writes each page of a transaction as a header of 24 bytes and a page of 4,096. The cipher beneath works on blocks
// of 4,096, on whose borders no frame begins: given piece by piece, each frame has three blocks read, decrypted, changed,
// encrypted and written again. Gathered, each block is encrypted once.
//
// Guaranteed: after Sync, everything written before it is in the file and was synced, as without this layer. What
// another connection may read is in the file when the call that wrote it returns, whether or not it was synced: the
// frames that end a transaction, and with them all before, are never held back. A reader of this handle sees what was
// written through it. A write that cannot be carried out is reported by the next call that needs it, at the latest by
// Sync; what was held is then forgotten, as SQLite writes the frames of the next transaction in its place.
//
// It does not: touch any other file, change the format of this one, or make SQLite sync less often.
package writeahead

import (
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// The write-ahead file, https://sqlite.org/fileformat2.html section 4: a header of 32 bytes, then frames of a header of
// 24 and a page. Bytes 4 to 7 of a frame's header are not zero in the frame that ends a transaction.
const (
	fileHeader  = 32
	frameHeader = 24
	page        = 4096
	frame       = frameHeader + page
	block       = 4096 // of the cipher beneath

	limit = 64 * block
)

// Wrap gives a file system of SQLite whose write-ahead files are gathered. Pages are of 4,096 bytes; with any other size
// nothing is held back.
func Wrap(base vfs.VFS) vfs.VFS { return &system{base} }

type system struct{ vfs.VFS }

func (s *system) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpen(s.VFS, name, flags)
	return gather(f, flags, err)
}

func (s *system) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(s.VFS, name, flags)
	return gather(f, flags, err)
}

func gather(f vfs.File, flags vfs.OpenFlag, err error) (vfs.File, vfs.OpenFlag, error) {
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return f, flags, err
	}
	return &file{File: f, next: -1}, flags, nil
}

// file is one connection's handle of a write-ahead file. SQLite uses a handle from one goroutine at a time.
type file struct {
	vfs.File
	held []byte // written by SQLite and not yet given to File
	at   int64  // where held begins
	next int64  // where the last write ended; -1 when that is not known
	head bool   // that write was the header of a frame, and its page may be held
}

// Unwrap gives the file beneath.
func (f *file) Unwrap() vfs.File { return f.File }

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	appends := off == f.next
	header := len(p) == frameHeader && (off-fileHeader)%frame == 0
	hold := appends && (header || f.head && len(p) == page)
	f.head = header && hold && !ends(p)
	if !appends {
		if err := f.flush(); err != nil {
			return 0, err
		}
	}
	f.next = off + int64(len(p))
	if !hold && len(f.held) == 0 {
		n, err := f.File.WriteAt(p, off)
		if err != nil {
			f.forget()
		}
		return n, err
	}
	if len(f.held) == 0 {
		f.at = off
	}
	f.held = append(f.held, p...)
	var err error
	switch {
	case !hold:
		err = f.flush()
	case len(f.held) >= limit:
		// The last block is not full: it waits for the rest of it.
		err = f.give(int((f.at+int64(len(f.held)))/block*block - f.at))
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// ends tells whether the frame of this header is the last of a transaction.
func ends(header []byte) bool {
	return header[4]|header[5]|header[6]|header[7] != 0
}

// flush gives the file all that is held.
func (f *file) flush() error { return f.give(len(f.held)) }

func (f *file) give(n int) error {
	if n <= 0 {
		return nil
	}
	if _, err := f.File.WriteAt(f.held[:n], f.at); err != nil {
		f.forget()
		return err
	}
	f.at += int64(n)
	f.held = append(f.held[:0], f.held[n:]...)
	return nil
}

// forget drops what is held after an error that SQLite was told of, and holds nothing until the place is known again.
func (f *file) forget() {
	f.held, f.next, f.head = f.held[:0], -1, false
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off < f.at+int64(len(f.held)) && off+int64(len(p)) > f.at {
		if err := f.flush(); err != nil {
			return 0, err
		}
	}
	return f.File.ReadAt(p, off)
}

func (f *file) Truncate(size int64) error {
	if err := f.flush(); err != nil {
		return err
	}
	f.next = -1
	return f.File.Truncate(size)
}

func (f *file) Sync(flags vfs.SyncFlag) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

func (f *file) Size() (int64, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.Size()
}

func (f *file) Close() error {
	err := f.flush()
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	return err
}

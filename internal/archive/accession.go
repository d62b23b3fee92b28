package archive

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// AccessionState is where an accession stands.
type AccessionState string

// An accession is open while material is taken in and closed for good by its receipt.
const (
	AccessionOpen   AccessionState = "open"
	AccessionClosed AccessionState = "closed"
)

// Accession is a body of material taken into custody at one time.
type Accession struct {
	ID        string
	Number    int64 // counts from 1 within the archive; part of the reference of its items
	Title     string
	State     AccessionState
	CreatedAt time.Time
	CreatedBy string // agent
	ClosedAt  time.Time

	Tally Tally

	// Set when closed: the sealed manifest and the receipt.
	Manifest       ObjectRef
	ManifestSHA256 []byte
	Receipt        []byte // canonical JSON, see docs/design/receipt.md
}

// Tally counts what was found in an accession. Found is the sum of the other file counts.
type Tally struct {
	Found      int64 // lines of the manifest
	Received   int64 // files held as items of this accession
	Duplicates int64 // files whose bytes were held already
	Skipped    int64 // links, folders that cannot hold bytes, devices, sockets, pipes
	Failed     int64 // files that could not be read whole
	Bytes      int64 // bytes of Received and Duplicates
}

// CheckTitle refuses a title that is empty, longer than 200 characters or not text.
func CheckTitle(title string) error {
	switch {
	case strings.TrimSpace(title) == "":
		return fmt.Errorf("%w: a title is needed", ErrInvalid)
	case !utf8.ValidString(title):
		return fmt.Errorf("%w: the title is not valid UTF-8", ErrInvalid)
	case utf8.RuneCountInString(title) > 200:
		return fmt.Errorf("%w: the title is longer than 200 characters", ErrInvalid)
	}
	return nil
}

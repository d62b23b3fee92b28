package fsck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody/rows"
	"zapis/internal/custody/verify"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
)

// Severity says how much a finding weighs.
type Severity string

// Error: something that is to be there is not, or two that are to agree do not. Warning: something is there that need
// not be, or is known to be damaged and set apart.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`    // "blob-missing", "record-leaf-missing"…
	Subject  string   `json:"subject"` // identifier, or table and number
	Text     string   `json:"text"`    // one sentence
	Bytes    int64    `json:"bytes,omitempty"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", f.Severity, f.Subject, f.Text, f.Code)
}

// Report is the outcome of a check.
type Report struct {
	Findings  []Finding     `json:"findings"`
	Omitted   int64         `json:"omitted"` // findings beyond the first 1,000
	Errors    int64         `json:"errors"`
	Warnings  int64         `json:"warnings"`
	Record    verify.Report `json:"record"` // its failures are among the findings
	Items     int64         `json:"items"`
	Objects   int64         `json:"objects"`
	Envelopes int64         `json:"envelopes"`
	Blobs     int64         `json:"blobs"`
	Bytes     int64         `json:"bytes"` // of blobs
	Deep      bool          `json:"deep"`

	Orphans      int64 `json:"orphans"` // blobs that nothing in the catalogue refers to, older than an hour
	OrphanBytes  int64 `json:"orphan_bytes"`
	Cleaned      int64 `json:"cleaned"` // blobs removed
	CleanedBytes int64 `json:"cleaned_bytes"`
}

// OK says that there is no error; there may be warnings.
func (r Report) OK() bool { return r.Errors == 0 }

const maxFindings = 1000

func (r *Report) add(f Finding) {
	if f.Severity == Error {
		r.Errors++
	} else {
		r.Warnings++
	}
	if len(r.Findings) >= maxFindings {
		r.Omitted++
		return
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) fail(code, subject, format string, a ...any) {
	r.add(Finding{Severity: Error, Code: code, Subject: subject, Text: fmt.Sprintf(format, a...)})
}

// Deps is what is checked. All but Checkpoints, Outside and NoOpenBatch are required.
type Deps struct {
	DB     *store.DB
	Vault  *vault.Vault
	Sealer *record.Sealer // opens provenance, to write the manifests of closed accessions again
	Key    verify.Key     // of the checkpoints of this archive
	// Checkpoints is the folder of the home in which signed checkpoints and verifier.txt are kept; nil if there is none.
	Checkpoints fs.FS
	Outside     [][]byte         // signed checkpoints from elsewhere
	Now         func() time.Time // time.Now if nil
	// NoOpenBatch gives an error (archive.ErrBusy) unless it is certain that no process has a batch of the vault open,
	// and keeps it so until release is called. Clean needs it.
	NoOpenBatch func(ctx context.Context) (release func(), err error)
}

// Progress says how far a check is. Total is 0 where it is not known beforehand.
type Progress struct {
	Step        string // "database", "record", "vault", "items", "accessions", "blobs" (with Deep)
	Done, Total int64
}

// Options of a check.
type Options struct {
	Deep     bool           // also re-read every blob from the device against its digest
	Clean    bool           // remove leftover blobs if nothing is wrong
	Progress func(Progress) // called from one goroutine at a time; may be nil
}

// Run checks everything. The error says that the check could not be done or was given up; the report then holds what was
// found so far. What is wrong with the archive is in the report and is no error.
func Run(ctx context.Context, d Deps, o Options) (Report, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	c := &checker{d: d, o: o, r: &Report{Deep: o.Deep}}
	err := c.run(ctx)
	return *c.r, err
}

type checker struct {
	d    Deps
	o    Options
	r    *Report
	rows *rows.Source

	whole []blobRow // to be read with Deep
}

func (c *checker) run(ctx context.Context) error {
	c.o.Progress(Progress{Step: "database"})
	if have, want := c.d.DB.VaultID(), c.d.Vault.ID(); have != want {
		c.r.fail("foreign", have, "the database belongs to another vault than %s", want)
	}
	faults, err := c.d.DB.IntegrityCheck(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.r.fail("database-unreadable", "database", "it could not be checked to its end: %v", err)
	}
	for _, f := range faults {
		c.r.fail("database-"+code(f.Code), f.At, "%s", f.Text)
	}
	// One snapshot for all that the database says, taken before the vault is listed: what is in the snapshot was
	// committed to the vault before.
	err = c.d.DB.Read(ctx, func(tx *store.Tx) error {
		if c.rows, err = rows.New(tx); err != nil {
			return err
		}
		for _, step := range []func(context.Context, *store.Tx) error{c.record, c.vault, c.items, c.accessions, c.rollup} {
			err := step(ctx, tx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				// A table that cannot be read on is a finding and no reason to leave out the others.
				c.r.fail("database-unreadable", "database", "it cannot be read to its end: %v", err)
			}
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.r.fail("database-unreadable", "database", "it cannot be read: %v", err)
	}
	if err := c.read(ctx, c.whole); err != nil {
		return err
	}
	if c.o.Clean {
		return c.clean(ctx)
	}
	return nil
}

// clean removes what interrupted batches left. An archive in which anything is wrong is not touched: in a database that was
// put back to an older state, newer evidence looks like a leftover.
func (c *checker) clean(ctx context.Context) error {
	if c.d.NoOpenBatch == nil {
		return fmt.Errorf("%w: leftovers are removed only when no batch can be open", archive.ErrInvalid)
	}
	if !c.r.OK() {
		return nil
	}
	release, err := c.d.NoOpenBatch(ctx)
	if err != nil {
		return fmt.Errorf("remove leftovers: %w", err)
	}
	defer release()
	n, bytes, err := c.d.Vault.RemoveLeftovers(ctx, c.hourAgo(), func(blob string) (known bool, err error) {
		err = c.d.DB.Read(ctx, func(tx *store.Tx) error {
			_, err := tx.Blob(ctx, blob)
			known = err == nil
			if errors.Is(err, archive.ErrNotFound) {
				return nil
			}
			return err
		})
		return known, err
	})
	c.r.Cleaned, c.r.CleanedBytes = int64(n), bytes
	return err
}

// hourAgo is an identifier of a blob as it would have been made an hour ago.
func (c *checker) hourAgo() string {
	return archive.NewIDFrom(archive.PrefixBlob, c.d.Now().Add(-time.Hour), zeros{})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// code makes a code of the words of another room.
func code(words string) string {
	out := []byte(words)
	for i, b := range out {
		if b == ' ' {
			out[i] = '-'
		}
	}
	return string(out)
}

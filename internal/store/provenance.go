package store

import (
	"context"
	"iter"

	"zapis/internal/archive"
)

// AddProvenance adds lines of the manifest; archive.ErrConflict if their accession is closed, archive.ErrExists if the
// identifier or the sequence number is taken.
func (tx *Tx) AddProvenance(ctx context.Context, p ...archive.Provenance) error { return errLater }

// Finished gives the line of an accession with this fingerprint; a line that was held comes before one that failed.
func (tx *Tx) Finished(ctx context.Context, accession string, fingerprint []byte) (archive.Provenance, bool, error) {
	return archive.Provenance{}, false, errLater
}

// FinishedSet gives the fingerprints of an accession whose outcome is not "failed".
func (tx *Tx) FinishedSet(ctx context.Context, accession string) iter.Seq2[[]byte, error] {
	return func(func([]byte, error) bool) {}
}

// ProvenanceOf gives every line that led to an item, oldest first.
func (tx *Tx) ProvenanceOf(ctx context.Context, item string) ([]archive.Provenance, error) {
	return nil, errLater
}

// Manifest gives all lines of an accession in the order of Seq.
func (tx *Tx) Manifest(ctx context.Context, accession string) iter.Seq2[archive.Provenance, error] {
	return func(func(archive.Provenance, error) bool) {}
}

// NextSeq is one more than the highest sequence number of an accession.
func (tx *Tx) NextSeq(ctx context.Context, accession string) (int64, error) { return 0, errLater }

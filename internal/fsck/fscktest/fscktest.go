// Package fscktest holds archives to the whole check at the end of tests.
//
// It guarantees that a test that ends with MustBeClean fails if database, vault and record do not agree. It is for tests
// only.
package fscktest

import (
	"context"
	"testing"

	"zapis/internal/fsck"
)

// MustBeClean checks everything, blobs included, and fails the test with every error found.
func MustBeClean(t testing.TB, d fsck.Deps) fsck.Report {
	t.Helper()
	r, err := fsck.Run(context.Background(), d, fsck.Options{Deep: true})
	if err != nil {
		t.Fatalf("fsck: %v", err)
	}
	for _, f := range r.Findings {
		if f.Severity == fsck.Error {
			t.Errorf("fsck: %v", f)
		}
	}
	if r.Omitted > 0 {
		t.Errorf("fsck: %d more findings", r.Omitted)
	}
	return r
}

package release

import (
	"context"
	"errors"
	"io"

	"zapis/internal/policy"
	"zapis/internal/release/bundle"
)

var errStub = errors.New("not built yet")

// Create begins a release of a plan. Slug, Plan and Languages of the draft are needed; the rest may be empty.
func (s *Service) Create(ctx context.Context, who policy.Subject, d Draft) (View, error) {
	return View{}, errStub
}

// Save keeps a draft as the newest version, if base is the newest one; archive.ErrConflict otherwise. A draft that changes nothing makes none.
func (s *Service) Save(ctx context.Context, who policy.Subject, id string, base int, d Draft, note string) (Version, error) {
	return Version{}, errStub
}

// Release gives a release by identifier or slug; archive.ErrNotFound.
func (s *Service) Release(ctx context.Context, who policy.Subject, id string) (View, error) {
	return View{}, errStub
}

// Version gives one version; archive.ErrNotFound.
func (s *Service) Version(ctx context.Context, who policy.Subject, id string, n int) (Version, error) {
	return Version{}, errStub
}

// List gives all releases that somebody sees, the last changed first.
func (s *Service) List(ctx context.Context, who policy.Subject) ([]Release, error) {
	return nil, errStub
}

// Checklist asks every gate about the newest version, as if who published it now. Of a release that is out as it stands it says what would
// block it today.
func (s *Service) Checklist(ctx context.Context, who policy.Subject, id string) ([]Gate, error) {
	return nil, errStub
}

// Preview gives release.json as it would be, with the moment and the share of now; *Refused while a gate blocks the making of it.
func (s *Service) Preview(ctx context.Context, who policy.Subject, id string) (bundle.Release, error) {
	return bundle.Release{}, errStub
}

// File opens one rendered file of the newest version by its name in the bundle (bundle.ClipName, FilePoster, FileDrawing, StillName);
// archive.ErrNotFound. Close it.
func (s *Service) File(ctx context.Context, who policy.Subject, id, name string) (io.ReadSeekCloser, int64, error) {
	return nil, 0, errStub
}

// Sign agrees to a version, which must be the newest. *Refused with the gates that block; archive.ErrConflict if there is a newer one.
func (s *Service) Sign(ctx context.Context, who policy.Subject, id string, version int) error {
	return errStub
}

// Publish writes the signed version into the folder of releases, or, before its embargo ends, has it published then (Publication.Number 0).
// *Refused with the gates that block or wait.
func (s *Service) Publish(ctx context.Context, who policy.Subject, id string) (Publication, error) {
	return Publication{}, errStub
}

// Correct begins a new version of what is out, with what the correction says in public.
func (s *Service) Correct(ctx context.Context, who policy.Subject, id string, why Words) (Version, error) {
	return Version{}, errStub
}

// Withdraw puts a tombstone with the reason in the place of everything that is out. The reason is published; it names nobody.
func (s *Service) Withdraw(ctx context.Context, who policy.Subject, id string, why Words) error {
	return errStub
}

// Settle brings the folder to what the database says, after an interruption, and publishes what is due. It is for a worker.
func (s *Service) Settle(ctx context.Context) error { return errStub }

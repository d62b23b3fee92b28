package web

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/release"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
)

// deskPorts is what the release room asks of others, in a test of pages: plans are read from the catalogue, nothing else is known.
type deskPorts struct{}

func (deskPorts) PlanFacts(ctx context.Context, tx *store.Tx, id string, _ int) (f release.PlanFacts, err error) {
	v, err := tx.PlanVersion(ctx, archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true, AllCompartments: true}, id, 1)
	if err != nil {
		return f, err
	}
	f = release.PlanFacts{Version: 1, Head: 1, Title: canary, At: v.CreatedAt}
	f.Plan, err = plan.Parse(v.Body)
	return f, err
}
func (deskPorts) Clip(context.Context, policy.Subject, string) ([]byte, [][32]byte, error) {
	return nil, nil, release.ErrWaiting
}
func (deskPorts) Scope(context.Context, policy.Subject, string) ([]byte, error) {
	return nil, release.ErrWaiting
}
func (deskPorts) Share(context.Context, policy.Subject, string, []string) (bundle.Share, error) {
	return bundle.Share{}, nil
}
func (deskPorts) NextTick(context.Context) time.Time { return time.Time{} }
func (deskPorts) Claims(context.Context, *store.Tx, time.Time, ...string) ([]string, error) {
	return nil, nil
}
func (deskPorts) Items(context.Context, *store.Tx, time.Time, ...string) ([]string, error) {
	return nil, nil
}
func (deskPorts) People(context.Context, *store.Tx, time.Time, ...string) ([]string, error) {
	return nil, nil
}
func (deskPorts) Persons(context.Context, *store.Tx) ([]release.Person, error) { return nil, nil }
func (deskPorts) Sealed(context.Context, *store.Tx, func(string) bool) ([]string, error) {
	return nil, nil
}
func (deskPorts) Traces(context.Context, *store.Tx, []string) (release.Found, error) {
	return release.Found{}, nil
}
func (deskPorts) AddExport(context.Context, *store.Tx, store.Export) error { return nil }

// releases opens the release room over the archive of a site.
func (s *site) releases(t *testing.T) *release.Service {
	t.Helper()
	folder, p := release.FolderAt(filepath.Join(t.TempDir(), "releases")), deskPorts{}
	room, err := release.New(release.Options{DB: s.w.DB, Vault: s.w.Vault, Custody: s.w.Custody, Plans: p, Proofs: p, Consents: p, People: p, Traces: p, Ledger: p, Folder: folder,
		Check: func(io.ReaderAt, int64) ([]string, error) { return nil, nil }, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	return room
}

// draftOf is the text of a release of a plan, with words in it.
func draftOf(planID, slug, text string) release.Draft {
	w := release.Words{"en": text, "ru": text}
	return release.Draft{Plan: planID, Slug: slug, Languages: []string{"en", "ru"}, Title: w, Summary: w, Shows: w,
		Sentences: []release.Sentence{{Text: w, Certainty: archive.Probable}}, Warnings: []release.Warning{{FromMS: 0, ToMS: 100, Text: w}}}
}

package site_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/site"
	"zapis/internal/site/sitetest"
)

var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type rig struct {
	t             *testing.T
	v             sitetest.Vectors
	releases, out string
	o             site.Options
}

func newRig(t *testing.T, n int) *rig {
	t.Helper()
	v, err := sitetest.Load("../../verify/testdata")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, v: v, releases: t.TempDir(), out: filepath.Join(t.TempDir(), "site")}
	if err := v.Fill(r.releases, n); err != nil {
		t.Fatal(err)
	}
	r.o = site.Options{Releases: r.releases, Out: r.out, Now: today, Version: "test", CheckPage: []byte(`<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-x'"><title>check</title>`),
		Config: site.Config{Name: "Night Shift Archive", Languages: []string{"en", "ru", "uk", "ar"}}}
	return r
}

func (r *rig) bundle(n int) sitetest.Bundle {
	r.t.Helper()
	b, err := r.v.Make(n)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) build() site.Built {
	r.t.Helper()
	b, err := site.Build(context.Background(), r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) write(b sitetest.Bundle) {
	r.t.Helper()
	if err := b.Write(r.releases); err != nil {
		r.t.Fatal(err)
	}
}

// read gives a file of the site as readers find it.
func (r *rig) read(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.out, "current", name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *rig) has(name string) bool {
	_, err := os.Stat(filepath.Join(r.out, "current", name))
	return err == nil
}

func TestBuild(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5)
	b := r.build()
	if len(b.Refused) > 0 || b.Releases != 5 {
		t.Fatalf("built: %+v", b)
	}
}

package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/site"
	"zapis/internal/site/sitetest"
)

// The site follows the releases: what is published is on it, what is withdrawn is gone, whether this process was told or another one did it.
func TestTheSiteFollowsTheReleases(t *testing.T) {
	t.Parallel()
	v, err := sitetest.Load("../../verify/testdata")
	if err != nil {
		t.Fatal(err)
	}
	releases, out := t.TempDir(), filepath.Join(t.TempDir(), "site")
	due := make(chan struct{}, 1)
	k := siteKeeper{due: due, every: time.Hour, logger: slog.New(slog.DiscardHandler),
		o: site.Options{Releases: releases, Out: out, NoSync: true, Config: site.Config{Name: "Archive", Languages: []string{"en"}}}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(out, "current", filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return err == nil
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	if err := k.keep(t.Context()); err != nil || there("en/index.html") {
		t.Errorf("an archive that published nothing has a site (%v)", err)
	}
	const page, clip = "en/r/corridor-0000.html", "media/corridor-0000/v1/clip-720.mp4"
	if err := v.Fill(releases, 1); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(ended); k.run(ctx) }()
	until("what was published is not on the site", func() bool { return there(page) && there(clip) })
	one, err := v.Make(0)
	if err != nil {
		t.Fatal(err)
	}
	one.Release.Release = 2
	if err := one.Withdraw("2026-11-22", "Asked for.").Write(releases); err != nil {
		t.Fatal(err)
	}
	due <- struct{}{}
	until("what was withdrawn is still on the site", func() bool { return !there(clip) })
	stop()
	<-ended
	if !there(page) {
		t.Error("there is no tombstone")
	}

	// Nothing is made when nothing has changed; what another process changed is seen.
	made := func() time.Time {
		info, err := os.Lstat(filepath.Join(out, "current"))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	before, was := made(), k.built
	if err := k.keep(t.Context()); err != nil || !made().Equal(before) || k.built != was {
		t.Errorf("made again for nothing (%v)", err)
	}
	if err := os.WriteFile(filepath.Join(releases, "SOMETHING"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if now, err := k.state(); err != nil || now == k.built {
		t.Errorf("a change is not seen (%v)", err)
	}
}

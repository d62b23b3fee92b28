package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"zapis/internal/site"
)

const (
	lookAtReleases = time.Minute     // how often it is seen whether another process changed the releases
	siteAgain      = 2 * time.Second // after another process built the site at the same time
)

// siteKeeper keeps the public site as the folder of releases says.
type siteKeeper struct {
	o      site.Options
	due    <-chan struct{} // the releases were changed by this process
	every  time.Duration
	logger *slog.Logger
	built  [sha256.Size]byte // of what the site was made last, and on which day
}

// RunSite keeps the public site up with the releases until ctx ends: it is made anew as soon as this process published or withdrew something, within
// a minute if another one did, and once a day for what counts days. As long as nothing was ever published there is no site. checkPage is put into
// it.
func (a *App) RunSite(ctx context.Context, checkPage []byte) {
	k := siteKeeper{due: a.siteDue, every: lookAtReleases, logger: a.Logger,
		o: site.Options{Releases: a.ReleasesDir(), Out: a.SiteDir(), Config: a.SiteConfig(), CheckPage: checkPage, Version: a.Version}}
	k.run(ctx)
}

func (k *siteKeeper) run(ctx context.Context) {
	tick := time.NewTicker(k.every)
	defer tick.Stop()
	for {
		again := k.every
		switch err := k.keep(ctx); {
		case ctx.Err() != nil:
			return
		case errors.Is(err, site.ErrBusy):
			again = siteAgain
		case err != nil:
			k.logger.WarnContext(ctx, "the public site could not be made", slog.Any("error", bare("make site", err)))
		}
		tick.Reset(again)
		select {
		case <-ctx.Done():
			return
		case <-k.due:
		case <-tick.C:
		}
	}
}

// keep makes the site if what it is made of has changed since it did so last.
func (k *siteKeeper) keep(ctx context.Context) error {
	if list, err := os.ReadDir(k.o.Releases); errors.Is(err, fs.ErrNotExist) || err == nil && len(list) == 0 {
		return nil
	}
	now, err := k.state()
	if err != nil || now == k.built {
		return err
	}
	b, err := site.Build(ctx, k.o)
	if err != nil {
		return err
	}
	k.built = now // read before the build: what changed meanwhile is seen the next time
	k.logger.InfoContext(ctx, "the public site was made", slog.Int("releases", b.Releases), slog.Int("withdrawn", b.Gone), slog.Int("files", b.Files), slog.Int("left_out", len(b.Refused)))
	return nil
}

// state is a digest over the names, sizes and times of what the site is made of, and the day.
func (k *siteKeeper) state() (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	fmt.Fprintln(h, time.Now().UTC().Format(time.DateOnly))
	for _, dir := range []string{k.o.Releases, k.o.Config.Pages} {
		if dir == "" {
			continue
		}
		err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // nothing was published yet, or it was removed while we looked
			}
			if err != nil {
				return err
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%q %d %v %d\n", name, info.Size(), info.Mode(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return sum, fmt.Errorf("look at the releases: %w", err)
		}
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/config"
	"zapis/internal/site"
	"zapis/internal/web/asset"
)

type siteCmd struct {
	Build   siteBuildCmd   `cmd:"" help:"Make the static pages from the released bundles. Needs no vault and no passphrase, and runs on a machine that has neither."`
	Serve   siteServeCmd   `cmd:"" help:"Serve the built site, for small groups; any static host carries it as well."`
	Publish sitePublishCmd `cmd:"" help:"Send the built site to a bucket, or with rsync to another machine."`
}

// siteHome gives the home folder if one is named. A site can be built without.
func (k *call) siteHome() (*app.Home, error) {
	if k.cli.Home != "" {
		return k.home()
	}
	return &app.Home{Config: config.Default()}, nil
}

// folder chooses a folder: the one given, else the one of the home folder.
func siteFolder(h *app.Home, given, own, flag string) (string, error) {
	dir := given
	if dir == "" && h.Dir != "" {
		dir = own
	}
	if dir == "" {
		return "", archive.Explain(fmt.Errorf("%w: no folder is named", app.ErrUsage), "No folder is named.", "Give "+flag+", or the home folder of an archive with --home.")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the folder: %w", err)
	}
	return abs, nil
}

type siteBuildCmd struct {
	Releases  string   `help:"Folder of released bundles; by default the one of the archive." placeholder:"DIR"`
	Out       string   `help:"Folder of the site; by default as configured (site). A web server shows the folder current in it." placeholder:"DIR"`
	Name      string   `help:"Name of the archive, as readers know it; by default as configured (site_name)."`
	URL       string   `help:"Address under which the site will stand, ending with a slash; by default as configured (site_url)." name:"url"`
	Pages     string   `help:"Folder with your own words about how you work and about support, and with accountability.json; by default as configured (site_pages)." placeholder:"DIR"`
	Languages []string `help:"Languages of the pages, the first one at the root; by default as configured (site_languages)." placeholder:"LANG"`
	All       bool     `help:"Read, check and make everything anew."`
}

func (c *siteBuildCmd) Run(k *call) error {
	h, err := k.siteHome()
	if err != nil {
		return err
	}
	releases, err := siteFolder(h, c.Releases, h.ReleasesDir(), "--releases DIR")
	if err != nil {
		return err
	}
	out, err := siteFolder(h, c.Out, h.SiteDir(), "--out DIR")
	if err != nil {
		return err
	}
	if h.Dir != "" && c.Releases == "" {
		// An archive that has released nothing yet has a site that says so.
		if err := os.MkdirAll(releases, 0o755); err != nil {
			return withoutPath("make the folder of releases", err)
		}
	}
	cfg := h.SiteConfig()
	cfg.Name, cfg.URL, cfg.Pages = first(c.Name, cfg.Name), first(c.URL, cfg.URL), first(c.Pages, cfg.Pages)
	if len(c.Languages) > 0 {
		cfg.Languages = c.Languages
	}
	begun := time.Now()
	b, err := site.Build(k.ctx, site.Options{Releases: releases, Out: out, Config: cfg, CheckPage: asset.CheckPage(), Version: version, All: c.All})
	if err != nil {
		return siteError(err)
	}
	if k.JSON {
		k.json(map[string]any{"type": "site", "digest": b.Digest, "releases": b.Releases, "withdrawn": b.Gone, "files": b.Files, "written": b.Written, "refused": orNone(b.Refused), "milliseconds": time.Since(begun).Milliseconds()})
	} else {
		k.say("%d releases, %d of them withdrawn: %d files, %d of them made now.", b.Releases, b.Gone, b.Files, b.Written)
		for _, r := range b.Refused {
			k.say("LEFT OUT %s: %s", r.Slug, r.Reason)
		}
	}
	if len(asset.CheckPage()) == 0 {
		k.warn("the web part is not built in: the site has no check page (run make)")
	}
	if len(b.Refused) > 0 {
		return archive.Explain(fmt.Errorf("%w: %d releases were left out", app.ErrSomeFailed, len(b.Refused)), "Some releases were left out, because their bundles do not hold.", "The rest of the site is built. Export or publish these again.")
	}
	return nil
}

func orNone(r []site.Refusal) []site.Refusal {
	if r == nil {
		return []site.Refusal{}
	}
	return r
}

// siteError gives errors of package site their exit codes and hints.
func siteError(err error) error {
	switch {
	case errors.Is(err, site.ErrConfig):
		return fmt.Errorf("%w: %w", app.ErrUsage, err)
	case errors.Is(err, site.ErrNotOurs):
		return archive.Explain(fmt.Errorf("%w: %w", archive.ErrConflict, err), "The place holds something else than a site.", "Name an empty place; what is there is left alone.")
	case errors.Is(err, site.ErrChanged):
		return archive.Explain(fmt.Errorf("%w: %w", archive.ErrConflict, err), "The site is not as it was built: somebody changed its files, or a build is under way.", "Nothing that was changed was sent. Find out who did it, then make everything anew: zapis site build --all")
	case errors.Is(err, site.ErrNotRemoved):
		return archive.Explain(fmt.Errorf("%w: %w", app.ErrSomeFailed, err), "Files that are no longer part of the site are still at the place, perhaps those of a withdrawn clip.", "Remove them by hand, or publish again. Everything else was done.")
	case errors.Is(err, site.ErrBusy):
		return fmt.Errorf("%w: %w", archive.ErrBusy, err)
	}
	return err
}

type siteServeCmd struct {
	Out    string `help:"Folder of the site; by default as configured (site)." placeholder:"DIR"`
	Listen string `help:"Address and port to listen on." default:"127.0.0.1:8421" placeholder:"ADDR"`
}

func (c *siteServeCmd) Run(k *call) error {
	h, err := k.siteHome()
	if err != nil {
		return err
	}
	out, err := siteFolder(h, c.Out, h.SiteDir(), "--out DIR")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(out, "current")); err != nil {
		return archive.Explain(withoutPath("open the site", err), "The site is not built yet.", "Build it with: zapis site build")
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = archive.ErrBusy
		}
		return fmt.Errorf("listen: %w", err)
	}
	srv := site.Server(out)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	if k.JSON {
		k.json(map[string]any{"type": "serving", "origin": "http://" + l.Addr().String() + "/"})
	} else {
		k.say("The site is at http://%s/\nCtrl-C stops it.", l.Addr())
	}
	select {
	case <-k.ctx.Done():
	case err = <-ended:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), 5*time.Second)
	defer cancel()
	if serr := srv.Shutdown(stop); serr != nil {
		_ = srv.Close() // somebody is still reading; they had their time
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

type sitePublishCmd struct {
	Place string `arg:"" optional:"" help:"s3://bucket/prefix?endpoint=…, or a place as rsync knows it: a folder, or host:folder; by default as configured (site_target)."`
	Out   string `help:"Folder of the site; by default as configured (site)." placeholder:"DIR"`
}

func (c *sitePublishCmd) Run(k *call) error {
	h, err := k.siteHome()
	if err != nil {
		return err
	}
	out, err := siteFolder(h, c.Out, h.SiteDir(), "--out DIR")
	if err != nil {
		return err
	}
	place := first(c.Place, h.Config.SiteTarget)
	if place == "" {
		return fmt.Errorf("%w: a place is needed: s3://…, a folder, or host:folder", app.ErrUsage)
	}
	if abs, aerr := filepath.Abs(place); !strings.Contains(place, ":") && aerr == nil {
		place = abs
		if within := out + string(filepath.Separator); place == out || strings.HasPrefix(place+string(filepath.Separator), within) || strings.HasPrefix(within, place+string(filepath.Separator)) {
			return fmt.Errorf("%w: the site cannot be published into the folder it is built in", app.ErrUsage)
		}
	}
	s, err := app.PublishSite(k.ctx, out, place)
	if err != nil {
		return siteError(err)
	}
	if k.JSON {
		k.json(map[string]any{"type": "published", "files": s.Files, "written": s.Written, "removed": s.Removed})
		return nil
	}
	k.say("%d files, %d of them sent now; %d removed.", s.Files, s.Written, s.Removed)
	return nil
}

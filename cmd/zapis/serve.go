package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"zapis/internal/account"
	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/web"
	"zapis/internal/web/asset"
)

// serveCmd serves the workspace, by default to this machine only, and works on jobs in the same process.
type serveCmd struct {
	Listen       string `help:"Address and port to listen on; by default as configured." placeholder:"ADDR"`
	Origin       string `help:"Address under which people reach the workspace, such as https://archive.example, when a proxy stands in front; by default as configured (url)." placeholder:"URL"`
	NoWorker     bool   `help:"Work on no jobs in this process."`
	InsecureHTTP bool   `help:"Serve plain http to other machines. Whoever listens on the way reads everything." name:"insecure-http"`
}

// stopTime is how long requests and jobs that are under way get when the server is told to stop.
const stopTime = 20 * time.Second

// checkpointEvery is how often the server signs the custody record as it stands.
const checkpointEvery = time.Hour

func (c *serveCmd) Run(k *call) (err error) {
	h, err := k.home()
	if err != nil {
		return err
	}
	listen, origin := first(c.Listen, h.Config.Listen, "127.0.0.1:8420"), first(c.Origin, h.Config.URL)
	if err := web.CheckListen(listen, origin, c.InsecureHTTP); err != nil {
		return usage(err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = archive.ErrBusy
		}
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close() // again, if the server did
	if origin == "" {
		origin = "http://" + l.Addr().String()
	}
	if _, err := web.CheckOrigin(origin, c.InsecureHTTP); err != nil {
		return usage(err)
	}
	a, err := k.openHome(h, app.Options{Workers: !c.NoWorker, Writes: !c.NoWorker})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := a.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close archive: %w", cerr)
		}
	}()
	return c.serve(k, a, l, origin)
}

// serve runs workers and server until the person stops them, and takes them down in the reverse order.
func (c *serveCmd) serve(k *call, a *app.App, l net.Listener, origin string) error {
	accounts, err := openAccounts(k, a, origin)
	if err != nil {
		return err
	}
	defer accounts.Close()
	site, err := web.New(web.Options{
		Account: accounts, Reading: a.Reading, Log: a.Anchor, Proof: a.Proof, Erase: a.Erase, Catalogue: a.Knowledge, Exchange: a.Exchange, Testimony: a.Knowledge, Identity: a.Identities, Compartments: a.Knowledge, Note: a.Note, Transcript: a.Transcript, Search: a.Search, Machine: a.Machine, Copies: a.Copies, Match: a.Match, Plan: a.Redact, Release: a.Release, Grade: a.Grade, Origin: origin, InsecureHTTP: c.InsecureHTTP, Version: a.Version, Logger: a.Logger,
	})
	if err != nil {
		return err
	}
	if !c.NoWorker {
		if err := a.Jobs.Start(k.ctx); err != nil {
			return fmt.Errorf("start workers: %w", err)
		}
	}
	srv := site.HTTPServer()
	srv.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(k.ctx) }
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	chores, stopChores := context.WithCancel(k.ctx)
	done := make(chan struct{})
	go func() { defer close(done); c.chores(chores, a, accounts) }()
	building := make(chan struct{})
	go func() { defer close(building); a.RunSite(chores, asset.CheckPage()) }() // whoever publishes here sees it
	calendar := make(chan struct{})
	go func() {
		defer close(calendar)
		if !c.NoWorker { // it records and publishes, as workers do
			settling := make(chan struct{})
			go func() { defer close(settling); a.Release.Run(chores) }()
			a.Anchor.Run(chores, a.Program)
			<-settling
		}
	}()

	err = c.announce(k, accounts, site)
	if err == nil {
		select {
		case <-k.ctx.Done():
		case err = <-ended:
		}
	}
	stopChores()
	<-done
	<-building
	<-calendar
	stop, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), stopTime)
	defer cancel()
	if serr := srv.Shutdown(stop); serr != nil {
		_ = srv.Close() // somebody is still reading; they had their time
	}
	if !c.NoWorker {
		// What does not finish in time is worked again by whoever comes next.
		if jerr := a.Jobs.Stop(stop); jerr != nil && !errors.Is(jerr, context.DeadlineExceeded) {
			err = errors.Join(err, fmt.Errorf("stop workers: %w", jerr))
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// openAccounts opens the room that lets people in.
func openAccounts(k *call, a *app.App, origin string) (*account.Service, error) {
	o := account.Options{
		DB: a.DB, Custody: a.Custody, Sealer: a.Sealer, Logger: a.Logger,
		Agent: archive.Agent{ID: a.Program, Kind: "software", Name: "zapis", CreatedAt: time.Now().UTC()},
	}
	if origin != "" {
		o.Origins = []string{origin}
	}
	s, err := account.New(o)
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	return s, nil
}

// announce says where the workspace is, and gives the link for the first administrator while nobody can come in otherwise.
// The link goes to the person at the terminal and nowhere else.
func (c *serveCmd) announce(k *call, accounts *account.Service, site *web.Server) error {
	link, made, err := accounts.Bootstrap(k.ctx)
	if err != nil {
		return fmt.Errorf("first administrator: %w", err)
	}
	if k.JSON {
		v := map[string]any{"type": "serving", "origin": site.Origin(), "worker": !c.NoWorker, "built": site.Built()}
		if made {
			v["link"], v["link_until"] = site.LinkURL(link.Token), stamp(link.ExpiresAt)
		}
		k.json(v)
		return nil
	}
	k.say("The workspace is at %s", site.Origin())
	if !site.Built() {
		k.warn("the web part is not built in: pages have no styles and no player (run make)")
	}
	if made {
		k.say("\nOne-time link for the first administrator, until %s UTC:\n\n  %s\n", when(link.ExpiresAt), site.LinkURL(link.Token))
	}
	k.say("Ctrl-C stops it.")
	return nil
}

// chores does what has to be done from time to time while the server runs.
func (c *serveCmd) chores(ctx context.Context, a *app.App, accounts *account.Service) {
	sign, sweep := time.NewTicker(checkpointEvery), time.NewTicker(10*time.Minute)
	defer sign.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sign.C:
			if _, _, err := a.Checkpoint(ctx); err != nil && ctx.Err() == nil {
				a.Logger.ErrorContext(ctx, "checkpoint not signed", "error", err)
			}
		case <-sweep.C:
			if err := accounts.Expire(ctx); err != nil && ctx.Err() == nil {
				a.Logger.WarnContext(ctx, "expired sessions not removed", "error", err)
			}
			// So that what was let out is known again even if it is withdrawn before anybody asks.
			if !c.NoWorker {
				if err := a.Match.Refresh(ctx); err != nil && ctx.Err() == nil {
					a.Logger.WarnContext(ctx, "clips are not fingerprinted", "error", err)
				}
			}
		}
	}
}

func usage(err error) error {
	if errors.Is(err, web.ErrInsecure) {
		return archive.Explain(fmt.Errorf("%w: %w", app.ErrUsage, err), "Other machines are served over https only.",
			"Put a proxy with a certificate in front and name it with --origin https://…, or listen on 127.0.0.1.")
	}
	return fmt.Errorf("%w: %w", app.ErrUsage, err)
}

// first gives the first text that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

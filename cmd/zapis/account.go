package main

import (
	"fmt"
	"io"

	"zapis/internal/app"
	"zapis/internal/web"
)

// accountCmd is for whoever holds the machine and the vault's passphrase; everything else about accounts is done in the
// workspace.
type accountCmd struct {
	Link accountLinkCmd `cmd:"" help:"Print a one-time sign-in link for somebody who lost every other way in."`
	List accountListCmd `cmd:"" help:"List accounts."`
}

type accountLinkCmd struct {
	Name   string `arg:"" help:"Name that the person types to sign in."`
	Origin string `help:"Address under which people reach the workspace; by default as configured (url, listen)." placeholder:"URL"`
}

func (c *accountLinkCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		origin := first(c.Origin, a.Config.URL)
		if origin == "" {
			origin = "http://" + first(a.Config.Listen, "127.0.0.1:8420")
		}
		u, err := web.CheckOrigin(origin, true)
		if err != nil {
			return fmt.Errorf("%w: %w", app.ErrUsage, err)
		}
		s, err := openAccounts(k, a, origin)
		if err != nil {
			return err
		}
		defer s.Close()
		link, err := s.OperatorLink(k.ctx, c.Name)
		if err != nil {
			return err
		}
		at := u.String() + "/sign-in/link/" + link.Token
		if k.JSON {
			k.json(map[string]any{"account": link.Account, "link": at, "link_until": stamp(link.ExpiresAt)})
			return nil
		}
		k.say("One-time link, until %s UTC:\n\n  %s", when(link.ExpiresAt), at)
		return nil
	})
}

type accountListCmd struct{}

func (c *accountListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		s, err := openAccounts(k, a, "")
		if err != nil {
			return err
		}
		defer s.Close()
		all, err := s.OperatorList(k.ctx)
		if err != nil {
			return err
		}
		if k.JSON {
			for _, p := range all {
				k.json(map[string]any{"id": p.ID, "name": p.Name, "role": p.Role, "disabled": p.Disabled, "seen": stamp(p.SeenAt), "password": p.Password, "passkeys": len(p.Passkeys)})
			}
			return nil
		}
		return k.table(func(w io.Writer) {
			fmt.Fprintln(w, "NAME\tROLE\tSTATE\tLAST SEEN\tID")
			for _, p := range all {
				state := "open"
				if p.Disabled {
					state = "closed"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Name, p.Role, state, when(p.SeenAt), p.ID)
			}
		})
	})
}

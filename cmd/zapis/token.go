package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"zapis/internal/account"
	"zapis/internal/app"
)

type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make a token by which a program acts in a person's name, within less than that person may."`
	List   tokenListCmd   `cmd:"" help:"List tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token for good."`
}

type tokenAddCmd struct {
	Label       string   `required:"" help:"What it is for." placeholder:"TEXT"`
	Allow       []string `required:"" help:"What it is good for: read, write, export." placeholder:"WHAT"`
	Compartment []string `help:"Compartments that it reaches, and \"common\"; by default those of the person." placeholder:"ID"`
	Days        int      `help:"How long it lives, at most a year." default:"30"`
	identity
}

func (c *tokenAddCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		s, err := openAccounts(k, a, "")
		if err != nil {
			return err
		}
		defer s.Close()
		t, err := s.NewToken(k.ctx, who, account.TokenDraft{Label: c.Label, Actions: c.Allow, Compartments: c.Compartment, Life: time.Duration(c.Days) * 24 * time.Hour})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"id": t.ID, "token": t.Secret, "actions": t.Actions, "compartments": t.Compartments, "until": stamp(t.ExpiresAt)})
			return nil
		}
		k.say("%s, until %s UTC. It is shown this once:\n\n  %s", t.ID, when(t.ExpiresAt), t.Secret)
		return nil
	})
}

type tokenListCmd struct{}

func (c *tokenListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		s, err := openAccounts(k, a, "")
		if err != nil {
			return err
		}
		defer s.Close()
		all, err := s.AllTokens(k.ctx, operator(a))
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, t := range all {
				used := ""
				if !t.UsedOn.IsZero() {
					used = t.UsedOn.Format(time.DateOnly)
				}
				if k.JSON {
					k.json(map[string]any{"id": t.ID, "account": t.Account, "actions": t.Actions, "compartments": t.Compartments, "until": stamp(t.ExpiresAt), "revoked": stamp(t.RevokedAt), "used_on": used})
					continue
				}
				state := "until " + when(t.ExpiresAt)
				if !t.RevokedAt.IsZero() {
					state = "revoked"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.ID, t.Account, strings.Join(t.Actions, ","), state, used)
			}
		})
	})
}

type tokenRevokeCmd struct {
	ID string `arg:"" help:"Identifier of the token."`
}

func (c *tokenRevokeCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		s, err := openAccounts(k, a, "")
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.RevokeToken(k.ctx, operator(a), c.ID); err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"id": c.ID, "state": "revoked"})
			return nil
		}
		k.say("%s opens nothing any more.", c.ID)
		return nil
	})
}

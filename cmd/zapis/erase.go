package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"zapis/internal/account"
	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/erase"
	"zapis/internal/policy"
)

type eraseCmd struct {
	Request  eraseRequestCmd  `cmd:"" help:"Ask that an item be erased. Nothing happens to it before another person agrees."`
	List     eraseListCmd     `cmd:"" help:"List erasures that wait or are under way."`
	Approve  eraseApproveCmd  `cmd:"" help:"Agree to an erasure that another person asked for. From then on nobody is shown the item."`
	Withdraw eraseWithdrawCmd `cmd:"" help:"Call off an erasure that nobody agreed to yet."`
	Run      eraseRunCmd      `cmd:"" help:"Carry out an erasure that two people agreed to, or finish one that broke off. This cannot be undone."`
}

// identity is how a person proves at the command line who they are: whoever has the machine and the vault's passphrase is one
// person, and must not be able to be two.
type identity struct {
	As           string `required:"" help:"Name with which the person signs in." placeholder:"NAME"`
	PasswordFile string `help:"File whose first line is that person's password; by default it is asked for." placeholder:"FILE"`
	Code         string `help:"Code of that person's authenticator, or a recovery code; by default it is asked for." placeholder:"CODE"`
}

// who signs the person in.
func (i identity) who(k *call, a *app.App) (policy.Subject, error) {
	password, err := i.password(k)
	if err != nil {
		return policy.Subject{}, err
	}
	code := i.Code
	if code == "" {
		if code, err = k.askLine("Code of the authenticator of " + i.As + ": "); err != nil {
			return policy.Subject{}, err
		}
	}
	s, err := openAccounts(k, a, "")
	if err != nil {
		return policy.Subject{}, err
	}
	defer s.Close()
	p, err := s.SignIn(k.ctx, i.As, password, code)
	if wait, ok := errors.AsType[*account.WaitError](err); ok {
		return policy.Subject{}, archive.Explain(err, "Too many wrong tries under this name.", fmt.Sprintf("Try again in %s.", wait.For.Round(1e9)))
	}
	if err != nil {
		return policy.Subject{}, archive.Explain(err, "Name, password or code are wrong.", "A code works once: wait for the next one. Nothing was done.")
	}
	return p.Subject(), nil
}

func (i identity) password(k *call) (string, error) {
	if i.PasswordFile != "" {
		if app.OpenToOthers(i.PasswordFile) {
			k.warn("others than its owner may read the file with the password (chmod 600 it)")
		}
		p, err := app.ReadPassphrase(i.PasswordFile)
		return string(p), err
	}
	ask := k.prompt()
	if ask == nil {
		return "", archive.Explain(fmt.Errorf("%w: no password", app.ErrUsage), "The password of the person is needed.", "Give --password-file FILE and --code CODE, or run the command at a terminal.")
	}
	p, err := ask("Password of " + i.As + ": ")
	return string(p), err
}

// askLine asks for something that may be seen.
func (k *call) askLine(question string) (string, error) {
	f, ok := k.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", archive.Explain(fmt.Errorf("%w: no code", app.ErrUsage), "The code of the person's authenticator is needed.", "Give --code CODE, or run the command at a terminal.")
	}
	fmt.Fprint(k.err, question)
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read code: %w", err)
	}
	return strings.TrimSpace(line), nil
}

type erasureJSON struct {
	ID          string `json:"id"`
	Item        string `json:"item"`
	Ref         string `json:"ref"`
	State       string `json:"state"`
	Reason      string `json:"reason"`
	RequestedBy string `json:"requested_by"`
	RequestedAt string `json:"requested_at"`
	ApprovedBy  string `json:"approved_by,omitempty"`
	ApprovedAt  string `json:"approved_at,omitempty"`
	EndedAt     string `json:"ended_at,omitempty"`
	// Releases that are out and show the item, by their names in addresses.
	Releases []string `json:"releases,omitempty"`
}

func erasureOf(e erase.Erasure) erasureJSON {
	var slugs []string
	for _, r := range e.Releases {
		slugs = append(slugs, r.Slug)
	}
	return erasureJSON{Releases: slugs, ID: e.ID, Item: e.Item, Ref: e.Reference, State: e.State, Reason: e.Reason, RequestedBy: e.RequestedBy, RequestedAt: stamp(e.RequestedAt),
		ApprovedBy: e.ApprovedBy, ApprovedAt: stamp(e.ApprovedAt), EndedAt: stamp(e.EndsAt)}
}

type eraseRequestCmd struct {
	Item   string `arg:"" help:"Identifier or reference of the item."`
	Reason string `required:"" help:"Why. Kept in the database, not in the custody record."`
	identity
}

func (c *eraseRequestCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		e, err := a.Erase.Request(k.ctx, who, c.Item, c.Reason)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(erasureOf(e))
			return nil
		}
		k.say("%s: the erasure of %s is asked for. Another person has to agree: zapis erase approve %s --as NAME", e.ID, e.Reference, e.ID)
		return nil
	})
}

type eraseListCmd struct {
	All bool `help:"Also those that are done or withdrawn."`
}

func (c *eraseListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Erase.List(k.ctx, operator(a), !c.All)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, e := range list {
				if k.JSON {
					k.json(erasureOf(e))
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Reference, e.State, when(e.RequestedAt), first(e.RequestedName, e.RequestedBy), e.Reason)
			}
		})
	})
}

type eraseApproveCmd struct {
	ID       string `arg:"" help:"Identifier of the erasure."`
	Releases bool   `help:"Agree although releases that are out show the item. They stay out until they are withdrawn."`
	identity
}

func (c *eraseApproveCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		e, err := a.Erase.Erasure(k.ctx, who, c.ID)
		if err != nil {
			return err
		}
		if len(e.Releases) > 0 && !c.Releases {
			var slugs []string
			for _, r := range e.Releases {
				slugs = append(slugs, r.Slug)
			}
			return archive.Explain(fmt.Errorf("approve erasure: %w: releases show the item", archive.ErrConflict), "These releases are out and show the item: "+strings.Join(slugs, ", "),
				"They stay out when it is erased. Withdraw them first, or agree all the same with --releases. Nothing was done.")
		}
		if err := a.Erase.Approve(k.ctx, who, c.ID); err != nil {
			return err
		}
		return k.erasure(a, c.ID, "Agreed. Nobody is shown the item any more. To destroy it for good: zapis erase run "+c.ID)
	})
}

type eraseWithdrawCmd struct {
	ID string `arg:"" help:"Identifier of the erasure."`
	identity
}

func (c *eraseWithdrawCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		if err := a.Erase.Withdraw(k.ctx, who, c.ID); err != nil {
			return err
		}
		return k.erasure(a, c.ID, "Called off. The item stays as it is.")
	})
}

// erasure shows how an erasure stands now.
func (k *call) erasure(a *app.App, id, text string) error {
	if !k.JSON {
		k.say("%s", text)
		return nil
	}
	e, err := a.Erase.Erasure(k.ctx, operator(a), id)
	if err != nil {
		return err
	}
	k.json(erasureOf(e))
	return nil
}

type eraseRunCmd struct {
	ID    string `arg:"" help:"Identifier of the erasure."`
	Clips bool   `help:"Also destroy the archive's own sealed copies of clips that were cut from the item. What was published stays published."`
}

func (c *eraseRunCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		rep, err := a.Erase.Run(k.ctx, a.Agent, c.ID, erase.RunOptions{Clips: c.Clips})
		if err != nil && !errors.Is(err, erase.ErrFollow) {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"erasure": rep.Erasure, "item": rep.Item, "objects": rep.Objects, "clips": rep.Clips, "openings": rep.Openings,
				"purged": rep.Purged, "replica": rep.Replica, "replicated": rep.Replicated})
			return err
		}
		k.say("%s is erased: %d keys destroyed, %d entries of the custody record closed for good.", rep.Item, rep.Objects, rep.Openings)
		if rep.Replicated {
			k.say("The replica was brought up to date.")
		}
		k.say("Copies elsewhere still hold it: bring every other copy of the vault up to date, and destroy backups of vault and database from before.")
		k.say("Receipts, clips and bundles that were handed out cannot be reached.")
		if e, eerr := a.Erase.Erasure(k.ctx, operator(a), c.ID); eerr == nil {
			for _, r := range e.Releases {
				k.say("Release %s is still out and shows it: zapis release withdraw %s --reason LANG=TEXT, or: zapis release keep %s --reason TEXT", r.Slug, r.Slug, r.Slug)
			}
		}
		return err
	})
}

package main

import (
	"fmt"

	"zapis/internal/app"
)

type initCmd struct {
	Recipient  []string `help:"age1pq1… or age1… of a key file that opens the vault, too. May be given several times." placeholder:"KEY"`
	NoPassword bool     `help:"No passphrase: only key files open the vault." name:"no-passphrase"`
	WorkFactor int      `hidden:"" help:"log2 of the cost of guessing the passphrase; low only in tests."`
}

func (c *initCmd) Run(k *call) error {
	h, err := k.home()
	if err != nil {
		return err
	}
	// Before a person types a passphrase twice.
	if err := h.CheckEmpty(); err != nil {
		return err
	}
	o := app.InitOptions{Recipients: c.Recipient, WorkFactor: c.WorkFactor, Version: version, Logger: k.logger}
	switch {
	case c.NoPassword && len(c.Recipient) == 0:
		return fmt.Errorf("%w: without a passphrase a --recipient is needed", app.ErrUsage)
	case !c.NoPassword:
		if o.Passphrase, err = k.newPassphrase(h.Config.PassphraseFile); err != nil {
			return err
		}
	}
	id, verifier, err := app.Init(k.ctx, h, o)
	if err != nil {
		return err
	}
	if k.JSON {
		k.json(map[string]any{"vault": id, "verifier": verifier})
		return nil
	}
	k.say("Archive %s is made.", id)
	k.say("Its public key, with which anyone checks receipts and checkpoints:\n\n    %s\n", verifier)
	k.say("Publish it where it cannot be changed unseen, and keep the passphrase on paper, twice, in two places.")
	return nil
}

package main

import (
	"fmt"
	"slices"

	"zapis/internal/app"
	"zapis/internal/vault"
)

type vaultCmd struct {
	Passphrase vaultPassphraseCmd `cmd:"" help:"Change the passphrase. Stored bytes are not touched."`
	Keyfile    vaultKeyfileCmd    `cmd:"" help:"Add, remove and list key files that open the vault."`
	Rekey      vaultRekeyCmd      `cmd:"" help:"Give the vault a new key, as when somebody may no longer open it."`
	Replicate  vaultReplicateCmd  `cmd:"" help:"Bring a copy of the vault up to date; damage is healed from it."`
	Check      vaultCheckCmd      `cmd:"" help:"Check the vault without key and database; same as fixity check --all --locked."`
	Show       vaultShowCmd       `cmd:"" help:"Show what is known of the vault without opening it."`
}

// alone opens the archive for a change of keys, and gives the passphrase that opens it, if one does.
func (k *call) alone(f func(a *app.App, passphrase []byte) error) error {
	h, err := k.home()
	if err != nil {
		return err
	}
	var pass []byte
	if h.Config.PassphraseFile != "" || h.Config.KeyFile == "" {
		if pass, err = h.Passphrase(k.prompt()); err != nil {
			return err
		}
	}
	a, err := k.openHome(h, app.Options{Alone: true, Ask: func(string) ([]byte, error) { return pass, nil }})
	if err != nil {
		return err
	}
	defer a.Close()
	return f(a, pass)
}

// keepPassphrase refuses to change the list of key files without the passphrase, since what is not named is locked out.
func keepPassphrase(k *call, a *app.App, pass []byte) error {
	slots, err := vault.KeySlots(k.ctx, a.Storage)
	if err != nil {
		return err
	}
	if len(pass) == 0 && slices.Contains(slots, "passphrase") {
		return fmt.Errorf("%w: the passphrase is needed as well (--passphrase-file), so that it goes on opening the vault", app.ErrUsage)
	}
	if len(pass) > 0 {
		// It may have been a key file that opened the vault: a passphrase that does not is not to become one by accident.
		if _, err := vault.Open(k.ctx, a.Storage, vault.Passphrase(pass)); err != nil {
			return err
		}
	}
	return nil
}

type vaultPassphraseCmd struct {
	New        string `help:"File with the new passphrase." name:"new-passphrase-file" placeholder:"FILE"`
	WorkFactor int    `hidden:""`
}

func (c *vaultPassphraseCmd) Run(k *call) error {
	return k.alone(func(a *app.App, _ []byte) error {
		fresh, err := k.newPassphrase(c.New)
		if err != nil {
			return err
		}
		keys, err := a.Recipients(k.ctx)
		if err != nil {
			return err
		}
		if err := a.ChangeKeys(k.ctx, app.KeyChange{Passphrase: fresh, Recipients: keys, WorkFactor: c.WorkFactor}); err != nil {
			return err
		}
		return k.keysChanged(len(keys), true)
	})
}

func (k *call) keysChanged(keyFiles int, passphrase bool) error {
	if k.JSON {
		k.json(map[string]any{"passphrase": passphrase, "key_files": keyFiles})
		return nil
	}
	k.say("The vault opens by %s%d key files.", map[bool]string{true: "one passphrase and "}[passphrase], keyFiles)
	k.say("Copies of the vault made before still open as they did.")
	return nil
}

type vaultKeyfileCmd struct {
	Add    vaultKeyfileAddCmd    `cmd:"" help:"Let a key file open the vault."`
	Remove vaultKeyfileRemoveCmd `cmd:"" help:"Let a key file open the vault no longer; see rekey."`
	List   vaultKeyfileListCmd   `cmd:"" help:"List the public keys of the key files."`
}

type vaultKeyfileAddCmd struct {
	Recipient  string `arg:"" help:"Public key of the key file: age1pq1… (age-keygen -pq) or age1…"`
	WorkFactor int    `hidden:""`
}

func (c *vaultKeyfileAddCmd) Run(k *call) error {
	return k.alone(func(a *app.App, pass []byte) error {
		if err := keepPassphrase(k, a, pass); err != nil {
			return err
		}
		keys, err := a.Recipients(k.ctx)
		if err != nil {
			return err
		}
		keys = append(keys, c.Recipient)
		if err := a.ChangeKeys(k.ctx, app.KeyChange{Passphrase: pass, Recipients: keys, WorkFactor: c.WorkFactor}); err != nil {
			return err
		}
		return k.keysChanged(len(slices.Compact(slices.Sorted(slices.Values(keys)))), len(pass) > 0)
	})
}

type vaultKeyfileRemoveCmd struct {
	Recipient  string `arg:"" help:"Public key of the key file."`
	WorkFactor int    `hidden:""`
}

func (c *vaultKeyfileRemoveCmd) Run(k *call) error {
	return k.alone(func(a *app.App, pass []byte) error {
		if err := keepPassphrase(k, a, pass); err != nil {
			return err
		}
		keys, err := a.Recipients(k.ctx)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(keys), func(r string) bool { return r == c.Recipient })
		if len(left) == len(keys) {
			return fmt.Errorf("%w: no such key file", app.ErrUsage)
		}
		if err := a.ChangeKeys(k.ctx, app.KeyChange{Passphrase: pass, Recipients: left, WorkFactor: c.WorkFactor}); err != nil {
			return err
		}
		if !k.JSON {
			k.say("Whoever has that key file and an older copy of the vault can still open what it holds, and what is sealed to the same")
			k.say("vault key from now on. zapis vault rekey ends the latter.")
		}
		return k.keysChanged(len(left), len(pass) > 0)
	})
}

type vaultKeyfileListCmd struct{}

func (c *vaultKeyfileListCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		keys, err := a.Recipients(k.ctx)
		if err != nil {
			return err
		}
		for _, r := range keys {
			if k.JSON {
				k.json(map[string]any{"recipient": r})
			} else {
				k.say("%s", r)
			}
		}
		return nil
	})
}

type vaultRekeyCmd struct {
	New        string `help:"File with a new passphrase; else the present one stays." name:"new-passphrase-file" placeholder:"FILE"`
	WorkFactor int    `hidden:""`
}

func (c *vaultRekeyCmd) Run(k *call) error {
	return k.alone(func(a *app.App, pass []byte) (err error) {
		if err := keepPassphrase(k, a, pass); err != nil {
			return err
		}
		if c.New != "" {
			if pass, err = k.newPassphrase(c.New); err != nil {
				return err
			}
		}
		keys, err := a.Recipients(k.ctx)
		if err != nil {
			return err
		}
		done := 0
		err = a.ChangeKeys(k.ctx, app.KeyChange{Passphrase: pass, Recipients: keys, Rotate: true, WorkFactor: c.WorkFactor, Progress: func(n int) { done = n }})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"resealed": done, "passphrase": len(pass) > 0, "key_files": len(keys)})
			return nil
		}
		k.say("The vault has a new key; %d envelopes and secrets were sealed anew, no blob was touched.", done)
		return nil
	})
}

type vaultReplicateCmd struct {
	To     string `help:"Absolute path of a folder, or s3://…; the last one if not given." placeholder:"PLACE"`
	Reread bool   `help:"Also read what the replica has already."`
}

func (c *vaultReplicateCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		rep, err := a.Replicate(k.ctx, c.To, c.Reread, nil)
		if err != nil {
			return err
		}
		for _, name := range rep.Damaged {
			if k.JSON {
				k.json(map[string]any{"type": "mismatch", "name": name})
			} else {
				k.say("NOT COPIED, it does not agree with its sums: %s", name)
			}
		}
		if k.JSON {
			k.json(map[string]any{"type": "result", "copied": rep.Copied, "bytes": rep.Bytes, "present": rep.Present, "damaged": len(rep.Damaged)})
		} else {
			k.say("%d files copied (%s), %d were there", rep.Copied, size(rep.Bytes), rep.Present)
		}
		if len(rep.Damaged) > 0 {
			return fmt.Errorf("%w: %d files of the vault are damaged; run zapis fixity check --all", app.ErrNotVerified, len(rep.Damaged))
		}
		return nil
	})
}

type vaultCheckCmd struct {
	Locked  bool   `help:"Without key and database; this is how it is done always." default:"true" negatable:""`
	Replica string `help:"Another copy of the vault, a folder or s3://…" placeholder:"PLACE"`
}

func (c *vaultCheckCmd) Run(k *call) error {
	return (&fixityCheckCmd{All: true, Locked: true, Replica: c.Replica}).Run(k)
}

type vaultShowCmd struct{}

func (c *vaultShowCmd) Run(k *call) error {
	h, err := k.home()
	if err != nil {
		return err
	}
	b, err := h.Storage(k.ctx)
	if err != nil {
		return err
	}
	v, err := vault.Inspect(k.ctx, b)
	if err != nil {
		return err
	}
	slots, err := vault.KeySlots(k.ctx, b)
	if err != nil {
		return err
	}
	if k.JSON {
		k.json(map[string]any{"vault": v.Vault, "created": v.Created, "format": v.Format, "segment_size": v.SegmentSize, "recipient": v.Recipient, "keys": slots})
		return nil
	}
	k.say("%s, made %s, format %v", v.Vault, v.Created, v.Format)
	k.say("opens by: %v", slots)
	k.say("sealed to %s", v.Recipient)
	return nil
}

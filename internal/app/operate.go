package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/rows"
	"zapis/internal/custody/verify"
	"zapis/internal/fsck"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// VerifyRecord re-derives the custody record from the database, by a path that shares no code with the one that wrote it,
// and holds it against the checkpoints kept in the home folder and those from outside.
func (a *App) VerifyRecord(ctx context.Context, outside [][]byte, progress func(done, total int64)) (rep verify.Report, err error) {
	key, err := verify.ParseKey(a.Verifier)
	if err != nil {
		return rep, err
	}
	kept, err := a.KeptCheckpoints()
	if err != nil {
		return rep, err
	}
	err = a.DB.Read(ctx, func(tx *store.Tx) error {
		src, err := rows.New(tx)
		if err != nil {
			return err
		}
		rep, err = verify.VerifyDB(ctx, src, verify.Options{Key: key, Outside: append(kept, outside...), Progress: progress})
		return err
	})
	if err != nil {
		return rep, fmt.Errorf("verify the custody record: %w", err)
	}
	if rep.OK() {
		err = a.DB.Write(ctx, func(tx *store.Tx) error {
			return tx.SetSetting(ctx, settingVerified, time.Now().UTC().Format(time.RFC3339))
		})
	}
	return rep, err
}

// KeptCheckpoints reads the checkpoints in the home folder.
func (h *Home) KeptCheckpoints() ([][]byte, error) {
	entries, err := os.ReadDir(h.CheckpointDir())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, bare("read kept checkpoints", err)
	}
	var out [][]byte
	for _, e := range entries {
		if e.Name() == verifierName || !strings.HasSuffix(e.Name(), ".txt") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		text, err := os.ReadFile(h.CheckpointDir() + "/" + e.Name())
		if err != nil {
			return nil, bare("read kept checkpoint", err)
		}
		out = append(out, text)
	}
	return out, nil
}

// Fsck cross-checks database, vault and custody record.
func (a *App) Fsck(ctx context.Context, outside [][]byte, o fsck.Options) (fsck.Report, error) {
	key, err := verify.ParseKey(a.Verifier)
	if err != nil {
		return fsck.Report{}, err
	}
	return fsck.Run(ctx, fsck.Deps{
		DB: a.DB, Vault: a.Vault, Sealer: a.Sealer, Key: key, Checkpoints: os.DirFS(a.CheckpointDir()), Outside: outside,
		NoOpenBatch: a.noOpenBatch,
	}, o)
}

// noOpenBatch is certain only when this process has the vault alone, and the vault and the database can be reached from
// this machine only.
func (a *App) noOpenBatch(context.Context) (release func(), err error) {
	if !a.alone || a.Storage.Properties().Kind != "localdisk" || !a.sqlite() {
		return nil, archive.Explain(fmt.Errorf("open batches: %w", archive.ErrBusy), "It is not certain that nobody writes to the vault.",
			"Leftovers are taken away only from a vault on a local disk with a SQLite database.")
	}
	return func() {}, nil
}

// Replicate brings a copy of the vault up to date, makes it if need be, and notes the place as the replica from which
// damage is healed.
func (a *App) Replicate(ctx context.Context, place string, reread bool, progress func(int64)) (vault.MirrorReport, error) {
	if place == "" {
		place = a.Config.Replica
	}
	err := a.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if place == "" {
			place, _, err = tx.Setting(ctx, settingReplica)
		}
		return err
	})
	if err != nil {
		return vault.MirrorReport{}, err
	}
	if place == "" {
		return vault.MirrorReport{}, fmt.Errorf("%w: a place for the replica is needed", ErrUsage)
	}
	if !isS3(place) && !strings.HasPrefix(place, "/") {
		return vault.MirrorReport{}, fmt.Errorf("%w: an absolute path or s3://… is needed", ErrUsage)
	}
	if place == a.vaultPlace() {
		return vault.MirrorReport{}, fmt.Errorf("%w: a vault cannot be its own replica", ErrUsage)
	}
	to, err := CreateStorage(ctx, place)
	if err != nil {
		return vault.MirrorReport{}, fmt.Errorf("open replica: %w", err)
	}
	known := func(envelope string, sum [32]byte) bool {
		same := false
		err := a.DB.Read(ctx, func(tx *store.Tx) error {
			e, err := tx.Envelope(ctx, envelope)
			same = err == nil && bytes.Equal(e.SHA256, sum[:])
			return nil
		})
		return err == nil && same
	}
	rep, err := vault.Mirror(ctx, a.Storage, to, vault.MirrorOptions{Reread: reread, Known: known, Progress: progress})
	if err != nil {
		return rep, fmt.Errorf("replicate: %w", err)
	}
	outcome := archive.Success
	if len(rep.Damaged) > 0 {
		outcome = archive.Failure
	}
	err = a.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.SetSetting(ctx, settingReplica, place); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingReplicated, time.Now().UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		_, err := a.Custody.Record(ctx, tx, a.vaultEvent(archive.EventReplication, outcome, map[string]string{
			"files": strconv.Itoa(rep.Copied), "bytes": strconv.FormatInt(rep.Bytes, 10), "damaged": strconv.Itoa(len(rep.Damaged)),
		}))
		return err
	})
	return rep, err
}

func (a *App) vaultEvent(kind string, outcome archive.EventOutcome, detail map[string]string) archive.Event {
	return archive.Event{
		Type: kind, Agent: a.Agent, Outcome: outcome, Detail: detail,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindVault, ID: a.Vault.ID()}},
	}
}

// Recipients gives those of the key files that open the vault.
func (a *App) Recipients(ctx context.Context) ([]string, error) {
	var text string
	err := a.DB.Read(ctx, func(tx *store.Tx) (err error) {
		text, _, err = tx.Setting(ctx, settingRecipients)
		return err
	})
	return strings.Fields(text), err
}

// KeyChange says how the vault opens from now on.
type KeyChange struct {
	Passphrase []byte   // empty: by no passphrase
	Recipients []string // of all key files
	Rotate     bool     // also a new identity of the vault; every envelope is sealed anew
	WorkFactor int
	Progress   func(done int)
}

// ChangeKeys changes who can open the vault. The process must have the vault alone. If it breaks off, the vault opens as
// before or as asked, and the same call finishes it.
func (a *App) ChangeKeys(ctx context.Context, c KeyChange) error {
	if !a.alone {
		return fmt.Errorf("change keys: %w", archive.ErrBusy)
	}
	if len(c.Passphrase) > 0 {
		if err := CheckPassphrase(c.Passphrase); err != nil {
			return err
		}
	}
	slices.Sort(c.Recipients)
	c.Recipients = slices.Compact(c.Recipients)
	// The list of recipients is noted first: one too many there is asked for again, one too few would be locked out.
	before, err := a.Recipients(ctx)
	if err != nil {
		return err
	}
	all := slices.Concat(before, c.Recipients)
	slices.Sort(all)
	note := func(list []string) error {
		return a.DB.Write(ctx, func(tx *store.Tx) error {
			return tx.SetSetting(ctx, settingRecipients, strings.Join(slices.Compact(list), " "))
		})
	}
	if err := note(all); err != nil {
		return err
	}
	err = a.Vault.Rekey(ctx, vault.RekeyOptions{
		Passphrase: c.Passphrase, KeyFileRecipients: c.Recipients, WorkFactor: c.WorkFactor, Rotate: c.Rotate, Progress: c.Progress,
	})
	if err != nil {
		return err
	}
	if c.Rotate {
		if err := a.followEnvelopes(ctx); err != nil {
			return err
		}
	}
	if err := note(c.Recipients); err != nil {
		return err
	}
	act := "ways to open changed"
	if c.Rotate {
		act = "vault key replaced"
	}
	return a.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := a.Custody.Record(ctx, tx, a.vaultEvent(archive.EventKeyChange, archive.Success, map[string]string{
			"act": act, "passphrase": strconv.FormatBool(len(c.Passphrase) > 0), "key_files": strconv.Itoa(len(c.Recipients)),
		}))
		return err
	})
}

// followEnvelopes notes the digests of envelopes that were sealed anew. An envelope is followed only if it opens and
// names exactly the objects, with the digests, that the catalogue has.
func (a *App) followEnvelopes(ctx context.Context) error {
	for id, err := range a.Vault.Envelopes(ctx) {
		if err != nil {
			return err
		}
		c, err := a.Vault.DescribeCommit(ctx, id)
		if err != nil {
			return fmt.Errorf("follow envelope %s: %w", id, err)
		}
		err = a.DB.Write(ctx, func(tx *store.Tx) error {
			e, err := tx.Envelope(ctx, id)
			if errors.Is(err, archive.ErrNotFound) {
				return nil // a leftover; fsck names it
			}
			if err != nil || bytes.Equal(e.SHA256, c.EnvelopeSHA256[:]) {
				return err
			}
			for _, o := range c.Objects {
				held, err := tx.Object(ctx, o.ID)
				if err != nil {
					return err
				}
				if held.Envelope != id || !bytes.Equal(held.SHA256, o.SHA256[:]) || held.Size != o.Size {
					return fmt.Errorf("object %s: %w", o.ID, archive.ErrIntegrity)
				}
			}
			return tx.SetEnvelope(ctx, id, c.EnvelopeSHA256[:], c.EnvelopeSize)
		})
		if err != nil {
			return fmt.Errorf("follow envelope %s: %w", id, err)
		}
	}
	return nil
}

// Migrate brings the database to the schema of this program.
func (h *Home) Migrate(ctx context.Context, ask Prompt) error {
	a, err := h.Open(ctx, Options{Ask: ask, NoDatabase: true, Alone: true})
	if err != nil {
		return err
	}
	defer a.Close()
	so := store.Options{URL: h.DatabaseURL()}
	if h.sqlite() {
		if so.Key, err = a.Vault.Secret(ctx, secretDatabase); err != nil {
			return err
		}
	}
	return store.Migrate(ctx, so)
}

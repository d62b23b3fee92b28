package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/config"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/internal/vault"
)

// Names of secrets in the vault.
const (
	secretDatabase   = "database"
	secretRecord     = "record"
	secretCheckpoint = "checkpoint"
	secretSession    = "session"
)

// MinPassphrase is the least number of characters of a passphrase.
const MinPassphrase = 12

// CheckPassphrase refuses a passphrase that is too short, not text, or made of very few different characters.
func CheckPassphrase(p []byte) error {
	weak := func(why string) error {
		return archive.Explain(fmt.Errorf("%w: passphrase: %s", archive.ErrInvalid, why), "This passphrase is too weak: "+why+".",
			"Take seven or more words drawn at random, for example with dice, and write them down on paper.")
	}
	if !utf8.Valid(p) {
		return weak("it is not UTF-8 text")
	}
	if utf8.RuneCount(p) < MinPassphrase {
		return weak(fmt.Sprintf("it has fewer than %d characters", MinPassphrase))
	}
	seen := map[rune]bool{}
	for _, r := range string(p) {
		seen[r] = true
	}
	if len(seen) < 5 {
		return weak("it repeats a few characters")
	}
	return nil
}

// CheckEmpty refuses a home folder that holds anything but the configuration.
func (h *Home) CheckEmpty() error {
	entries, err := os.ReadDir(h.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return bare("read home folder", err)
	}
	for _, e := range entries {
		if e.Name() != config.Name {
			return archive.Explain(fmt.Errorf("home folder: %w", archive.ErrExists), "The home folder is not empty.",
				"An archive is only made in an empty folder.")
		}
	}
	return nil
}

// InitOptions of Init.
type InitOptions struct {
	Passphrase  []byte
	Recipients  []string // key files that open the vault, too
	SegmentSize int64    // 0: the vault's default
	WorkFactor  int      // 0: the vault's default
	Version     string
	Logger      *slog.Logger
}

// Init makes an archive in a home folder: vault, secrets, database, custody record with its first event and its first
// checkpoint. The folder must be empty or not there; after an error what was begun must be removed by hand, since
// nothing here takes away files.
func Init(ctx context.Context, h *Home, o InitOptions) (vaultID, verifier string, err error) {
	if len(o.Passphrase) == 0 && len(o.Recipients) == 0 {
		return "", "", fmt.Errorf("%w: a passphrase or a key file is needed", archive.ErrInvalid)
	}
	if len(o.Passphrase) > 0 {
		if err := CheckPassphrase(o.Passphrase); err != nil {
			return "", "", err
		}
	}
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		return "", "", bare("make home folder", err)
	}
	if err := h.CheckEmpty(); err != nil {
		return "", "", err
	}
	if err := os.Chmod(h.Dir, 0o700); err != nil {
		return "", "", bare("home folder", err)
	}
	b, err := CreateStorage(ctx, h.vaultPlace())
	if err != nil {
		return "", "", fmt.Errorf("storage of the vault: %w", err)
	}
	v, err := vault.Create(ctx, b, vault.CreateOptions{
		Passphrase: o.Passphrase, KeyFileRecipients: o.Recipients, SegmentSize: o.SegmentSize, WorkFactor: o.WorkFactor,
	})
	if err != nil {
		return "", "", err
	}
	origin := custody.Origin(v.ID())
	signerText, verifier, err := tlog.GenerateKey(rand.Reader, origin)
	if err != nil {
		return "", "", err
	}
	var key []byte
	for _, name := range []string{secretDatabase, secretRecord, secretSession} {
		secret := make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return "", "", fmt.Errorf("make secret %s: %w", name, err)
		}
		if err := v.PutSecret(ctx, name, secret); err != nil {
			return "", "", err
		}
		if name == secretDatabase {
			key = secret
		}
	}
	if err := v.PutSecret(ctx, secretCheckpoint, []byte(signerText)); err != nil {
		return "", "", err
	}
	if err := putIdentityKey(ctx, v); err != nil {
		return "", "", err
	}
	so := store.Options{URL: h.DatabaseURL(), Logger: o.Logger}
	if h.sqlite() {
		so.Key = key
	}
	db, err := store.Create(ctx, so, v.ID())
	if err != nil {
		return "", "", fmt.Errorf("make database: %w", err)
	}
	err = initRecord(ctx, h, db, v.ID(), origin, signerText, verifier, o)
	if cerr := db.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close database: %w", cerr)
	}
	if err != nil {
		return "", "", err
	}
	if err := h.saveConfig(); err != nil {
		return "", "", err
	}
	return v.ID(), verifier, nil
}

func initRecord(ctx context.Context, h *Home, db *store.DB, vaultID, origin, signerText, verifier string, o InitOptions) error {
	if _, err := job.New(db, job.Options{}); err != nil { // its own tables must be usable before anything is acknowledged
		return err
	}
	signer, err := tlog.NewSigner(signerText)
	if err != nil {
		return err
	}
	rec := custody.New(custody.Options{Tool: Tool(o.Version), Signer: signer, Origin: origin})
	program := archive.Agent{ID: archive.NewID(archive.PrefixAgent), Kind: "software", Name: "zapis", CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	err = db.Write(ctx, func(tx *store.Tx) error {
		if err := tx.AddAgent(ctx, program); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingProgram, program.ID); err != nil {
			return err
		}
		if len(o.Recipients) > 0 {
			if err := tx.SetSetting(ctx, settingRecipients, strings.Join(o.Recipients, " ")); err != nil {
				return err
			}
		}
		_, err := rec.Record(ctx, tx, custody.VaultCreated(program.ID, vaultID))
		return err
	})
	if err != nil {
		return fmt.Errorf("begin the custody record: %w", err)
	}
	note, size, err := rec.Checkpoint(ctx, db)
	if err != nil {
		return err
	}
	return h.keepCheckpoint(note, size, verifier)
}

// saveConfig writes zapis.toml with what this archive cannot be found without, unless there is one.
func (h *Home) saveConfig() error {
	keep := config.Default()
	keep.Database, keep.Vault = h.Config.Database, h.Config.Vault
	if keep == config.Default() {
		return nil
	}
	name := filepath.Join(h.Dir, config.Name)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil // the person's own; what it lacks is on the command line
	}
	if err != nil {
		return bare("write "+config.Name, err)
	}
	_, err = f.Write(keep.Encode())
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return bare("write "+config.Name, err)
	}
	return syncDir(h.Dir)
}

// keepCheckpoint writes a signed checkpoint beside the database, in clear, under its size and as latest: a database
// that is put back to an older state does not agree with it. It never replaces a later one.
func (h *Home) keepCheckpoint(note []byte, size int64, verifier string) error {
	dir := h.CheckpointDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return bare("keep checkpoint", err)
	}
	if err := writeOnce(filepath.Join(dir, verifierName), []byte(verifier+"\n")); err != nil {
		return err
	}
	if err := writeOnce(filepath.Join(dir, fmt.Sprintf("%016d.txt", size)), note); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeOnce writes a small file that must not be there, or must be the same.
func writeOnce(name string, text []byte) error {
	if old, err := os.ReadFile(name); err == nil {
		if string(old) != string(text) {
			return fmt.Errorf("keep %s: %w: another one is there", filepath.Base(name), archive.ErrIntegrity)
		}
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return bare("keep "+filepath.Base(name), err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return bare("keep "+filepath.Base(name), err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return bare("sync folder", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return bare("sync folder", err)
	}
	return nil
}

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"zapis/internal/archive"
	"zapis/internal/config"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/s3"
)

// Home is the place of one archive on this machine.
type Home struct {
	Dir    string
	Config config.Config
	Source config.Source
}

// Names in the home folder.
const (
	databaseName   = "zapis.db"
	vaultName      = "vault"
	lockName       = "lock"
	checkpointName = "checkpoint"
	verifierName   = "verifier.txt"
)

// Overrides are the global options of the command line; empty ones do not override.
type Overrides struct {
	Database, Vault, PassphraseFile, KeyFile string
}

// FindHome reads the configuration of a home. It does not ask whether there is an archive.
func FindHome(dir string, getenv func(string) string, o Overrides) (*Home, error) {
	if dir == "" {
		return nil, archive.Explain(fmt.Errorf("%w: no home folder is named", ErrUsage), "No home folder is named.", "Give --home DIR or set ZAPIS_HOME.")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("home folder: %w", err)
	}
	c, src, err := config.Load(abs, getenv)
	if err != nil {
		return nil, err
	}
	for key, v := range map[string]struct {
		from string
		to   *string
	}{
		"database": {o.Database, &c.Database}, "vault": {o.Vault, &c.Vault},
		"passphrase_file": {o.PassphraseFile, &c.PassphraseFile}, "key_file": {o.KeyFile, &c.KeyFile},
	} {
		if v.from != "" {
			*v.to, src[key] = v.from, "command line"
		}
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Home{Dir: abs, Config: c, Source: src}, nil
}

// DatabaseURL is where the catalogue is.
func (h *Home) DatabaseURL() string {
	if h.Config.Database != "" {
		return h.Config.Database
	}
	return "sqlite://" + filepath.Join(h.Dir, databaseName)
}

// sqlite says whether the catalogue is a file, which is sealed with a key of the vault.
func (h *Home) sqlite() bool { return strings.HasPrefix(h.DatabaseURL(), "sqlite:") }

// vaultPlace is a folder or an s3:// address.
func (h *Home) vaultPlace() string {
	switch v := h.Config.Vault; {
	case v == "":
		return filepath.Join(h.Dir, vaultName)
	case isS3(v) || filepath.IsAbs(v):
		return v
	default:
		return filepath.Join(h.Dir, v)
	}
}

func isS3(place string) bool { return strings.HasPrefix(place, "s3://") }

// LockDir holds one lock file for each thing that only one process may do.
func (h *Home) LockDir() string { return filepath.Join(h.Dir, lockName) }

// CheckpointDir holds the signed checkpoints and the verifier key, in clear.
func (h *Home) CheckpointDir() string { return filepath.Join(h.Dir, checkpointName) }

// Own lists the folders that ingest never enters.
func (h *Home) Own() []string {
	own := []string{h.Dir}
	for _, place := range []string{h.vaultPlace(), h.Config.Replica} {
		if place != "" && !isS3(place) {
			own = append(own, place)
		}
	}
	return own
}

// OpenStorage opens a place that holds a vault: vault.ErrNotVault where there is none.
func OpenStorage(ctx context.Context, place string) (vault.Backend, error) {
	if isS3(place) {
		c, err := s3.ParseURL(place)
		if err != nil {
			return nil, err
		}
		return s3.Open(ctx, c.Environment())
	}
	return localdisk.Open(place)
}

// CreateStorage makes a place for a vault.
func CreateStorage(ctx context.Context, place string) (vault.Backend, error) {
	if isS3(place) {
		return OpenStorage(ctx, place)
	}
	return localdisk.Create(place)
}

// Storage opens the storage of the vault, without any key.
func (h *Home) Storage(ctx context.Context) (vault.Backend, error) {
	b, err := OpenStorage(ctx, h.vaultPlace())
	if errors.Is(err, vault.ErrNotVault) || errors.Is(err, vault.ErrNotFound) {
		return nil, notInitialised(err)
	}
	if err != nil {
		return nil, fmt.Errorf("storage of the vault: %w", err)
	}
	return b, nil
}

func notInitialised(err error) error {
	return archive.Explain(fmt.Errorf("%w: %w", ErrNotInitialised, err), "There is no archive at this place.",
		"Check --home (ZAPIS_HOME), or make one with: zapis init")
}

// lock takes a lock of this home for as long as the file is open: archive.ErrBusy. With shared, others may share it.
func (h *Home) lock(name string, shared bool) (io.Closer, error) {
	if err := os.MkdirAll(h.LockDir(), 0o700); err != nil {
		return nil, bare("lock "+name, err)
	}
	f, err := os.OpenFile(filepath.Join(h.LockDir(), name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, bare("lock "+name, err)
	}
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", name, archive.ErrBusy)
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}

// bare takes the path out of an error.
func bare(what string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	} else if le, ok := errors.AsType[*os.LinkError](err); ok {
		err = le.Err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Prompt asks a person for a passphrase; nil where nobody can be asked.
type Prompt func(question string) ([]byte, error)

// ReadPassphrase gives the first line of a passphrase file, without its end of line.
func ReadPassphrase(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, bare("read passphrase file", err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, fmt.Errorf("read passphrase file: %w: its first line is empty", archive.ErrInvalid)
	}
	return bytes.Clone(line), nil
}

// OpenToOthers says whether others than its owner may read a file with a secret.
func OpenToOthers(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().Perm()&0o077 != 0
}

// Passphrase gets the passphrase from the file or the person.
func (h *Home) Passphrase(ask Prompt) ([]byte, error) {
	if h.Config.PassphraseFile != "" {
		return ReadPassphrase(h.Config.PassphraseFile)
	}
	if ask == nil {
		return nil, archive.Explain(fmt.Errorf("%w: no passphrase", ErrLocked), "The vault needs its passphrase.",
			"Give --passphrase-file FILE or --key-file FILE, or run the command at a terminal.")
	}
	return ask("Passphrase of the vault: ")
}

func (h *Home) unlock(ask Prompt) (vault.Unlock, error) {
	if h.Config.KeyFile != "" {
		text, err := os.ReadFile(h.Config.KeyFile)
		if err != nil {
			return nil, bare("read key file", err)
		}
		return vault.KeyFile(text), nil
	}
	p, err := h.Passphrase(ask)
	if err != nil {
		return nil, err
	}
	return vault.Passphrase(p), nil
}

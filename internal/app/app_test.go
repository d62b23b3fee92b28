package app_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

const passphrase = "seven words drawn at random by dice"

func none(string) string { return "" }

// find gives a home with its passphrase in a file.
func find(t *testing.T, dir string, o app.Overrides) *app.Home {
	t.Helper()
	if o.PassphraseFile == "" {
		o.PassphraseFile = filepath.Join(t.TempDir(), "pass")
		if err := os.WriteFile(o.PassphraseFile, []byte(passphrase+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h, err := app.FindHome(dir, none, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func made(t *testing.T, o app.Overrides) *app.Home {
	t.Helper()
	h := find(t, filepath.Join(t.TempDir(), "home"), o)
	if _, _, err := app.Init(t.Context(), h, app.InitOptions{Passphrase: []byte(passphrase), WorkFactor: 2, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	return h
}

func open(t *testing.T, h *app.Home, o app.Options) *app.App {
	t.Helper()
	o.Version = "test"
	a, err := h.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestInitAndOpen(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := app.Overrides{}
		if engine == store.PostgreSQL {
			o.Database = storetest.Postgres(t)
		}
		h := made(t, o)
		a := open(t, h, app.Options{})
		agent := a.Agent
		if agent == "" || agent == a.Program {
			t.Errorf("agent %q, program %q", agent, a.Program)
		}
		rep, err := a.VerifyRecord(t.Context(), nil, nil)
		if err != nil || !rep.OK() || rep.Size < 2 || rep.Outside == 0 {
			t.Errorf("%+v, %v", rep, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		// The same person is the same agent the next time.
		if b := open(t, h, app.Options{}); b.Agent != agent {
			t.Errorf("agent %q, then %q", agent, b.Agent)
		}
		// What init noted is found without options.
		again := find(t, h.Dir, app.Overrides{})
		open(t, again, app.Options{ReadOnly: true})
		if _, _, err := app.Init(t.Context(), h, app.InitOptions{Passphrase: []byte(passphrase), WorkFactor: 2}); !errors.Is(err, archive.ErrExists) {
			t.Errorf("init over an archive: %v", err)
		}
		err = filepath.WalkDir(h.Dir, func(at string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			// The driver makes this one as the umask says, which the program sets and a test does not.
			if err == nil && info.Mode().Perm()&0o077 != 0 && !strings.HasSuffix(at, "-shm") {
				t.Errorf("%s may be read by others: %v", d.Name(), info.Mode())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Vault and database of two archives are never opened together, whichever of them was swapped.
func TestForeignParts(t *testing.T) {
	t.Parallel()
	one, two := made(t, app.Overrides{}), made(t, app.Overrides{})
	swap := func(name string) {
		keep := filepath.Join(t.TempDir(), "x")
		for _, step := range [][2]string{{filepath.Join(one.Dir, name), keep}, {filepath.Join(two.Dir, name), filepath.Join(one.Dir, name)}, {keep, filepath.Join(two.Dir, name)}} {
			if err := os.Rename(step[0], step[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	swap("vault")
	if _, err := one.Open(t.Context(), app.Options{}); app.ExitCode(err) != app.ExitCannotOpen {
		t.Errorf("with another vault: %v", err)
	}
	swap("vault")
	open(t, one, app.Options{})

	// On PostgreSQL nothing is sealed with a key of the vault: the identities must do it.
	pg := storetest.Postgres(t)
	made(t, app.Overrides{Database: pg})
	if _, err := find(t, two.Dir, app.Overrides{Database: pg}).Open(t.Context(), app.Options{}); !errors.Is(err, store.ErrForeign) || app.ExitCode(err) != app.ExitCannotOpen {
		t.Errorf("with another database: %v", err)
	}
}

func TestNothingIsMadeByOpening(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	h := find(t, dir, app.Overrides{})
	if _, err := h.Open(t.Context(), app.Options{}); app.ExitCode(err) != app.ExitNotInitialised {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("opening made the folder")
	}
	m := made(t, app.Overrides{})
	if err := os.Remove(filepath.Join(m.Dir, "zapis.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Open(t.Context(), app.Options{}); app.ExitCode(err) != app.ExitNotInitialised {
		t.Errorf("without its database: %v", err)
	}
	if _, err := os.Stat(filepath.Join(m.Dir, "zapis.db")); !errors.Is(err, os.ErrNotExist) {
		t.Error("opening made a database beside a vault that is not empty")
	}
}

// An older database under a newer checkpoint is noticed: that is what keeping them beside it is for.
func TestAnOlderDatabaseIsNoticed(t *testing.T) {
	t.Parallel()
	h := made(t, app.Overrides{})
	a := open(t, h, app.Options{})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(h.Dir, "zapis.db"))
	if err != nil {
		t.Fatal(err)
	}
	a = open(t, h, app.Options{})
	if _, err := a.Ingest.NewAccession(t.Context(), a.Agent, "To be forgotten"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(h.Dir, "zapis.db"+suffix))
	}
	if err := os.WriteFile(filepath.Join(h.Dir, "zapis.db"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	a = open(t, h, app.Options{})
	rep, err := a.VerifyRecord(t.Context(), nil, nil)
	if err != nil || rep.OK() {
		t.Errorf("the older database passes: %+v, %v", rep, err)
	}
}

// Whoever changes keys or takes leftovers away has the vault alone.
func TestAlone(t *testing.T) {
	t.Parallel()
	h := made(t, app.Overrides{})
	writer := open(t, h, app.Options{Writes: true})
	open(t, h, app.Options{Writes: true}) // writers do not shut each other out
	if _, err := h.Open(t.Context(), app.Options{Alone: true}); app.ExitCode(err) != app.ExitBusy {
		t.Errorf("beside writers: %v", err)
	}
	if err := writer.ChangeKeys(t.Context(), app.KeyChange{Passphrase: []byte(passphrase)}); !errors.Is(err, archive.ErrBusy) {
		t.Errorf("a writer changed keys: %v", err)
	}
}

// A rotation of keys that breaks off is finished by doing it again, and the database follows.
func TestRotationIsFollowed(t *testing.T) {
	t.Parallel()
	h := made(t, app.Overrides{})
	a := open(t, h, app.Options{Writes: true})
	src := t.TempDir()
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(src, fmt.Sprint(i)), []byte(fmt.Sprint("file ", i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	acc, err := a.Ingest.NewAccession(t.Context(), a.Agent, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Ingest.Ingest(t.Context(), a.Agent, acc.ID, []string{src}, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, h, app.Options{Alone: true})
	// It breaks off after the vault is done and before the database knows.
	if err := a.Vault.Rekey(t.Context(), vault.RekeyOptions{Passphrase: []byte(passphrase), WorkFactor: 2, Rotate: true}); err != nil {
		t.Fatal(err)
	}
	if err := a.ChangeKeys(t.Context(), app.KeyChange{Passphrase: []byte(passphrase), WorkFactor: 2, Rotate: true}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, h, app.Options{})
	all := archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}
	if err := a.DB.Read(t.Context(), func(tx *store.Tx) error {
		items, _, err := tx.Items(t.Context(), all, store.Query{}, store.Cursor{}, 100)
		if len(items) != 10 {
			t.Errorf("%d items", len(items))
		}
		for _, it := range items {
			if err := a.Vault.CheckObject(context.Background(), vault.Ref(it.Object), nil); err != nil {
				t.Error(err)
			}
			e, err := tx.Envelope(t.Context(), it.Object.Envelope)
			if err != nil {
				return err
			}
			c, err := a.Vault.DescribeCommit(t.Context(), it.Object.Envelope)
			if err != nil || string(c.EnvelopeSHA256[:]) != string(e.SHA256) {
				t.Errorf("envelope %s: the database did not follow (%v)", e.ID, err)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		nil: 0, errors.New("x"): 1, context.Canceled: 1, vault.ErrFull: 1, archive.ErrConflict: 1, archive.ErrNotFound: 1, archive.ErrExists: 1, store.ErrMigration: 1,
		app.ErrUsage: 2, archive.ErrInvalid: 2, app.ErrSomeFailed: 3, app.ErrNotInitialised: 10, vault.ErrNotVault: 10, store.ErrNotInitialised: 10,
		archive.ErrBusy: 11, vault.ErrCannotOpen: 12, vault.ErrForeign: 12, vault.ErrFormat: 12, store.ErrKey: 12, store.ErrForeign: 12,
		app.ErrNotVerified: 20, archive.ErrIntegrity: 20, vault.ErrCorrupt: 20,
		fmt.Errorf("%w: %w", app.ErrLocked, vault.ErrCorrupt): 12,
	} {
		wrapped := err
		if err != nil {
			wrapped = archive.Explain(fmt.Errorf("a: %w", err), "text", "hint")
		}
		if got := app.ExitCode(wrapped); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
	}
}

func TestPassphrases(t *testing.T) {
	t.Parallel()
	for p, ok := range map[string]bool{
		"": false, "eleven char": false, "twelve chars": true, passphrase: true, strings.Repeat("a", 40): false, "abcabcabcabcabc": false,
		"двенадцать б": true, "семь случайных слов": true, "\xff\xfe not text at all": false,
	} {
		if err := app.CheckPassphrase([]byte(p)); (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		} else if err != nil && p != "" && strings.Contains(err.Error(), p) {
			t.Errorf("the error repeats the passphrase: %v", err)
		}
	}
	name := filepath.Join(t.TempDir(), "p")
	for text, want := range map[string]string{"one\ntwo\n": "one", "one\r\n": "one", "one": "one", " one \n": " one "} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := app.ReadPassphrase(name); err != nil || string(got) != want {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "\n", "\r\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := app.ReadPassphrase(name); err == nil {
			t.Errorf("%q is a passphrase", text)
		}
	}
}

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/config"
	"zapis/internal/vault"
)

func TestLogKeeper(t *testing.T) {
	t.Parallel()
	k := logKeeper{filepath.Join(t.TempDir(), "log")}
	if note, err := k.Kept(); err != nil || note != nil {
		t.Fatalf("nothing was kept: %q, %v", note, err)
	}
	note := func(size int, rest string) []byte {
		return fmt.Appendf(nil, "o.example\n%d\nroot\n\n— o.example %s\n", size, rest)
	}
	for n := 1; n <= 100; n++ {
		if err := k.Keep(note(n, "a")); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Keep(note(100, "a")); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := k.Keep(note(100, "b")); !errors.Is(err, archive.ErrIntegrity) {
		t.Errorf("another of the same size: %v", err)
	}
	got, err := k.Kept()
	if err != nil || string(got) != string(note(100, "a")) {
		t.Errorf("%q, %v", got, err)
	}
	entries, err := os.ReadDir(k.dir)
	if err != nil || len(entries) != mostKept {
		t.Errorf("%d are kept: %v", len(entries), err)
	}
	for _, bad := range []string{"", "o\n", "o\n\nroot\n", "o\n-1\nroot\n", "o\n../../x\nroot\n", "o\n12345678901234567\nroot\n"} {
		if err := k.Keep([]byte(bad)); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPublishTargetKeepsOffTheArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := &App{Home: &Home{Dir: filepath.Join(dir, "home"), Config: config.Config{Vault: filepath.Join(dir, "vault"), Replica: filepath.Join(dir, "copy")}}}
	for _, place := range []string{"", "relative", a.Dir, dir, a.Config.Vault, a.Config.Replica, filepath.Join(a.Config.Vault, "x"), a.Config.Vault + "/../vault/", filepath.Join(a.Config.Replica, "x/y")} {
		if target, _, err := a.PublishTarget(t.Context(), place); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v, %v", place, target, err)
		}
	}
	inS3 := &App{Home: &Home{Dir: a.Dir, Config: config.Config{Vault: "s3://bucket/vault?endpoint=https://s3.example"}}}
	for _, place := range []string{"s3://bucket/vault?endpoint=https://s3.example", "s3://bucket/vault/public?endpoint=https://s3.example", "s3://bucket?endpoint=https://s3.example&region=x"} {
		if _, _, err := inS3.PublishTarget(t.Context(), place); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", place, err)
		}
	}
	if within("s3://bucket/vault2?endpoint=https://s3.example", inS3.Config.Vault) || within("s3://other/vault", inS3.Config.Vault) || within(dir+"/vault2", dir+"/vault") {
		t.Error("neighbours are taken for the archive itself")
	}
	target, release, err := a.PublishTarget(t.Context(), filepath.Join(dir, "public"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.PublishTarget(t.Context(), filepath.Join(dir, "public")); !errors.Is(err, archive.ErrBusy) {
		t.Errorf("two at once: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if _, err := target.List(t.Context()); err == nil {
		t.Error("the folder is still open")
	}
	_, release, err = a.PublishTarget(t.Context(), filepath.Join(a.Dir, "public")) // where the demonstration puts it
	if err != nil {
		t.Fatal(err)
	}
	_ = release()
}

func TestRootsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if p, err := readRoots(""); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	at := filepath.Join(t.TempDir(), "anna")
	if _, err := readRoots(at); err == nil || errors.Is(err, vault.ErrNotFound) || len(err.Error()) > 60 {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(at, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readRoots(at); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"zapis/internal/account"
	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/store"
)

// shell runs the program over one archive.
type shell struct {
	t    *testing.T
	home string
	pass string
}

func (s shell) run(want int, args ...string) string {
	s.t.Helper()
	var out, problems bytes.Buffer
	got := run(append([]string{"--home", s.home, "--passphrase-file", s.pass, "--json"}, args...), streams{in: strings.NewReader(""), out: &out, err: &problems})
	if got != want {
		s.t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, want, out.String(), problems.String())
	}
	return out.String() + problems.String()
}

func (s shell) field(out, key string) string {
	s.t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var v map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &v); err != nil {
		s.t.Fatalf("%q: %v", out, err)
	}
	text, _ := v[key].(string)
	return text
}

// people makes two accounts, each with a password and recovery codes, as they would in the workspace.
func (s shell) people() (names []string, codes [][]string, passwords string) {
	s.t.Helper()
	ctx := s.t.Context()
	passwords = filepath.Join(s.t.TempDir(), "password")
	const password = "correct horse battery staple"
	if err := os.WriteFile(passwords, []byte(password+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	h, err := app.FindHome(s.home, os.Getenv, app.Overrides{PassphraseFile: s.pass})
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := h.Open(ctx, app.Options{Version: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Close()
	rooms, err := account.New(account.Options{DB: a.DB, Custody: a.Custody, Sealer: a.Sealer, Agent: archive.Agent{ID: a.Program, Kind: "software", Name: "zapis", CreatedAt: time.Now()}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer rooms.Close()
	link, _, err := rooms.Bootstrap(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	first, err := rooms.UseLink(ctx, link.Token)
	if err != nil {
		s.t.Fatal(err)
	}
	second, _, err := rooms.Invite(ctx, first.Subject(), "Oksana", archive.RoleArchivist, archive.Scope{All: true, MaxDifficulty: -1})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range []account.Account{first, second} {
		enrol, err := rooms.Enrol(ctx, p.Subject(), "se_1")
		if err != nil {
			s.t.Fatal(err)
		}
		code, err := totp.GenerateCode(strings.ReplaceAll(enrol.Secret, " ", ""), time.Now())
		if err != nil {
			s.t.Fatal(err)
		}
		if err := rooms.SetPassword(ctx, p.Subject(), "se_1", "", password, code); err != nil {
			s.t.Fatal(err)
		}
		recovery, err := rooms.NewRecovery(ctx, p.Subject())
		if err != nil {
			s.t.Fatal(err)
		}
		names, codes = append(names, p.Name), append(codes, recovery)
	}
	return names, codes, passwords
}

// released puts a release into the catalogue that is out and shows an item.
func (s shell) released(ref, slug string) {
	s.t.Helper()
	ctx := s.t.Context()
	h, err := app.FindHome(s.home, os.Getenv, app.Overrides{PassphraseFile: s.pass})
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := h.Open(ctx, app.Options{Version: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Close()
	now := time.Now().UTC().Truncate(time.Microsecond)
	id, plan, sum := archive.NewID(archive.PrefixRelease), archive.NewID(archive.PrefixPlan), sha256.Sum256([]byte("{}"))
	err = a.DB.Write(ctx, func(tx *store.Tx) error {
		it, err := tx.ItemByReference(ctx, archive.Scope{All: true, MaxDifficulty: -1}, ref)
		if err != nil {
			return err
		}
		return errors.Join(
			tx.AddPlan(ctx, store.Plan{ID: plan, Title: "x", CreatedAt: now, CreatedBy: "ag_1"},
				store.PlanVersion{Plan: plan, Body: []byte("{}"), SHA256: sum[:], Note: "x", Author: "ag_1", CreatedAt: now, Items: []string{it.ID}}),
			tx.AddRelease(ctx, store.Release{ID: id, Slug: slug, CreatedAt: now, CreatedBy: "ag_1"},
				store.ReleaseVersion{Release: id, Version: 1, Body: []byte("{}"), SHA256: sum, Plan: plan, PlanVersion: 1, Author: "ag_1", At: now}, []string{it.ID}),
			tx.AddReleaseAct(ctx, store.ReleaseAct{ID: archive.NewID(archive.PrefixEvent), Release: id, Version: 1, Act: store.ReleaseSigned, Digest: sum[:], At: now, Agent: "ag_2"}),
			tx.AddReleasePublication(ctx, store.ReleasePublication{Release: id, Number: 1, Version: 1, Clip: "cl_1", Document: []byte("{}"), Proof: []byte("p"), Scope: []byte("s"), SHA256: sum, At: now,
				Agent: "ag_1", SignedBy: "ag_2"}))
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// At the command line, too, erasing takes two people who prove who they are; the one who holds the machine is not enough.
func TestEraseTakesTwoPeople(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := shell{t: t, home: filepath.Join(dir, "home"), pass: filepath.Join(dir, "pass")}
	disk := filepath.Join(dir, "disk")
	for name, text := range map[string]string{"pass": "seven words drawn at random by dice\n", "disk/a": "to be erased", "disk/b": "to stay"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.run(0, "init", "--work-factor", "12")
	acc := s.field(s.run(0, "accession", "new", "--title", "x"), "id")
	s.run(0, "ingest", "--accession", acc, disk)
	names, codes, password := s.people()
	used := [2]int{}
	as := func(n int) []string {
		used[n]++
		return []string{"--as", names[n], "--password-file", password, "--code", codes[n][used[n]-1]}
	}

	s.run(2, "erase", "request", "Z1-000001", "--reason", "asked")                   // nobody
	s.run(2, "erase", "request", "Z1-000001", "--reason", "asked", "--as", names[0]) // without a password
	s.run(2, "erase", "request", "Z1-000001", append([]string{}, as(0)...)[0])       // without a reason
	s.run(1, "erase", "request", "Z1-000001", "--reason", "asked", "--as", names[0], "--password-file", s.pass, "--code", "123456")
	out := s.run(1, "erase", "request", "Z1-000001", "--reason", "asked", "--as", names[0], "--password-file", password, "--code", "123456")
	if !strings.Contains(out, "wrong") {
		t.Errorf("%s", out)
	}
	if got := s.run(0, "erase", "list", "--all"); got != "" {
		t.Errorf("something was asked for: %s", got)
	}
	id := s.field(s.run(0, append([]string{"erase", "request", "Z1-000001", "--reason", "asked"}, as(0)...)...), "id")
	s.run(1, "erase", "run", id)
	out = s.run(1, append([]string{"erase", "approve", id}, as(0)...)...)
	if !strings.Contains(out, "Somebody else has to agree") && !strings.Contains(out, "still open") {
		t.Errorf("%s", out)
	}
	// Still open: nobody can agree before it is closed.
	if out = s.run(1, append([]string{"erase", "approve", id}, as(1)...)...); !strings.Contains(out, "accession close") {
		t.Errorf("%s", out)
	}
	s.run(0, "accession", "close", acc, "-o", dir)
	if out = s.run(1, append([]string{"erase", "approve", id}, as(0)...)...); !strings.Contains(out, "Somebody else has to agree") {
		t.Errorf("%s", out)
	}
	s.released("Z1-000001", "yard-2020")
	if out = s.run(1, append([]string{"erase", "approve", id}, as(1)...)...); !strings.Contains(out, "yard-2020") || !strings.Contains(out, "--releases") {
		t.Errorf("agreed although a release shows it: %s", out)
	}
	if out = s.run(0, "erase", "list"); !strings.Contains(out, `"releases":["yard-2020"]`) {
		t.Errorf("the list does not name the release: %s", out)
	}
	if state := s.field(s.run(0, append([]string{"erase", "approve", id, "--releases"}, as(1)...)...), "state"); state != "approved" {
		t.Errorf("state %q", state)
	}
	s.run(1, append([]string{"erase", "withdraw", id}, as(1)...)...)
	s.run(1, "item", "extract", "Z1-000001", "-o", filepath.Join(dir, "out"), "--reason", "x")
	out = s.run(0, "erase", "run", id)
	if !strings.Contains(out, `"objects":1`) || !strings.Contains(out, `"purged":true`) {
		t.Errorf("%s", out)
	}
	s.run(0, "erase", "run", id)
	s.run(1, "item", "show", "Z1-000001")
	s.run(0, "item", "show", "Z1-000002")
	if got := s.run(0, "erase", "list"); got != "" {
		t.Errorf("still open: %s", got)
	}
	if state := s.field(s.run(0, "erase", "list", "--all"), "state"); state != "done" {
		t.Errorf("state %q", state)
	}
	s.run(1, "accession", "show", acc, "--receipt")
	s.run(0, "custody", "verify")
	s.run(0, "fsck")
	s.run(0, "fixity", "check", "--all")
}

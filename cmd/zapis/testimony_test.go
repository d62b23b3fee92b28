package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zapis/internal/account"
	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/store"
)

// From an interview to a consent that is taken back, at the command line.
func TestTestimony(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := shell{t: t, home: filepath.Join(dir, "home"), pass: filepath.Join(dir, "pass")}
	if err := os.WriteFile(s.pass, []byte("seven words drawn at random by dice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(0, "init", "--work-factor", "12")
	made := s.run(0, "testimony", "add", "--title", "Transfer in winter", "--date", "2021-03~", "--language", "ru", "--interviewer", "K-3")
	code, id := s.field(made, "code"), s.field(made, "id")
	passage := s.field(s.run(0, "testimony", "passage", code, "--heading", "arrest", "--text", "They came at four."), "id")
	s.run(2, "testimony", "passage", code, "--heading", "gossip", "--text", "x")
	better := s.field(s.run(0, "testimony", "passage", code, "--heading", "arrest", "--replaces", passage, "--text", "They came at four in the morning."), "id")
	other := s.field(s.run(0, "testimony", "add"), "code")
	s.run(2, "testimony", "passage", other, "--heading", "arrest", "--replaces", better, "--text", "not mine")
	consent := s.field(s.run(0, "testimony", "consent", code, "--purpose", "publication", "--audience", "public", "--how", "written", "--given", "2021-03-04"), "id")
	s.run(2, "testimony", "consent", code, "--purpose", "sale", "--audience", "public", "--how", "written")
	s.run(2, "testimony", "consent", code, "--purpose", "court", "--audience", "court", "--how", "oral", "--given", "yesterday")
	if out := s.run(0, "testimony", "show", code); !strings.Contains(out, "four in the morning") || !strings.Contains(out, `"state":"stands"`) || strings.Contains(out, "came at four.\"") {
		t.Errorf("shown: %s", out)
	}
	if out := s.run(0, "testimony", "depends", id); !strings.Contains(out, `"claims":[]`) {
		t.Errorf("depends: %s", out)
	}
	if out := s.run(0, "testimony", "withdraw", code, consent, "--reason", "Canary: she asked"); !strings.Contains(out, consent) {
		t.Errorf("withdrawn: %s", out)
	}
	s.run(1, "testimony", "withdraw", code, consent, "--reason", "again")
	s.run(2, "testimony", "withdraw", code)
	if out := s.run(0, "testimony", "list"); !strings.Contains(out, `"state":"withdrawn"`) || strings.Count(out, "\n") != 2 {
		t.Errorf("list: %s", out)
	}
	if out := s.custody(); strings.Contains(out, "Canary") {
		t.Error("the reason is in the custody record")
	}
}

// Identities are opened by people who were granted them and prove who they are; whoever holds the machine and the passphrase is not enough, and
// an archive without the key makes none on the way.
func TestIdentitiesAtTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := shell{t: t, home: filepath.Join(dir, "home"), pass: filepath.Join(dir, "pass")}
	for name, text := range map[string]string{"pass": "seven words drawn at random by dice\n", "who": "name: Canary Name\ncontact: never by telephone\n  by letter\n", "bad": "Canary Name\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.run(0, "init", "--work-factor", "12")
	// As an archive that was made before there were identities.
	key := filepath.Join(s.home, "vault", "secret", "identity.age")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	names, codes, password := s.people()
	code := s.field(s.run(0, "testimony", "add"), "code")
	turn := 0
	as := func(who int, want int, args ...string) string {
		t.Helper()
		turn++
		return s.run(want, append(append([]string{"testimony", "identity"}, args...), "--as", names[who], "--password-file", password, "--code", codes[who][turn%len(codes[who])])...)
	}
	who := filepath.Join(dir, "who")
	as(1, 1, "write", code, "--from", who, "--reason", "first interview") // not granted
	grant(t, s, names[1])
	if out := as(1, 1, "write", code, "--from", who, "--reason", "first interview"); !strings.Contains(out, "zapis testimony key") {
		t.Errorf("without a key: %s", out)
	}
	if _, err := os.Stat(key); err == nil {
		t.Fatal("a key was made on the way")
	}
	s.run(0, "testimony", "key")
	s.run(1, "testimony", "key") // there is one
	if out := as(1, 2, "write", code, "--from", filepath.Join(dir, "bad"), "--reason", "x"); strings.Contains(out, "Canary") {
		t.Errorf("the error quotes what was in the file: %s", out)
	}
	if out := as(1, 2, "write", code, "--from", filepath.Join(dir, "Canary-file"), "--reason", "x"); strings.Contains(out, "Canary") {
		t.Errorf("the error names the file: %s", out)
	}
	as(1, 0, "write", code, "--from", who, "--reason", "first interview")
	as(0, 1, "open", code, "--reason", "x") // an administrator by role
	if out := as(1, 0, "open", code, "--reason", "to ask about consent"); !strings.Contains(out, `"name":"Canary Name"`) || !strings.Contains(out, `never by telephone\nby letter`) {
		t.Errorf("opened: %s", out)
	}
	if out := s.custody(); strings.Contains(out, "Canary") || strings.Contains(out, "to ask about consent") || !strings.Contains(out, "identity opened") {
		t.Error("custody record: it lacks the act, or says why or who")
	}
	if out := as(1, 0, "acts", code); !strings.Contains(out, "to ask about consent") || strings.Count(out, "\n") != 2 {
		t.Errorf("acts: %s", out)
	}
	as(1, 0, "erase", code, "--reason", "she asked")
	as(1, 1, "open", code, "--reason", "x")
	s.run(0, "fsck")
}

// custody gives the events of the whole record as text.
func (s shell) custody() string {
	s.t.Helper()
	var all strings.Builder
	for line := range strings.Lines(s.run(0, "custody", "export")) {
		var v struct{ Event []byte }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			s.t.Fatal(err)
		}
		all.Write(v.Event)
	}
	if !strings.Contains(all.String(), `"vault creation"`) {
		s.t.Fatal("the record cannot be read")
	}
	return all.String()
}

// grant lets somebody open identities, as another administrator does in the workspace.
func grant(t *testing.T, s shell, name string) {
	t.Helper()
	h, err := app.FindHome(s.home, os.Getenv, app.Overrides{PassphraseFile: s.pass})
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.Open(t.Context(), app.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	rooms, err := account.New(account.Options{DB: a.DB, Custody: a.Custody, Sealer: a.Sealer, Agent: archive.Agent{ID: a.Program, Kind: "software", Name: "zapis", CreatedAt: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	defer rooms.Close()
	err = a.DB.Write(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Accounts(t.Context())
		for _, row := range rows {
			if row.Name == name {
				row.Scope.Identities = true
				return tx.SetAccount(t.Context(), row)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

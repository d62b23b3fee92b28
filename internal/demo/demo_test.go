package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := writeAll(dir, files); err != nil {
		t.Fatal(err)
	}
}

// What this package did not make it must not touch, whatever it looks like.
func TestOnlyItsOwnFolderIsTouched(t *testing.T) {
	t.Parallel()
	ours := `{"kind":"zapis demonstration","state":"building","begun":"2026-01-01T00:00:00Z"}`
	complete := `{"kind":"zapis demonstration","state":"complete","begun":"2026-01-01T00:00:00Z","summary":{"items":3}}`
	for _, c := range []struct {
		name    string
		files   map[string]string
		fresh   bool
		refused bool
		state   string
		gone    string // a file that must be gone afterwards
		stays   string
	}{
		{name: "new", state: "building"},
		{name: "someone's files", files: map[string]string{"letter.txt": "x"}, refused: true, stays: "letter.txt"},
		{name: "a real archive", files: map[string]string{"zapis.db": "x", "vault/vault.json": "{}"}, refused: true, stays: "zapis.db"},
		{name: "a real archive with a marker put in", files: map[string]string{"zapis.db": "x", MarkerName: ours}, refused: true, stays: "zapis.db"},
		{name: "a marker of something else", files: map[string]string{MarkerName: `{"kind":"other"}`}, refused: true, stays: MarkerName},
		{name: "a marker that is no JSON", files: map[string]string{MarkerName: `demo`}, refused: true, stays: MarkerName},
		{name: "interrupted", files: map[string]string{MarkerName: ours, "archive/zapis.db": "x"}, state: "building", gone: "archive/zapis.db"},
		{name: "complete", files: map[string]string{MarkerName: complete, "archive/zapis.db": "x"}, state: "complete", stays: "archive/zapis.db"},
		{name: "complete, to be built anew", files: map[string]string{MarkerName: complete, "archive/zapis.db": "x"}, fresh: true, state: "building", gone: "archive/zapis.db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "demo")
			if c.files != nil {
				fill(t, dir, c.files)
			}
			d := &demo{Options: Options{Dir: dir, Fresh: c.fresh, Now: time.Now}}
			m, err := d.claim()
			if c.refused != errors.Is(err, ErrNotDemo) {
				t.Fatalf("claim: %v, refused should be %v", err, c.refused)
			}
			if err == nil && m.State != c.state {
				t.Errorf("state %q, want %q", m.State, c.state)
			}
			if c.gone != "" {
				if _, err := os.Stat(filepath.Join(dir, c.gone)); err == nil {
					t.Errorf("%s is still there", c.gone)
				}
			}
			if c.stays != "" {
				if _, err := os.Stat(filepath.Join(dir, c.stays)); err != nil {
					t.Errorf("%s was touched: %v", c.stays, err)
				}
			}
			info, err := os.Stat(dir)
			if err != nil || !c.refused && c.files == nil && info.Mode().Perm() != 0o700 {
				t.Errorf("folder: %v %v", info.Mode(), err)
			}
		})
	}
}

// A command that fails must end the build, and the next run must begin anew.
func TestFailedStepIsNeverACompleteDemonstration(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	program := filepath.Join(t.TempDir(), "zapis")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 'zapis: out of order' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	d := &demo{Options: Options{Dir: dir, Program: program, Out: &out, Err: &problems, Now: time.Now}, steps: map[string]int64{}}
	if _, err := d.claim(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.zapis(context.Background(), "init"); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("init: %v", err)
	}
	m, err := readMarker(filepath.Join(dir, MarkerName))
	if err != nil || m.State != "building" {
		t.Errorf("marker says %q, %v", m.State, err)
	}
}

// Settings for a real archive must not reach the commands of the demonstration.
func TestSettingsOfARealArchiveAreTakenAway(t *testing.T) {
	t.Parallel()
	got := Environment([]string{"PATH=/bin", "ZAPIS_DATABASE=postgres://real", "ZAPIS_HOME=/srv/real", "ZAPIS_VAULT=s3://real", "LANG=C"})
	if strings.Join(got, " ") != "PATH=/bin LANG=C" {
		t.Errorf("kept %q", got)
	}
}

func TestSummaryRefusesWhatIsNotWorked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines string
		ok    bool
	}{
		{`{"id":"it_1","state":"ready","kind":"video","ms":2000,"bytes":5}` + "\n" + `{"id":"it_2","state":"explained","reason":"not-media","kind":"unknown"}`, true},
		{`{"id":"it_1","state":"sealed","kind":"unknown"}`, false},
		{`{"id":"it_1","state":"quarantined","kind":"video"}`, false},
		{``, false},
		{`nonsense`, false},
	} {
		s := &Summary{States: map[string]int{}, Kinds: map[string]int{}, Reasons: map[string]int{}}
		if err := s.count([]byte(c.lines)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.lines, err)
		}
	}
}

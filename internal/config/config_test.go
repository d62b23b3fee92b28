package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapis/internal/archive"
)

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	home := t.TempDir()
	name := filepath.Join(home, Name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return home
}

func none(string) string { return "" }

func TestFileAndEnvironment(t *testing.T) {
	t.Parallel()
	home := write(t, "# a comment\n\nvault = \"/srv/va\\\"ult\" # where it lies\nworkers = 3 # cores\nreserve = \"5GiB\"\nfixity_every = \"12h\"\nallow_unisolated_media = true\n", 0o600)
	c, src, err := Load(home, func(k string) string {
		if k == "ZAPIS_WORKERS" {
			return "7"
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Vault, want.Workers, want.Reserve, want.FixityEvery, want.Unisolated = `/srv/va"ult`, 7, 5<<30, 12*time.Hour, true
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
	if src["workers"] != "environment" || src["vault"] != "file" || src["listen"] != "default" {
		t.Errorf("sources: %v", src)
	}
	// What is written is read again as it was.
	again, _, err := Load(write(t, string(c.Encode()), 0o600), none)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, again); d != "" {
		t.Error(d)
	}
}

func TestNoFileIsTheDefault(t *testing.T) {
	t.Parallel()
	c, _, err := Load(t.TempDir(), none)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Default(), c); d != "" {
		t.Error(d)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown key":            "vualt = \"/x\"\n",
		"twice":                  "workers = 1\nworkers = 2\n",
		"no value":               "workers\n",
		"table":                  "[vault]\n",
		"number in quotes":       "workers = \"3\"\n",
		"text without quotes":    "vault = /srv\n",
		"open text":              "vault = \"/srv\n",
		"something after":        "vault = \"/srv\" x\n",
		"not a number":           "workers = three\n",
		"negative":               "workers = -1\n",
		"not UTF-8":              "vault = \"\xff\"\n",
		"not UTF-8 by escape":    "vault = \"\\xff\"\n",
		"truth value":            "allow_unisolated_media = yes\n",
		"size":                   "reserve = \"many\"\n",
		"size that overflows":    "reserve = \"99999999999999TiB\"\n",
		"duration":               "fixity_every = \"daily\"\n",
		"duration too short":     "fixity_every = \"1s\"\n",
		"database":               "database = \"mysql://x\"\n",
		"vault of another kind":  "vault = \"ftp://x\"\n",
		"credentials in a place": "vault = \"s3://key:secret@bucket/x\"\n",
		"listen":                 "listen = \"8080\"\n",
		"url":                    "url = \"archive.example\"\n",
		"level":                  "log_level = \"loud\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Load(write(t, text, 0o600), none)
			if !errors.Is(err, archive.ErrInvalid) {
				t.Errorf("%q was taken: %v", text, err)
			}
		})
	}
	t.Run("writable by others", func(t *testing.T) {
		t.Parallel()
		if _, _, err := Load(write(t, "", 0o620), none); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("taken: %v", err)
		}
	})
	t.Run("environment", func(t *testing.T) {
		t.Parallel()
		_, _, err := Load(t.TempDir(), func(k string) string { return map[string]string{"ZAPIS_WORKERS": "many"}[k] })
		if !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("taken: %v", err)
		}
	})
}

func TestErrorsCarryNoPath(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "anna-petrova")
	if err := os.MkdirAll(filepath.Join(home, Name), 0o700); err != nil { // a folder where the file should be
		t.Fatal(err)
	}
	_, _, err := Load(home, none)
	if err == nil || strings.Contains(err.Error(), "anna") {
		t.Errorf("error: %v", err)
	}
}

func TestEveryKeyIsDocumented(t *testing.T) {
	t.Parallel()
	for _, f := range Fields() {
		if f.Key == "" || len(f.Doc) < 20 {
			t.Errorf("a key without name or explanation: %+v", f)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{"0": 0, "12": 12, "12B": 12, "1KiB": 1 << 10, "5 GiB": 5 << 30, "2TB": 2e12, "3kB": 3000} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v", text, got, err)
		}
	}
	for _, s := range []Size{0, 1, 1023, 1024, 1536, 1 << 30, 5 << 40, 1<<30 + 1} {
		if got, err := ParseSize(s.String()); err != nil || got != s {
			t.Errorf("%d becomes %q becomes %d, %v", s, s.String(), got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("vault = \"/srv\" # c\nworkers = 3\n"))
	f.Add([]byte("a=\"\\u00e9\"\n=\n\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := parse(text)
		if err != nil && !errors.Is(err, archive.ErrInvalid) {
			t.Fatalf("error of another kind: %v", err)
		}
		for key := range values {
			c := Default()
			_ = c.set(key, values[key].text, values[key].quoted) // must not panic
		}
	})
}

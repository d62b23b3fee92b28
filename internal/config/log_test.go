package config

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapis/internal/archive"
)

func TestLogKeys(t *testing.T) {
	t.Parallel()
	c := Default()
	c.LogAt = "23:05"
	c.Witnesses = " a.example/w+2f51dee1+BAHB+/WYNb0=@https://w.example/x  b.example+00000000+BA==@http://127.0.0.1:8081 "
	c.TimeAuthorities = "one=https://tsa.example/tsr?a=b two-2=http://10.0.0.1"
	c.Calendars = "https://alice.example:8443 bob=https://bob.example"
	c.Publish = "s3://bucket/prefix?endpoint=https://s3.example"
	c.Quorum = 2
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	at, err := c.LogHour()
	if err != nil || at != 23*time.Hour+5*time.Minute {
		t.Errorf("hour %v, %v", at, err)
	}
	w, err := c.LogWitnesses()
	want := []WitnessEntry{{"a.example/w", "a.example/w+2f51dee1+BAHB+/WYNb0=", "https://w.example/x"}, {"b.example", "b.example+00000000+BA==", "http://127.0.0.1:8081"}}
	if d := cmp.Diff(want, w); d != "" || err != nil {
		t.Error(d, err)
	}
	p, err := c.LogAuthorities()
	if d := cmp.Diff([]PlaceEntry{{"one", "https://tsa.example/tsr?a=b"}, {"two-2", "http://10.0.0.1"}}, p); d != "" || err != nil {
		t.Error(d, err)
	}
	p, err = c.LogCalendars()
	if d := cmp.Diff([]PlaceEntry{{"alice-example-8443", "https://alice.example:8443"}, {"bob", "https://bob.example"}}, p); d != "" || err != nil {
		t.Error(d, err)
	}
}

// Nobody outside is asked unless the archive's people have said so.
func TestNobodyIsAskedByDefault(t *testing.T) {
	t.Parallel()
	c := Default()
	w, _ := c.LogWitnesses()
	a, _ := c.LogAuthorities()
	k, _ := c.LogCalendars()
	if len(w)+len(a)+len(k) > 0 || c.Publish != "" || c.TimeRoots != "" {
		t.Errorf("%v %v %v %q", w, a, k, c.Publish)
	}
}

func TestLogKeysRefuse(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"hour":                    func(c *Config) { c.LogAt = "24:00" },
		"no hour":                 func(c *Config) { c.LogAt = "" },
		"cadence below a second":  func(c *Config) { c.LogEvery = time.Millisecond },
		"cadence with a fraction": func(c *Config) { c.LogEvery = 1500 * time.Millisecond },
		"cadence of a year":       func(c *Config) { c.LogEvery = 9000 * time.Hour },
		"witness without address": func(c *Config) { c.Witnesses = "a.example+2f51dee1+BAHB" },
		"witness without key":     func(c *Config) { c.Witnesses = "a.example@https://w.example" },
		"witness twice":           func(c *Config) { c.Witnesses = "a+2f51dee1+BA@https://x.example a+2f51dee1+BB@https://y.example" },
		"witness with a password": func(c *Config) { c.Witnesses = "a+2f51dee1+BA@https://me:secret@x.example" },
		"quorum of nobody":        func(c *Config) { c.Quorum = 1 },
		"negative quorum":         func(c *Config) { c.Quorum = -1 },
		"authority without name":  func(c *Config) { c.TimeAuthorities = "https://tsa.example" },
		"authority twice":         func(c *Config) { c.TimeAuthorities = "a=https://x.example a=https://y.example" },
		"name that is a path":     func(c *Config) { c.TimeAuthorities = "../../x=https://tsa.example" },
		"name with capitals":      func(c *Config) { c.TimeAuthorities = "Tsa=https://tsa.example" },
		"other scheme":            func(c *Config) { c.TimeAuthorities = "a=ftp://tsa.example" },
		"calendar":                func(c *Config) { c.Calendars = "alice" },
		"relative folder":         func(c *Config) { c.Publish = "public" },
		"password in publish":     func(c *Config) { c.Publish = "s3://a:b@bucket/x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			change(&c)
			if err := c.Check(); !errors.Is(err, archive.ErrInvalid) {
				t.Errorf("taken: %v", err)
			}
		})
	}
}

func FuzzLogKeys(f *testing.F) {
	f.Add("a+2f51dee1+BA@https://x.example", "a=https://x.example")
	f.Fuzz(func(t *testing.T, witnesses, places string) {
		c := Default()
		c.Witnesses, c.TimeAuthorities, c.Calendars = witnesses, places, places
		w, err := c.LogWitnesses()
		for _, x := range w {
			if err == nil && (x.Name == "" || x.URL == "") {
				t.Fatalf("%+v", x)
			}
		}
		p, err := c.LogAuthorities()
		for _, x := range p {
			if err == nil && !plainName(x.Name) {
				t.Fatalf("%+v", x)
			}
		}
		_, _ = c.LogCalendars()
	})
}

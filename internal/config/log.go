package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"zapis/internal/archive"
)

// WitnessEntry is one witness of the transparency log.
type WitnessEntry struct {
	Name        string // of its key
	VerifierKey string
	URL         string
}

// PlaceEntry is somebody on the network who puts time on checkpoints, under a name that may be public.
type PlaceEntry struct{ Name, URL string }

// LogHour is the hour of the ticks, after midnight UTC.
func (c Config) LogHour() (time.Duration, error) {
	t, err := time.Parse("15:04", c.LogAt)
	if err != nil {
		return 0, fmt.Errorf("%w: log_at: an hour such as 00:10 was expected", archive.ErrInvalid)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// LogWitnesses reads the key witnesses: verifier key, @ and address, separated by spaces.
func (c Config) LogWitnesses() ([]WitnessEntry, error) {
	var out []WitnessEntry
	for _, text := range strings.Fields(c.Witnesses) {
		at := strings.LastIndex(text, "@http")
		if at < 0 {
			return nil, fmt.Errorf("%w: witnesses: name+number+key@https://… was expected", archive.ErrInvalid)
		}
		w := WitnessEntry{VerifierKey: text[:at], URL: text[at+1:]}
		parts := strings.SplitN(w.VerifierKey, "+", 3)
		if len(parts) != 3 || parts[0] == "" || len(parts[1]) != 8 || parts[2] == "" {
			return nil, fmt.Errorf("%w: witnesses: the verifier key that zapis witness init printed was expected", archive.ErrInvalid)
		}
		w.Name = parts[0]
		if err := checkAddress("witnesses", w.URL); err != nil {
			return nil, err
		}
		for _, o := range out {
			if o.Name == w.Name {
				return nil, fmt.Errorf("%w: witnesses: a name is given twice", archive.ErrInvalid)
			}
		}
		out = append(out, w)
	}
	return out, nil
}

// LogAuthorities reads the key time_authorities: name=address, separated by spaces.
func (c Config) LogAuthorities() ([]PlaceEntry, error) {
	return places("time_authorities", c.TimeAuthorities, false)
}

// LogCalendars reads the key calendars: addresses, or name=address, separated by spaces.
func (c Config) LogCalendars() ([]PlaceEntry, error) { return places("calendars", c.Calendars, true) }

func places(key, text string, bare bool) ([]PlaceEntry, error) {
	var out []PlaceEntry
	for _, field := range strings.Fields(text) {
		name, address, ok := strings.Cut(field, "=")
		if !ok || strings.Contains(name, "/") { // an address may have an equals sign
			if !bare {
				return nil, fmt.Errorf("%w: %s: name=https://… was expected", archive.ErrInvalid, key)
			}
			address = field
			u, err := url.Parse(address)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: an address was expected", archive.ErrInvalid, key)
			}
			name = strings.ToLower(strings.NewReplacer(".", "-", ":", "-").Replace(u.Host))
		}
		if !plainName(name) {
			return nil, fmt.Errorf("%w: %s: a name has 1 to 64 characters of a-z, 0-9, - and _", archive.ErrInvalid, key)
		}
		if err := checkAddress(key, address); err != nil {
			return nil, err
		}
		for _, o := range out {
			if o.Name == name {
				return nil, fmt.Errorf("%w: %s: a name is given twice", archive.ErrInvalid, key)
			}
		}
		out = append(out, PlaceEntry{name, address})
	}
	return out, nil
}

func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func checkAddress(key, address string) error {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: %s: http://… or https://… was expected", archive.ErrInvalid, key)
	}
	return nil
}

// checkLog says what is wrong with the keys of the transparency log.
func (c Config) checkLog() error {
	if c.LogEvery < time.Second || c.LogEvery%time.Second != 0 || c.LogEvery > 31*24*time.Hour {
		return fmt.Errorf("%w: log_every: 1s to 744h was expected", archive.ErrInvalid)
	}
	if _, err := c.LogHour(); err != nil {
		return err
	}
	w, err := c.LogWitnesses()
	if err != nil {
		return err
	}
	if c.Quorum < 0 || c.Quorum > len(w) {
		return fmt.Errorf("%w: quorum: 0 to the number of witnesses was expected", archive.ErrInvalid)
	}
	if _, err := c.LogAuthorities(); err != nil {
		return err
	}
	if _, err := c.LogCalendars(); err != nil {
		return err
	}
	if p := c.Publish; p != "" && !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "s3://") {
		return fmt.Errorf("%w: publish: an absolute path or s3://bucket/prefix was expected", archive.ErrInvalid)
	}
	return nil
}

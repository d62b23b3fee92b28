package template

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"zapis/internal/web/locale"
)

var (
	edtfDay    = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)$`)
	edtfMonth  = regexp.MustCompile(`^(\d{4})-(\d\d)$`)
	edtfNoDay  = regexp.MustCompile(`^(\d{4})-(\d\d)-XX$`)
	edtfNoMon  = regexp.MustCompile(`^(\d{4})-XX(-XX)?$`)
	edtfDecade = regexp.MustCompile(`^(\d{3})X$`)
	edtfTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d(:?\d\d)?)?$`)
)

// dated writes a date in EDTF (ISO 8601-2, levels 0 and 1) in words; what it does not know stays as it is, which is never wrong.
func dated(c *locale.Catalogue) func(string) (string, error) {
	var whole func(string) (string, error)
	whole = func(text string) (string, error) {
		if a, b, ok := strings.Cut(text, "/"); ok {
			from, err := whole(a)
			if err != nil {
				return "", err
			}
			to, err := whole(b)
			switch {
			case err != nil:
				return "", err
			case a == ".." || a == "":
				return c.T("cat.date.until", "date", to)
			case b == "..":
				return c.T("cat.date.since", "date", from)
			case b == "":
				return c.T("cat.date.open", "date", from)
			}
			return from + " – " + to, nil
		}
		for suffix, key := range map[string]string{"?": "cat.date.perhaps", "~": "cat.date.about", "%": "cat.date.perhaps_about"} {
			if bare, ok := strings.CutSuffix(text, suffix); ok {
				words, err := whole(bare)
				if err != nil {
					return "", err
				}
				return c.T(key, "date", words)
			}
		}
		month := func(year, month string) (string, error) {
			n, _ := strconv.Atoi(month)
			switch {
			case n >= 1 && n <= 12:
				name, err := c.T("cat.month." + strconv.Itoa(n))
				return name + " " + year, err
			case n >= 21 && n <= 24:
				name, err := c.T("cat.season." + strconv.Itoa(n))
				return name + " " + year, err
			}
			return text, nil
		}
		switch {
		case edtfDay.MatchString(text):
			if t, err := time.Parse(time.DateOnly, text); err == nil {
				return c.Date(t), nil
			}
		case edtfTime.MatchString(text):
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
				if t, err := time.Parse(layout, text); err == nil {
					_, clock, _ := strings.Cut(text, "T")
					// In its own zone, as it was written.
					return c.Date(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)) + ", " + strings.Replace(clock, "Z", "\u00a0UTC", 1), nil
				}
			}
		case edtfMonth.MatchString(text):
			m := edtfMonth.FindStringSubmatch(text)
			return month(m[1], m[2])
		case edtfNoDay.MatchString(text):
			m := edtfNoDay.FindStringSubmatch(text)
			words, err := month(m[1], m[2])
			if err != nil {
				return "", err
			}
			return c.T("cat.date.some_day", "date", words)
		case edtfNoMon.MatchString(text):
			return c.T("cat.date.some_day", "date", text[:4])
		case edtfDecade.MatchString(text):
			return c.T("cat.date.decade", "year", text[:3]+"0")
		}
		return text, nil
	}
	return whole
}

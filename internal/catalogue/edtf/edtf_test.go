package edtf

import (
	"errors"
	"testing"
	"time"

	"zapis/internal/archive"
)

// The examples of the specification (https://www.loc.gov/standards/datetime/), levels 0 and 1, and what each may mean.
var table = []struct{ text, earliest, latest string }{
	// Level 0.
	{"1985-04-12", "1985-04-12T00:00:00", "1985-04-12T23:59:59"},
	{"1985-04", "1985-04-01T00:00:00", "1985-04-30T23:59:59"},
	{"1985", "1985-01-01T00:00:00", "1985-12-31T23:59:59"},
	{"1985-04-12T23:20:30", "1985-04-12T23:20:30", "1985-04-12T23:20:30"},
	{"1985-04-12T23:20:30Z", "1985-04-12T23:20:30", "1985-04-12T23:20:30"},
	{"1985-04-12T23:20:30-04", "1985-04-13T03:20:30", "1985-04-13T03:20:30"},
	{"1985-04-12T23:20:30+04:30", "1985-04-12T18:50:30", "1985-04-12T18:50:30"},
	{"1964/2008", "1964-01-01T00:00:00", "2008-12-31T23:59:59"},
	{"2004-06/2006-08", "2004-06-01T00:00:00", "2006-08-31T23:59:59"},
	{"2004-02-01/2005-02-08", "2004-02-01T00:00:00", "2005-02-08T23:59:59"},
	{"2004-02-01/2005-02", "2004-02-01T00:00:00", "2005-02-28T23:59:59"},
	{"2004-02-01/2005", "2004-02-01T00:00:00", "2005-12-31T23:59:59"},
	{"2005/2006-02", "2005-01-01T00:00:00", "2006-02-28T23:59:59"},
	{"0000", "0000-01-01T00:00:00", "0000-12-31T23:59:59"},
	// Level 1.
	{"Y170000002", "", ""},
	{"Y-170000002", "", ""},
	{"2001-21", "2001-03-01T00:00:00", "2001-05-31T23:59:59"},
	{"2001-22", "2001-06-01T00:00:00", "2001-08-31T23:59:59"},
	{"2001-23", "2001-09-01T00:00:00", "2001-11-30T23:59:59"},
	{"2003-24", "2003-01-01T00:00:00", "2004-02-29T23:59:59"},
	{"1984?", "1984-01-01T00:00:00", "1984-12-31T23:59:59"},
	{"2004-06~", "2004-06-01T00:00:00", "2004-06-30T23:59:59"},
	{"2004-06-11%", "2004-06-11T00:00:00", "2004-06-11T23:59:59"},
	{"201X", "2010-01-01T00:00:00", "2019-12-31T23:59:59"},
	{"20XX", "2000-01-01T00:00:00", "2099-12-31T23:59:59"},
	{"2004-XX", "2004-01-01T00:00:00", "2004-12-31T23:59:59"},
	{"1985-04-XX", "1985-04-01T00:00:00", "1985-04-30T23:59:59"},
	{"1985-XX-XX", "1985-01-01T00:00:00", "1985-12-31T23:59:59"},
	{"1985-04-12/..", "1985-04-12T00:00:00", ""},
	{"1985-04/..", "1985-04-01T00:00:00", ""},
	{"1985/..", "1985-01-01T00:00:00", ""},
	{"../1985-04-12", "", "1985-04-12T23:59:59"},
	{"../1985-04", "", "1985-04-30T23:59:59"},
	{"../1985", "", "1985-12-31T23:59:59"},
	{"1985-04-12/", "1985-04-12T00:00:00", ""},
	{"1985-04/", "1985-04-01T00:00:00", ""},
	{"1985/", "1985-01-01T00:00:00", ""},
	{"/1985-04-12", "", "1985-04-12T23:59:59"},
	{"/1985-04", "", "1985-04-30T23:59:59"},
	{"/1985", "", "1985-12-31T23:59:59"},
	{"-1985", "-1985-01-01T00:00:00", "-1985-12-31T23:59:59"},
	{"1984~/2004-06", "1984-01-01T00:00:00", "2004-06-30T23:59:59"},
	{"2004-06-XX/2004-07-03", "2004-06-01T00:00:00", "2004-07-03T23:59:59"},
	{"201X?/..", "2010-01-01T00:00:00", ""},
	// Footage is known to the second.
	{"2020-07-27T14:02:00/2020-07-27T15:40:00", "2020-07-27T14:02:00", "2020-07-27T15:40:00"},
	{"-00XX", "-0099-01-01T00:00:00", "0000-12-31T23:59:59"},
}

func TestSpecification(t *testing.T) {
	t.Parallel()
	for _, c := range table {
		d, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if d.String() != c.text {
			t.Errorf("%s is written %s", c.text, d)
		}
		if c.text[0] == 'Y' {
			continue
		}
		for _, end := range []struct {
			want string
			of   func() (time.Time, bool)
		}{{c.earliest, d.Earliest}, {c.latest, d.Latest}} {
			got, ok := end.of()
			if text := got.Format("2006-01-02T15:04:05"); ok != (end.want != "") || ok && text != end.want {
				t.Errorf("%s: %s (%v), want %s", c.text, text, ok, end.want)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "85", "1985-4", "1985-13", "1985-00", "1985-04-31", "2021-02-29", "1900-02-29", "1985-20", "1985-25", "1985-21-01", "1985-04-00", "1985-XX-12",
		"X985", "1XXX", "XXXX", "201X-04", "2X11", "Y1985", "Y0170000002", "Y1700000022", "Y", "Y-", "-0000", "12.04.1985", "/", "../..", "../", "/..", "1985/1984",
		"1985-04-12T24:00:00", "1985-04-12T23:60:00", "1985-04-12T23:20:60", "1985-04-12T23:20", "1985-04-12T23:20:30+15", "1985-04-12T23:20:30-00:00",
		"1985-04-12T23:20:30+4", "1985-04-12T23:20:30?", "1985-04-XXT10:00:00", "1985??", "?", "1985/1986/1987", "1985-04-12 23:20:30", "２０２０", "2020-07-2７",
		"open/1985", "156X-12-25", "1984?-06", "[1667,1668]", "{1960}", "Y-17E7", "1950S2", "2020-07-27T14:02:00.5",
	} {
		if d, err := Parse(text); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q gave %s, %v", text, d, err)
		}
	}
}

func TestQualifiers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]bool{"1984": {false, false}, "1984?": {true, false}, "1984~": {false, true}, "1984%": {true, true}, "1984/1985~": {false, true}} {
		d, err := Parse(text)
		if err != nil || d.Uncertain() != want[0] || d.Approximate() != want[1] {
			t.Errorf("%s: %v %v %v", text, d.Uncertain(), d.Approximate(), err)
		}
	}
	if d, _ := Parse(" 201x~ "); d.String() != "201X~" {
		t.Errorf("small letters: %s", d)
	}
	if !(Date{}).IsZero() || (Date{}).String() != "" {
		t.Error("the zero value is not empty")
	}
}

func TestFarYears(t *testing.T) {
	t.Parallel()
	for text, negative := range map[string]bool{"Y170000002": false, "Y-170000002": true} {
		d, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := d.EarliestMicro()
		l, _ := d.LatestMicro()
		if e > l || (e < 0) != negative {
			t.Errorf("%s lies between %d and %d", text, e, l)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range table {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			if !errors.Is(err, archive.ErrInvalid) || !d.IsZero() {
				t.Fatalf("%q: %v, %v", text, d, err)
			}
			return
		}
		again, err := Parse(d.String())
		if err != nil || again != d {
			t.Fatalf("%q became %q, which became %q, %v", text, d, again, err)
		}
		from, fok := d.EarliestMicro()
		to, tok := d.LatestMicro()
		if fok && tok && from > to || !fok && !tok {
			t.Fatalf("%q lies between %d and %d", text, from, to)
		}
	})
}

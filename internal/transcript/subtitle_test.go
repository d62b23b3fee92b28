package transcript

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"zapis/internal/archive"
)

func TestParse(t *testing.T) {
	t.Parallel()
	s := func(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }
	for name, c := range map[string]struct {
		in     string
		format Format
		cues   []Cue
		faults []Fault
	}{
		"srt": {"1\r\n00:00:01,500 --> 00:00:02,750\r\n<i>Кто</i> там?\r\nОткрывай\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n{\\an8}Да\r\n", SRT,
			[]Cue{{s(1.5), s(2.75), "Кто там? Открывай", 2}, {s(3), s(4), "Да", 7}}, nil},
		"no empty lines": {"1\n00:00:01,0 --> 00:00:02,0\none\n2\n00:00:03,0 --> 00:00:04,0\ntwo", SRT, []Cue{{s(1), s(2), "one", 2}, {s(3), s(4), "two", 5}}, nil},
		"vtt": {"WEBVTT - x\nLanguage: uk\n\nSTYLE\n::cue { color: red }\n\nNOTE a\n00:09.000 --> 00:10.000\n\nname\n00:01.000 --> 01:00:02.000 position:10%\n<v.loud Anna>a &lt; b</v> <00:00:01.500><c.x>c</c>\n", VTT,
			[]Cue{{s(1), s(3602), "Anna: a < b c", 11}}, nil},
		"faults": {"1\n00:00:xx,0 --> 00:00:02,0\nlost\n\n2\n00:00:05,0 --> 00:00:04,0\nback\n\n3\n00:00:01,0 --> 00:00:09,0\nearly\n\n4\n00:00:06,0 --> 00:00:07,0\n\nstray words\n\n5\n00:00:61,0 --> 00:01:07,0\nminute\n", SRT,
			[]Cue{{s(1), s(9), "early", 10}, {s(5), s(5), "back", 6}},
			[]Fault{{2, FaultTime, true}, {6, FaultBackward, false}, {14, FaultEmpty, true}, {16, FaultStray, true}, {19, FaultTime, true}, {10, FaultOrder, false}}},
		"overlap":   {"00:00:01,0 --> 00:00:05,0\na\n\n00:00:02,0 --> 00:00:03,0\nb", SRT, []Cue{{s(1), s(5), "a", 1}, {s(2), s(3), "b", 4}}, []Fault{{4, FaultOverlap, false}}},
		"direction": {"00:00:01,0 --> 00:00:05,0\na\u202eb\u2066c\x01", SRT, []Cue{{s(1), s(5), "abc", 1}}, nil},
		"not a tag": {"00:00:01,0 --> 00:00:05,0\n3 < 4 {ok} <", SRT, []Cue{{s(1), s(5), "3 < 4 {ok} <", 1}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if p.Format != c.format || !slices.Equal(p.Cues, c.cues) || !slices.Equal(p.Faults, c.faults) {
				t.Errorf("%s\n%+v\n%+v", p.Format, p.Cues, p.Faults)
			}
		})
	}
	for name, in := range map[string]string{"nothing": "", "a table": "a;b;c\n1;2;3", "binary": "\x00\x01\x02\xff\xfe"} {
		if _, err := Parse([]byte(in)); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseEncodings(t *testing.T) {
	t.Parallel()
	const text = "1\n00:00:01,0 --> 00:00:02,0\nСотрудники открыли дверь камеры\nі зайшли всередину, їх було п'ятеро\n"
	cyrillic, err := charmap.Windows1251.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	wide := func(big bool) string {
		var b strings.Builder
		for _, r := range "\ufeff" + text {
			if big {
				b.WriteByte(byte(r >> 8))
				b.WriteByte(byte(r))
			} else {
				b.WriteByte(byte(r))
				b.WriteByte(byte(r >> 8))
			}
		}
		return b.String()
	}
	for name, in := range map[string]string{"utf-8": "\ufeff" + text, "utf-16": wide(false), "utf-16 ": wide(true), "windows-1251": cyrillic} {
		p, err := Parse([]byte(in))
		if err != nil || len(p.Cues) != 1 || p.Encoding != strings.TrimSpace(name) || p.Cues[0].Text != "Сотрудники открыли дверь камеры і зайшли всередину, їх було п'ятеро" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	p, err := Parse([]byte("00:00:01,0 --> 00:00:02,0\nLe gar\xe7on est rest\xe9 dans la cellule toute la nuit"))
	if err != nil || p.Encoding != "windows-1252" || p.Cues[0].Text != "Le garçon est resté dans la cellule toute la nuit" {
		t.Errorf("%+v, %v", p, err)
	}
}

// A line of ten megabytes is cut, and reported.
func TestParseLongLines(t *testing.T) {
	t.Parallel()
	for _, filler := range []string{"ж", "<", "{\\", "-", "&#"} {
		in := "00:00:01,0 --> 00:00:02,0\n" + strings.Repeat(filler, 10<<20/len(filler)) + "\n\n00:00:03,0 --> 00:00:04,0\nend\n"
		p, err := Parse([]byte(in))
		if err != nil || len(p.Cues) == 0 || p.Cues[len(p.Cues)-1].Text != "end" {
			t.Errorf("%q: %d cues, %v", filler, len(p.Cues), err)
		}
		for _, c := range p.Cues {
			if len(c.Text) > MaxText {
				t.Errorf("%q: a text of %d bytes", filler, len(c.Text))
			}
		}
	}
	if _, err := Parse(make([]byte, MaxImport+1)); !errors.Is(err, archive.ErrInvalid) {
		t.Error(err)
	}
}

// What is written is read again as it was.
func FuzzParse(f *testing.F) {
	f.Add("WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>b</v>\n")
	f.Add("1\n00:00:01,500 --> 00:00:02,750\na\n\n2\n00:00:00,000 --> 00:00:00,000\nb --> c\n")
	f.Add("00:00:01,0 --> 00:00:02,0\n&amp;lt;b&amp;gt;\n")
	f.Fuzz(func(t *testing.T, in string) {
		p, err := Parse([]byte(in))
		if err != nil {
			return
		}
		last := time.Duration(0)
		for _, c := range p.Cues {
			if c.From < last || c.To < c.From || c.To > maxTime || c.Text == "" || len(c.Text) > MaxText || strings.ContainsAny(c.Text, "\n\x00\u202e") {
				t.Fatalf("%+v", c)
			}
			last = c.From
		}
		if len(p.Cues) == 0 {
			return
		}
		again, err := Parse(write(VTT, "", []string{"head --> of it"}, p.Cues))
		if err != nil || len(again.Cues) != len(p.Cues) || len(again.Faults) > 0 && slices.ContainsFunc(again.Faults, func(f Fault) bool { return f.Lost }) {
			t.Fatalf("%d cues came back as %d, %+v, %v", len(p.Cues), len(again.Cues), again.Faults, err)
		}
		for _, c := range p.Cues {
			if !slices.ContainsFunc(again.Cues, func(d Cue) bool { return d.Text == c.Text && d.From == c.From.Round(time.Millisecond) }) {
				t.Fatalf("%+v did not come back", c)
			}
		}
	})
}

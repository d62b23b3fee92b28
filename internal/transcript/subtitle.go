package transcript

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// Format is a form of subtitles.
type Format string

// The formats.
const (
	SRT Format = "srt" // SubRip
	VTT Format = "vtt" // WebVTT
)

// MediaTypes gives the media type of each format.
var MediaTypes = map[Format]string{SRT: "application/x-subrip; charset=utf-8", VTT: "text/vtt; charset=utf-8"}

// Bounds of a file that is read.
const (
	MaxImport = 32 << 20 // bytes
	maxCues   = 200_000
	MaxText   = 8 << 10 // bytes of one sentence
	maxFaults = 1000    // that are told one by one
	maxTime   = 1000 * time.Hour
)

// Cue is a sentence with its times.
type Cue struct {
	From, To time.Duration
	Text     string
	Line     int // where it stands in the file, from 1
}

// Codes of faults.
const (
	FaultTime     = "time"     // it cannot be read
	FaultBackward = "backward" // the end comes before the beginning: the beginning is taken for both
	FaultOrder    = "order"    // it begins before the one that stands before it: put in order
	FaultOverlap  = "overlap"  // it begins before the one before it ends: kept as it is
	FaultLong     = "long"     // the text is too long: cut
	FaultEmpty    = "empty"    // no text: left out
	FaultStray    = "stray"    // text without times: left out
	FaultLate     = "late"     // beyond the end of the recording: left out
	FaultMany     = "many"     // too many cues: the rest is left out
)

// Fault is something about a line of a file. Lost says that a cue, or text, is missing for it.
type Fault struct {
	Line int
	Code string
	Lost bool
}

// Parsed is what a file holds.
type Parsed struct {
	Format   Format
	Encoding string // "utf-8", "utf-16", "windows-1251", "windows-1252"
	Lang     string // that the file says; may be empty
	Cues     []Cue  // by time
	Faults   []Fault
	More     int // faults that are not in Faults
}

func (p *Parsed) fault(line int, code string, lost bool) {
	if len(p.Faults) >= maxFaults {
		p.More++
		return
	}
	p.Faults = append(p.Faults, Fault{line, code, lost})
}

// Lost counts what is missing, among the faults that are told one by one.
func (p Parsed) Lost() (n int) {
	for _, f := range p.Faults {
		if f.Lost {
			n++
		}
	}
	return n
}

// Parse reads SubRip or WebVTT, whichever it is, in UTF-8, UTF-16 or the Windows encodings of Cyrillic and Western Europe. Styling, positions and comments are taken out; a voice of WebVTT
// stands before its words. What cannot be read is passed over and reported. ErrFormat if there is nothing of either form in it.
func Parse(b []byte) (Parsed, error) {
	if len(b) > MaxImport {
		return Parsed{}, invalid("transcript-large", "a file of subtitles has at most %d bytes", MaxImport)
	}
	var p Parsed
	var text string
	text, p.Encoding = decode(b)
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(text), "\n")
	p.Format = SRT
	at := 0
	if strings.HasPrefix(strings.TrimSpace(lines[0]), "WEBVTT") {
		p.Format = VTT
		for at = 1; at < len(lines) && strings.TrimSpace(lines[at]) != ""; at++ {
			if name, v, ok := strings.Cut(lines[at], ":"); ok && strings.EqualFold(strings.TrimSpace(name), "language") && len(v) < 40 {
				p.Lang = strings.TrimSpace(v)
			}
		}
	}
	p.blocks(lines, at)
	if len(p.Cues) == 0 && !slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Code == FaultEmpty }) && p.Format != VTT {
		return p, invalid("transcript-form", "neither SubRip nor WebVTT")
	}
	p.order()
	return p, nil
}

// blocks reads what empty lines divide. A line with an arrow begins a cue wherever it stands, since many programs forget empty lines.
func (p *Parsed) blocks(lines []string, at int) {
	for at < len(lines) {
		line := strings.TrimSpace(lines[at])
		if line == "" {
			at++
			continue
		}
		if p.Format == VTT && (line == "NOTE" || strings.HasPrefix(line, "NOTE ") || line == "STYLE" || line == "REGION") {
			for at < len(lines) && strings.TrimSpace(lines[at]) != "" {
				at++
			}
			continue
		}
		if !strings.Contains(line, "-->") {
			// A number or a name of the cue that follows, or text without times.
			if at+1 >= len(lines) || !strings.Contains(lines[at+1], "-->") {
				p.fault(at+1, FaultStray, !isNumber(line))
			}
			at++
			continue
		}
		c := Cue{Line: at + 1}
		var good bool
		c.From, c.To, good = times(line)
		at++
		var body []string
		for at < len(lines) && strings.TrimSpace(lines[at]) != "" && !strings.Contains(lines[at], "-->") {
			if at+1 < len(lines) && strings.Contains(lines[at+1], "-->") && isNumber(strings.TrimSpace(lines[at])) {
				break // the number of the next cue
			}
			body = append(body, lines[at])
			at++
		}
		p.cue(c, good, body)
		if len(p.Cues) >= maxCues {
			p.fault(at, FaultMany, true)
			return
		}
	}
}

func (p *Parsed) cue(c Cue, good bool, body []string) {
	if !good {
		p.fault(c.Line, FaultTime, true)
		return
	}
	var cut bool
	if c.Text, cut = plainText(strings.Join(body, "\n"), p.Format); c.Text == "" {
		p.fault(c.Line, FaultEmpty, true)
		return
	}
	if cut {
		p.fault(c.Line, FaultLong, true)
	}
	if c.To < c.From {
		p.fault(c.Line, FaultBackward, false)
		c.To = c.From
	}
	p.Cues = append(p.Cues, c)
}

func (p *Parsed) order() {
	for i := 1; i < len(p.Cues); i++ {
		switch a, b := p.Cues[i-1], p.Cues[i]; {
		case b.From < a.From:
			p.fault(b.Line, FaultOrder, false)
		case b.From < a.To:
			p.fault(b.Line, FaultOverlap, false)
		}
	}
	slices.SortStableFunc(p.Cues, func(a, b Cue) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Line, b.Line)) })
}

func isNumber(s string) bool {
	if s == "" || len(s) > 12 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// times reads "00:01:02,500 --> 00:01:04.000 position:50%".
func times(line string) (from, to time.Duration, ok bool) {
	a, b, _ := strings.Cut(line, "-->")
	a = strings.TrimSpace(a)
	b, _, _ = strings.Cut(strings.TrimSpace(b), " ")
	b, _, _ = strings.Cut(b, "\t")
	from, ok1 := clockTime(a)
	to, ok2 := clockTime(b)
	return from, to, ok1 && ok2
}

// clockTime reads [[h:]m:]s[.,fff].
func clockTime(s string) (time.Duration, bool) {
	whole, fraction, _ := strings.Cut(strings.ReplaceAll(s, ",", "."), ".")
	parts := strings.Split(whole, ":")
	if len(parts) < 2 || len(parts) > 3 || len(s) > 24 {
		return 0, false
	}
	var d time.Duration
	for i, x := range parts {
		x = strings.TrimSpace(x)
		n, err := strconv.ParseUint(x, 10, 16)
		if err != nil || x[0] == '+' || i > 0 && n > 59 {
			return 0, false
		}
		d = d*60 + time.Duration(n)
	}
	d *= time.Second
	if fraction != "" {
		if strings.Trim(fraction, "0123456789") != "" {
			return 0, false
		}
		n, err := strconv.ParseUint((fraction + "000000")[:6], 10, 32)
		if err != nil {
			return 0, false
		}
		d += time.Duration(n) * time.Microsecond
	}
	return d, d <= maxTime
}

// plainText takes tags and entities out, and puts the lines of a cue behind each other.
func plainText(s string, f Format) (text string, cut bool) {
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexAny(s, "<{")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		n := tag(s)
		if n == 0 {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if voice := s[:n]; f == VTT && (strings.HasPrefix(voice, "<v ") || strings.HasPrefix(voice, "<v.")) {
			if _, name, ok := strings.Cut(voice[:n-1], " "); ok && strings.TrimSpace(name) != "" {
				b.WriteString(strings.TrimSpace(name) + ": ")
			}
		}
		s = s[n:]
	}
	text = html.UnescapeString(b.String())
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == 0xa0:
			return ' '
		case r < ' ', r == 0x7f, r == 0xfeff, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1 // marks that turn the direction of writing can show another text than is there
		}
		return r
	}, text)
	text = norm.NFC.String(strings.Join(strings.Fields(text), " "))
	if len(text) > MaxText {
		return strings.ToValidUTF8(text[:MaxText], ""), true
	}
	return text, false
}

// tag gives the length of a tag at the beginning of s, 0 if there is none: <b>, </font>, <00:00:01.000>, {\an8}.
func tag(s string) int {
	end := byte('>')
	if s[0] == '{' {
		if !strings.HasPrefix(s, `{\`) {
			return 0
		}
		end = '}'
	} else if len(s) < 2 || s[1] != '/' && !(s[1] >= 'a' && s[1] <= 'z' || s[1] >= 'A' && s[1] <= 'Z' || s[1] >= '0' && s[1] <= '9') {
		return 0
	}
	n := strings.IndexByte(s[:min(len(s), 300)], end)
	return n + 1
}

// decode gives the text of a file and how it was encoded. What is not UTF-8 or UTF-16 is taken for a Windows encoding: for that of Cyrillic if
// most of its letters beyond ASCII lie where those letters are.
func decode(b []byte) (text, encoding string) {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return strings.ToValidUTF8(string(b[3:]), "\ufffd"), "utf-8"
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		u := make([]uint16, 0, len(b)/2)
		for i := 2; i+1 < len(b); i += 2 {
			if b[0] == 0xff {
				u = append(u, uint16(b[i])|uint16(b[i+1])<<8)
			} else {
				u = append(u, uint16(b[i])<<8|uint16(b[i+1]))
			}
		}
		return string(utf16.Decode(u)), "utf-16"
	case utf8.Valid(b):
		return string(b), "utf-8"
	}
	letters, all := 0, 0
	for _, c := range b {
		if c >= 0x80 {
			all++
			if c >= 0xc0 || c == 0xa8 || c == 0xb8 || c == 0xb2 || c == 0xb3 || c == 0xaf || c == 0xbf || c == 0xaa || c == 0xba {
				letters++
			}
		}
	}
	m, name := charmap.Windows1252, "windows-1252"
	// In Western text letters beyond ASCII are rare; in Cyrillic text they are most of it.
	if letters*10 >= all*8 && letters*4 >= len(b) {
		m, name = charmap.Windows1251, "windows-1251"
	}
	out, err := m.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\ufffd"), name
	}
	return string(out), name
}

var cueText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// write writes cues in a format. head are lines of a note that WebVTT begins with.
func write(f Format, lang string, head []string, cues []Cue) []byte {
	var b bytes.Buffer
	if f == VTT {
		b.WriteString("WEBVTT\n")
		if lang != "" {
			fmt.Fprintf(&b, "Language: %s\n", lang)
		}
		if len(head) > 0 {
			b.WriteString("\nNOTE\n")
			for _, h := range head {
				b.WriteString(strings.ReplaceAll(h, "-->", "→") + "\n")
			}
		}
	}
	for i, c := range cues {
		if c.Text == "" {
			continue
		}
		from := c.From.Round(time.Millisecond)
		to := max(c.To.Round(time.Millisecond), from+time.Millisecond)
		if f == VTT {
			fmt.Fprintf(&b, "\n%d\n%s --> %s\n%s\n", i+1, stamp(from, "."), stamp(to, "."), cueText.Replace(c.Text))
			continue
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%d\n%s --> %s\n%s\n", i+1, stamp(from, ","), stamp(to, ","), strings.ReplaceAll(cueText.Replace(c.Text), "-->", "→"))
	}
	return b.Bytes()
}

func stamp(d time.Duration, point string) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, point, ms%1000)
}

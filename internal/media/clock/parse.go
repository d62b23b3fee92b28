package clock

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const day = 24 * 3600

// longestText bounds what is parsed of one line.
const longestText = 256

// Half is the half of the day on a clock of twelve hours.
type Half int

// Halves of the day.
const (
	NoHalf Half = iota // a clock of 24 hours, or not read
	AM
	PM
)

var half = regexp.MustCompile(`\d\s*([APАРДП])\.?\s?[MМ]`) // Latin, and what Cyrillic models make of it

// HalfOf finds the half of the day in a line.
func HalfOf(text string) Half {
	m := half.FindStringSubmatch(cut(strings.ToUpper(text)))
	switch {
	case m == nil:
		return NoHalf
	case m[1] == "A" || m[1] == "А" || m[1] == "Д":
		return AM
	}
	return PM
}

func cut(s string) string {
	if len(s) <= longestText {
		return s
	}
	s = s[:longestText]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// digits makes digits of what recognition takes for letters.
var digits = strings.NewReplacer("O", "0", "o", "0", "О", "0", "о", "0", "Q", "0", "D", "0", "I", "1", "l", "1", "|", "1", "Z", "2", "З", "3", "з", "3", "S", "5", "s", "5",
	"б", "6", "B", "8", "В", "8", " ", "", "\u00a0", "")

// Times gives every time of day, in seconds, that a line can be read as, each once: hours, minutes and seconds of two digits
// with one character or none between them, because colons over a bright ground are read as digits or not at all.
func Times(text string) []int {
	s := digits.Replace(cut(text))
	two := func(at, most int) (int, bool) {
		if at+2 > len(s) || s[at] < '0' || s[at] > '9' || s[at+1] < '0' || s[at+1] > '9' {
			return 0, false
		}
		v := int(s[at]-'0')*10 + int(s[at+1]-'0')
		return v, v <= most
	}
	var out []int
	for i := range s {
		hours, ok := two(i, 23)
		if !ok {
			continue
		}
		for a := range 2 {
			minutes, ok := two(i+2+a, 59)
			if !ok {
				continue
			}
			for b := range 2 {
				seconds, ok := two(i+4+a+b, 59)
				if !ok {
					continue
				}
				if v := hours*3600 + minutes*60 + seconds; !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// Order is the order of day, month and year in a date.
type Order string

// The orders.
const (
	YMD Order = "ymd"
	DMY Order = "dmy"
	MDY Order = "mdy"
)

// Spelling is a date as it can be read from a line.
type Spelling struct {
	Order Order
	// Sure: the spelling itself tells the order, by a year of four digits in front or a month in words.
	Sure bool
	Date time.Time // midnight UTC
}

var (
	yearFirst = regexp.MustCompile(`(?:^|\D)((?:19|20)\d\d)\s?[-/.年]\s?(\d\d?)\s?[-/.月]\s?(\d\d?)(?:\D|$)`)
	yearLast  = regexp.MustCompile(`(?:^|\D)(\d\d?)\s?[-/.]\s?(\d\d?)\s?[-/.]\s?((?:19|20)\d\d)(?:\D|$)`)
	short     = regexp.MustCompile(`(?:^|\D)(\d\d)\s?[-/.]\s?(\d\d)\s?[-/.]\s?(\d\d)(?:\D|$)`)
	run       = regexp.MustCompile(`(?:^|\D)((?:19|20)\d\d)(\d\d)(\d\d)(?:\D|$)`)
	worded    = regexp.MustCompile(`(\d\d?)[-/. ,]{0,2}(\p{L}{3,9})\.?[-/. ,]{0,2}((?:19|20)\d\d)`)
	wordFirst = regexp.MustCompile(`(\p{L}{3,9})\.?[-/. ]{1,2}(\d\d?),?[-/. ]{1,2}((?:19|20)\d\d)`)
)

// Dates whose separators were read as digits or not at all, as happens over a bright ground: only right before a time.
var (
	looseLast  = regexp.MustCompile(`(?:^|\D|\d\D|[^\d]\d)(\d\d).?(\d\d).?((?:19|20)\d\d)\D{0,3}[0-2]\d.?[0-5]\d.?[0-5]\d`)
	looseFirst = regexp.MustCompile(`((?:19|20)\d\d).?(\d\d).?(\d\d)\D{0,3}[0-2]\d.?[0-5]\d.?[0-5]\d`)
)

// months begin so, in English, Russian, Ukrainian and Belarusian.
var months = [12][]string{
	{"jan", "янв", "січ", "сту"}, {"feb", "фев", "лют"}, {"mar", "мар", "бер", "сак"}, {"apr", "апр", "кві", "кра"},
	{"may", "май", "мая", "тра"}, {"jun", "июн", "чер", "чэр"}, {"jul", "июл", "лип", "ліп"}, {"aug", "авг", "сер", "жні"},
	{"sep", "сен", "вер"}, {"oct", "окт", "жов", "кас"}, {"nov", "ноя", "лис", "ліс"}, {"dec", "дек", "гру", "сне"},
}

func monthOf(word string) int {
	word = strings.ToLower(word)
	for i, names := range months {
		for _, n := range names {
			if strings.HasPrefix(word, n) {
				return i + 1
			}
		}
	}
	return 0
}

// Dates gives every date that a line can be read as.
func Dates(text string) []Spelling {
	text = cut(text)
	var out []Spelling
	add := func(o Order, sure bool, y, m, d int) {
		if y < 100 {
			y += 2000
		}
		t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		if y < 1990 || y > 2099 || m < 1 || m > 12 || t.Day() != d || d < 1 {
			return
		}
		if s := (Spelling{o, sure, t}); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // digits only, by the expressions
	for _, re := range []*regexp.Regexp{yearFirst, run} {
		for _, m := range re.FindAllStringSubmatch(text, 4) {
			add(YMD, true, number(m[1]), number(m[2]), number(m[3]))
		}
	}
	for _, m := range yearLast.FindAllStringSubmatch(text, 4) {
		add(DMY, false, number(m[3]), number(m[2]), number(m[1]))
		add(MDY, false, number(m[3]), number(m[1]), number(m[2]))
	}
	for _, m := range worded.FindAllStringSubmatch(text, 4) {
		add(DMY, true, number(m[3]), monthOf(m[2]), number(m[1]))
	}
	for _, m := range wordFirst.FindAllStringSubmatch(text, 4) {
		add(MDY, true, number(m[3]), monthOf(m[1]), number(m[2]))
	}
	if len(out) == 0 {
		for _, m := range looseFirst.FindAllStringSubmatch(text, 1) {
			add(YMD, true, number(m[1]), number(m[2]), number(m[3]))
		}
	}
	if len(out) == 0 {
		for _, m := range looseLast.FindAllStringSubmatch(text, 1) {
			add(DMY, false, number(m[3]), number(m[2]), number(m[1]))
			add(MDY, false, number(m[3]), number(m[1]), number(m[2]))
		}
	}
	if len(out) == 0 {
		for _, m := range short.FindAllStringSubmatch(text, 4) {
			add(DMY, false, number(m[3]), number(m[2]), number(m[1]))
			add(MDY, false, number(m[3]), number(m[1]), number(m[2]))
			add(YMD, false, number(m[1]), number(m[2]), number(m[3]))
		}
	}
	return out
}

// Package edtf reads and writes uncertain dates: ISO 8601-2 (EDTF), levels 0 and 1 whole.
//
// It guarantees that every date it accepts has one spelling, that Parse of String gives the same date again, and that Earliest is never after
// Latest. Beyond the two levels it takes times as the ends of an interval, since footage is known to the second.
//
// It does not know calendars other than the proleptic Gregorian one and no time zones other than those written in a date: what is written
// without one is taken as UTC, which may be wrong by half a day. A season is the widest stretch that people call so north of the equator;
// winter begins in January of its year, or in December, and ends with February of the next.
package edtf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
)

// Date is a date, a season, a time or an interval. It is comparable; the zero value is no date.
type Date struct {
	from, to point
	interval bool
}

// Parts of a point that were not given, or stand as "XX".
const (
	absent      = 0
	unspecified = -1
)

// Seasons stand in the place of months.
const (
	spring = 21
	winter = 24
)

type point struct {
	set   bool // false: an open or unknown end
	open  bool // ".."
	year  int  // with unspecified digits as zeros
	minus bool // so that -00XX is not 00XX
	long  bool // written with Y
	holes int  // unspecified digits of the year, from the right: 0 to 2
	month int  // 1–12, 21–24, absent or unspecified
	day   int

	clock                bool
	hour, minute, second int
	zone                 string // as written: "", "Z", "+03", "-04:30"
	offset               int    // seconds
	qualifier            byte   // 0, '?', '~', '%'
}

var errForm = fmt.Errorf("%w: a date such as 2020-07-27, 2020-07, 2020, 202X, 2020-07-27T14:02:00, 2020~ (about), 2020? (uncertain) or 2019/2020 (between) was expected", archive.ErrInvalid)

// Longest is the most bytes that a date has.
const Longest = 80

// Parse reads a date; archive.ErrInvalid. Letters may be small, spaces around are passed over.
func Parse(text string) (Date, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	if text == "" || len(text) > Longest {
		return Date{}, errForm
	}
	first, second, interval := strings.Cut(text, "/")
	if !interval {
		p, err := parsePoint(text)
		return Date{from: p, to: p}, err
	}
	var d Date
	var err error
	d.interval = true
	if d.from, err = parseEnd(first); err != nil {
		return Date{}, err
	}
	if d.to, err = parseEnd(second); err != nil {
		return Date{}, err
	}
	if !d.from.set && !d.to.set {
		return Date{}, errForm
	}
	if d.from.set && d.to.set && d.from.first().After(d.to.last()) {
		return Date{}, fmt.Errorf("%w: the interval ends before it begins", archive.ErrInvalid)
	}
	return d, nil
}

func parseEnd(text string) (point, error) {
	switch text {
	case "":
		return point{}, nil
	case "..":
		return point{open: true}, nil
	}
	return parsePoint(text)
}

// digits reads exactly n digits.
func digits(s string, n int) (int, string, bool) {
	if len(s) < n {
		return 0, s, false
	}
	v := 0
	for i := range n {
		if s[i] < '0' || s[i] > '9' {
			return 0, s, false
		}
		v = v*10 + int(s[i]-'0')
	}
	return v, s[n:], true
}

const longestYear = 9 // digits after Y

func parsePoint(text string) (p point, err error) {
	p.set = true
	if n := len(text); n > 0 && strings.IndexByte("?~%", text[n-1]) >= 0 {
		p.qualifier, text = text[n-1], text[:n-1]
	}
	if rest, ok := strings.CutPrefix(text, "Y"); ok {
		number := strings.TrimPrefix(rest, "-")
		if len(number) < 5 || len(number) > longestYear || number[0] == '0' {
			return point{}, errForm
		}
		v, left, ok := digits(number, len(number))
		if !ok || left != "" {
			return point{}, errForm
		}
		p.long, p.year = true, v
		if len(number) != len(rest) {
			p.minus, p.year = true, -v
		}
		return p, nil
	}
	text, p.minus = strings.CutPrefix(text, "-")
	if len(text) < 4 {
		return point{}, errForm
	}
	year := text[:4]
	text = text[4:]
	for strings.HasSuffix(year, "X") {
		year = year[:len(year)-1]
		p.holes++
	}
	v, left, ok := digits(year, len(year))
	if !ok || left != "" || p.holes > 2 {
		return point{}, errForm
	}
	for range p.holes {
		v *= 10
	}
	if p.minus && v == 0 && p.holes == 0 {
		return point{}, errForm // there is one year 0
	}
	if p.year = v; p.minus {
		p.year = -v
	}
	if text == "" {
		return p, nil
	}
	if p.holes > 0 {
		return point{}, errForm
	}
	if text, ok = strings.CutPrefix(text, "-"); !ok {
		return point{}, errForm
	}
	if p.month, text, ok = part(text); !ok || p.month != unspecified && (p.month < 1 || p.month > 12) && (p.month < spring || p.month > winter) {
		return point{}, errForm
	}
	if text == "" {
		return p, nil
	}
	if text, ok = strings.CutPrefix(text, "-"); !ok || p.month >= spring {
		return point{}, errForm
	}
	if p.day, text, ok = part(text); !ok || p.day == absent {
		return point{}, errForm
	}
	if p.month == unspecified && p.day != unspecified || p.day > 0 && p.day > daysIn(p.year, p.month) {
		return point{}, errForm
	}
	if text == "" {
		return p, nil
	}
	if text, ok = strings.CutPrefix(text, "T"); !ok || p.day == unspecified || p.qualifier != 0 {
		return point{}, errForm
	}
	return parseClock(p, text)
}

// part reads two digits or "XX".
func part(s string) (int, string, bool) {
	if rest, ok := strings.CutPrefix(s, "XX"); ok {
		return unspecified, rest, true
	}
	return digits(s, 2)
}

func parseClock(p point, text string) (point, error) {
	p.clock = true
	var ok [5]bool
	p.hour, text, ok[0] = digits(text, 2)
	text, ok[1] = strings.CutPrefix(text, ":")
	p.minute, text, ok[2] = digits(text, 2)
	text, ok[3] = strings.CutPrefix(text, ":")
	p.second, text, ok[4] = digits(text, 2)
	if ok != [5]bool{true, true, true, true, true} || p.hour > 23 || p.minute > 59 || p.second > 59 {
		return point{}, errForm
	}
	p.zone = text
	switch {
	case text == "" || text == "Z":
		return p, nil
	case text[0] != '+' && text[0] != '-':
		return point{}, errForm
	}
	h, rest, good := digits(text[1:], 2)
	m := 0
	if good && rest != "" {
		if rest, good = strings.CutPrefix(rest, ":"); good {
			m, rest, good = digits(rest, 2)
		}
	}
	if !good || rest != "" || m > 59 || h*60+m > 14*60 || text[0] == '-' && h == 0 && m == 0 {
		return point{}, errForm
	}
	if p.offset = h*3600 + m*60; text[0] == '-' {
		p.offset = -p.offset
	}
	return p, nil
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// String writes the date in its one spelling; "" for the zero value.
func (d Date) String() string {
	if !d.interval {
		return d.from.String()
	}
	return d.from.String() + "/" + d.to.String()
}

func (p point) String() string {
	if !p.set {
		if p.open {
			return ".."
		}
		return ""
	}
	var b strings.Builder
	if p.long {
		b.WriteString("Y" + strconv.Itoa(p.year))
	} else {
		if p.minus {
			b.WriteByte('-')
		}
		y := fmt.Sprintf("%04d", max(p.year, -p.year))
		b.WriteString(y[:4-p.holes] + "XX"[:p.holes])
	}
	for _, v := range []int{p.month, p.day} {
		switch v {
		case absent:
		case unspecified:
			b.WriteString("-XX")
		default:
			fmt.Fprintf(&b, "-%02d", v)
		}
	}
	if p.clock {
		fmt.Fprintf(&b, "T%02d:%02d:%02d%s", p.hour, p.minute, p.second, p.zone)
	}
	if p.qualifier != 0 {
		b.WriteByte(p.qualifier)
	}
	return b.String()
}

// Interval says whether the date has two ends.
func (d Date) Interval() bool { return d.interval }

// Uncertain says whether the source of the date is doubted ("?", "%").
func (d Date) Uncertain() bool { return d.qualified('?') || d.qualified('%') }

// Approximate says whether the date is an estimate ("~", "%").
func (d Date) Approximate() bool { return d.qualified('~') || d.qualified('%') }

func (d Date) qualified(q byte) bool { return d.from.qualifier == q || d.to.qualifier == q }

// IsZero says whether there is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Earliest is the first moment that the date may mean; ok is false if it has no beginning.
func (d Date) Earliest() (t time.Time, ok bool) {
	if !d.from.set {
		return time.Time{}, false
	}
	return d.from.first(), true
}

// Latest is the last microsecond that the date may mean; ok is false if it has no end.
func (d Date) Latest() (t time.Time, ok bool) {
	if !d.to.set {
		return time.Time{}, false
	}
	return d.to.last(), true
}

// EarliestMicro is Earliest in microseconds since 1970, as near as they reach (some 292,000 years).
func (d Date) EarliestMicro() (int64, bool) { return micro(d.Earliest()) }

// LatestMicro is Latest in microseconds since 1970, as near as they reach.
func (d Date) LatestMicro() (int64, bool) { return micro(d.Latest()) }

func micro(t time.Time, ok bool) (int64, bool) {
	switch {
	case !ok:
		return 0, false
	case t.Year() > 290_000:
		return math.MaxInt64, true
	case t.Year() < -290_000:
		return math.MinInt64, true
	}
	return t.UnixMicro(), true
}

// years are the first and last year that a point may mean.
func (p point) years() (first, last int) {
	span := []int{0, 9, 99}[p.holes]
	if p.minus {
		return p.year - span, p.year
	}
	return p.year, p.year + span
}

func (p point) first() time.Time {
	y, _ := p.years()
	m, d := max(p.month, 1), max(p.day, 1)
	if p.month >= spring {
		m = []int{3, 6, 9, 1}[p.month-spring]
	}
	return time.Date(y, time.Month(m), d, p.hour, p.minute, p.second, 0, time.UTC).Add(-time.Duration(p.offset) * time.Second)
}

func (p point) last() time.Time {
	_, y := p.years()
	var next time.Time
	switch {
	case p.clock:
		next = p.first().Add(time.Second)
	case p.day > 0:
		next = time.Date(y, time.Month(p.month), p.day+1, 0, 0, 0, 0, time.UTC)
	case p.month == winter:
		next = time.Date(y+1, 3, 1, 0, 0, 0, 0, time.UTC)
	case p.month >= spring:
		next = time.Date(y, time.Month([]int{6, 9, 12}[p.month-spring]), 1, 0, 0, 0, 0, time.UTC)
	case p.month > 0:
		next = time.Date(y, time.Month(p.month)+1, 1, 0, 0, 0, 0, time.UTC)
	default:
		next = time.Date(y+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return next.Add(-time.Microsecond)
}

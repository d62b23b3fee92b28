package catalogue

import (
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/catalogue/edtf"
)

// Limits of values, in characters.
const (
	MaxText = 20_000
	MaxName = 500
	MaxNote = 4_000
	maxCode = 64
	maxURL  = 2_000
)

func invalid(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{archive.ErrInvalid}, a...)...)
}

// Canonical gives the one spelling of a value; archive.ErrInvalid with a sentence that says what was expected and never repeats what was typed.
// The language is that of a text and is only checked. Whether a term, an entity or an item is there is for the caller.
func Canonical(p Property, value, lang string) (string, error) {
	if _, err := Lang(lang); err != nil {
		return "", err
	}
	if p.Type == TypeText {
		return clean(value, MaxText, true)
	}
	value, err := clean(value, MaxText, false)
	if err != nil {
		return "", err
	}
	switch p.Type {
	case TypeName:
		return clean(value, MaxName, false)
	case TypeDate:
		d, err := edtf.Parse(value)
		return d.String(), err
	case TypeNumber:
		return decimal(value, 15, 9, "a number such as 12 or 3.5 was expected")
	case TypeDuration:
		return duration(value)
	case TypeTerm:
		return termValue(p.Vocabulary, value)
	case TypeRef:
		if value == Undetermined && refersTo(p, Location) {
			return value, nil
		}
		if err := archive.CheckID(archive.PrefixEntity, value); err != nil {
			return "", invalid("an entity of the catalogue, by identifier or code, was expected")
		}
		return value, nil
	case TypeItem:
		if err := archive.CheckID(archive.PrefixItem, value); err != nil {
			return "", invalid("an item, by identifier or by reference such as Z3-000412, was expected")
		}
		return value, nil
	case TypeGeo:
		lat, lon, err := ParseGeo(value)
		if err != nil {
			return "", err
		}
		return degrees(lat) + "," + degrees(lon), nil
	case TypeURL:
		return address(value)
	case TypeBoolean:
		switch strings.ToLower(value) {
		case "true", "yes", "1":
			return "true", nil
		case "false", "no", "0":
			return "false", nil
		}
		return "", invalid("true or false was expected")
	case TypeCode:
		return code(value)
	case TypeLang:
		if value == "" {
			return "", invalid("a language such as ru or uk was expected")
		}
		return Lang(value)
	}
	return "", invalid("values of type %s are not known", p.Type)
}

func refersTo(p Property, kind archive.EntityKind) bool {
	for _, k := range p.Refers {
		if k == kind {
			return true
		}
	}
	return false
}

// clean brings text into NFC and takes the spaces off its ends; it refuses what is not text.
func clean(s string, most int, lines bool) (string, error) {
	if !utf8.ValidString(s) {
		return "", invalid("the text is not valid UTF-8")
	}
	if len(s) > 4*most+64 {
		return "", invalid("at most %d characters were expected", most)
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	// Marks piled upon marks make a page unreadable; no writing needs more than a few.
	marks := 0
	for _, r := range s {
		switch {
		case r == '\n' && lines, r == '\t' && lines:
		case r == '\n':
			return "", invalid("one line was expected")
		case unicode.Is(unicode.Cc, r), r == '\ufeff', r == '\ufffd', r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
			return "", invalid("the text has characters that cannot be shown")
		case r == '\u2028' || r == '\u2029', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return "", invalid("the text has marks that change the direction of writing")
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if marks > 8 {
			return "", invalid("the text has too many marks on one letter")
		}
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	switch {
	case s == "":
		return "", invalid("something was expected here")
	case utf8.RuneCountInString(s) > most:
		return "", invalid("at most %d characters were expected", most)
	}
	return s, nil
}

// Note gives the one spelling of a remark, which may be empty; archive.ErrInvalid.
func Note(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", nil
	}
	return clean(s, MaxNote, true)
}

// Name gives the one spelling of one line of text; archive.ErrInvalid.
func Name(s string) (string, error) { return clean(s, MaxName, false) }

// Lang gives the one spelling of a language tag, which may be empty; archive.ErrInvalid.
func Lang(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if len(s) > 35 {
		return "", invalid("a language such as ru or uk was expected")
	}
	t, err := language.Parse(s)
	if err != nil || t == language.Und {
		return "", invalid("a language such as ru or uk was expected")
	}
	return t.String(), nil
}

// decimal writes a number without an exponent, a sign only if it is negative, no zeros that mean nothing.
func decimal(s string, whole, places int, expected string) (string, error) {
	s = strings.Replace(s, "−", "-", 1)
	body, minus := strings.CutPrefix(s, "-")
	if !minus {
		body = strings.TrimPrefix(body, "+")
	}
	a, b, point := strings.Cut(body, ".")
	for _, part := range []string{a, b} {
		if strings.Trim(part, "0123456789") != "" {
			return "", invalid("%s", expected)
		}
	}
	if a == "" || point && b == "" {
		return "", invalid("%s", expected)
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimRight(b, "0")
	if len(a) > whole || len(b) > places {
		return "", invalid("%s, with at most %d digits before and %d after the point", expected, whole, places)
	}
	out := a
	if out == "" {
		out = "0"
	}
	if b != "" {
		out += "." + b
	}
	if minus && out != "0" {
		out = "-" + out
	}
	return out, nil
}

const durationForm = "seconds such as -75.5, or a stretch such as 1m15s, was expected"

func duration(s string) (string, error) {
	if d, err := time.ParseDuration(strings.TrimPrefix(s, "+")); err == nil {
		us := d.Round(time.Microsecond).Microseconds()
		s = new(big.Rat).SetFrac64(us, 1_000_000).FloatString(6)
	}
	return decimal(s, 9, 6, durationForm)
}

// Seconds reads a canonical duration.
func Seconds(value string) (time.Duration, bool) {
	d, err := time.ParseDuration(value + "s")
	return d, err == nil && value != ""
}

func termValue(vocabulary, value string) (string, error) {
	v, c, ok := strings.Cut(value, ":")
	if !ok {
		v, c = vocabulary, value
	}
	if v != vocabulary {
		return "", invalid("a term of the vocabulary %s was expected", vocabulary)
	}
	if !TermCode(c) {
		return "", invalid("a term of the vocabulary %s, by its code, was expected", vocabulary)
	}
	return v + ":" + c, nil
}

// TermCode says whether a term may have this code: letters, digits and hyphens, at most 64.
func TermCode(s string) bool {
	return s != "" && len(s) <= maxCode && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}

func code(s string) (string, error) {
	ok := s != "" && len(s) <= maxCode && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && strings.IndexRune("-./_", r) < 0
	}) < 0
	if !ok {
		return "", invalid("a code of letters, digits, hyphens, dots, slashes and low lines, at most %d, was expected", maxCode)
	}
	return s, nil
}

// EntityCode gives the one spelling of the code of an entity, such as I-0093: as code, in capitals; archive.ErrInvalid.
func EntityCode(s string) (string, error) {
	s, err := code(strings.ToUpper(strings.TrimSpace(s)))
	if err == nil && strings.HasPrefix(strings.ToLower(s), archive.PrefixEntity+"_") {
		err = invalid("a code that does not look like an identifier was expected")
	}
	return s, err
}

// ParseGeo reads "latitude,longitude" in degrees; archive.ErrInvalid.
func ParseGeo(s string) (lat, lon float64, err error) {
	a, b, ok := strings.Cut(s, ",")
	bad := invalid("latitude and longitude in degrees, such as 51.5336,46.0343, were expected")
	if !ok {
		return 0, 0, bad
	}
	for i, part := range []string{a, b} {
		text, err := decimal(strings.TrimSpace(part), 3, 15, "degrees")
		if err != nil {
			return 0, 0, bad
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v > []float64{90, 180}[i] || v < []float64{-90, -180}[i] {
			return 0, 0, bad
		}
		if i == 0 {
			lat = v
		} else {
			lon = v
		}
	}
	return lat, lon, nil
}

// degrees writes seven decimals at most: a centimetre.
func degrees(v float64) string {
	s := strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 7, 64), "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

func address(s string) (string, error) {
	bad := invalid("an address that begins with https:// or http:// was expected")
	if len(s) > maxURL || strings.ContainsAny(s, " \"<>\\^`{|}") {
		return "", bad
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", bad
	}
	u.Host = strings.ToLower(u.Host)
	out := u.String()
	if again, err := url.Parse(out); err != nil || again.String() != out {
		return "", bad
	}
	return out, nil
}

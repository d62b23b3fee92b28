package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// ErrFormat: the bytes are not a bundle in the one spelling that is allowed.
var ErrFormat = errors.New("not in the format of a proof bundle")

const (
	maxBundle = 16 << 20
	maxNumber = 1<<53 - 1
	// maxDepth bounds the nesting of the parts of an event that are passed over. Everything else has a fixed shape.
	maxDepth = 16
)

// reader reads canonical JSON (docs/design/proof-bundle.md, "Notation") whose shape is known beforehand. It never builds
// a tree of values: what does not fit is refused at the first byte that differs. After the first error it stands still.
type reader struct {
	raw []byte
	at  int
	err error
}

func (r *reader) fail(format string, a ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format+" (byte %d)", append(append([]any{ErrFormat}, a...), r.at)...)
	}
}

// peek is the next byte, or 0 at the end and after an error; a zero byte is nowhere allowed.
func (r *reader) peek() byte {
	if r.err != nil || r.at >= len(r.raw) {
		return 0
	}
	return r.raw[r.at]
}

func (r *reader) expect(c byte) {
	if r.err != nil {
		return
	}
	if r.peek() != c {
		r.fail("%q was expected", c)
		return
	}
	r.at++
}

// end refuses bytes after the value.
func (r *reader) end() {
	if r.err == nil && r.at != len(r.raw) {
		r.fail("bytes after the end")
	}
}

// key reads the next key of an object, which has to be this one. Objects begin with their first key and end with close.
func (r *reader) key(name string, first bool) {
	if first {
		r.expect('{')
	} else {
		r.expect(',')
	}
	if r.err != nil {
		return
	}
	want := `"` + name + `":`
	if !bytes.HasPrefix(r.raw[r.at:], []byte(want)) {
		r.fail("key %q was expected", name)
		return
	}
	r.at += len(want)
}

// nextKey says whether another key follows, and is this one.
func (r *reader) nextKey(name string) bool {
	return r.err == nil && bytes.HasPrefix(r.raw[r.at:], []byte(`,"`+name+`":`))
}

func (r *reader) close() { r.expect('}') }

// constant reads a string that can only be this one.
func (r *reader) constant(want string) {
	at := r.at
	if s := r.string(); r.err == nil && s != want {
		r.at = at
		r.fail("%q was expected", want)
	}
}

// array reads an array of at least low and at most high elements, calling element for each.
func (r *reader) array(low, high int, element func(i int)) {
	r.expect('[')
	n := 0
	if r.peek() == ']' {
		r.at++
	} else {
		for r.err == nil {
			if n >= high {
				r.fail("more than %d elements", high)
				return
			}
			element(n)
			n++
			if r.peek() == ']' {
				r.at++
				break
			}
			r.expect(',')
		}
	}
	if r.err == nil && n < low {
		r.fail("fewer than %d elements", low)
	}
}

// hexDigit gives the value of a lower-case hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// string reads any string.
func (r *reader) string() string {
	r.expect('"')
	if r.err != nil {
		return ""
	}
	var out []byte
	for start := r.at; ; {
		if r.at >= len(r.raw) {
			r.fail("a string without end")
			return ""
		}
		switch c := r.raw[r.at]; {
		case c == '"':
			out = append(out, r.raw[start:r.at]...)
			r.at++
			return string(out)
		case c < 0x20:
			r.fail("a control character in a string")
			return ""
		case c == '\\':
			out = append(out, r.raw[start:r.at]...)
			out = append(out, r.escape())
			if r.err != nil {
				return ""
			}
			start = r.at
		case c < utf8.RuneSelf:
			r.at++
		default:
			ch, n := utf8.DecodeRune(r.raw[r.at:])
			if ch == utf8.RuneError && n == 1 {
				r.fail("not UTF-8")
				return ""
			}
			r.at += n
		}
	}
}

// escape reads one of the escapes that are the only spelling of their character.
func (r *reader) escape() byte {
	rest := r.raw[r.at:]
	if len(rest) >= 2 {
		i := bytes.IndexByte(shortEscapes, rest[1])
		if i >= 0 {
			r.at += 2
			return shortMeanings[i]
		}
	}
	if len(rest) >= 6 && string(rest[:4]) == `\u00` {
		high, low := hexDigit(rest[4]), hexDigit(rest[5])
		c := byte(high<<4 | low)
		if (high == 0 || high == 1) && low >= 0 && c != '\b' && c != '\t' && c != '\n' && c != '\f' && c != '\r' {
			r.at += 6
			return c
		}
	}
	r.fail("an escape that is not the canonical one")
	return 0
}

// number reads decimal text from low to high.
func (r *reader) number(low, high int64) int64 {
	at := r.at
	s := r.string()
	if r.err != nil {
		return 0
	}
	n, ok := decimal(s)
	if !ok || n < low || n > high {
		r.at = at
		r.fail("a number from %d to %d was expected", low, high)
		return 0
	}
	return n
}

// decimal reads a number without sign and leading zeros, below 2^53.
func decimal(s string) (int64, bool) {
	if s == "" || len(s) > 16 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n <= maxNumber
}

// count reads a number of 0 or more.
func (r *reader) count() int64 { return r.number(0, maxNumber) }

// hash reads a digest in hexadecimal.
func (r *reader) hash() Hash {
	at := r.at
	s := r.string()
	h, ok := unhex(s)
	if r.err == nil && !ok {
		r.at = at
		r.fail("64 hexadecimal digits were expected")
	}
	return h
}

func unhex(s string) (h Hash, ok bool) {
	if len(s) != 2*len(h) {
		return h, false
	}
	for i := range h {
		high, low := hexDigit(s[2*i]), hexDigit(s[2*i+1])
		if high < 0 || low < 0 {
			return Hash{}, false
		}
		h[i] = byte(high<<4 | low)
	}
	return h, true
}

// base64 reads bytes.
func (r *reader) base64() []byte {
	at := r.at
	s := r.string()
	if r.err != nil {
		return nil
	}
	b, ok := unbase64(s)
	if !ok {
		r.at = at
		r.fail("base64 was expected")
	}
	return b
}

// unbase64 is strict: the package of the standard library passes over line ends, which would be a second spelling.
func unbase64(s string) ([]byte, bool) {
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' {
			return nil, false
		}
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil
}

// hashes reads a list of hashes, one after the other in base64.
func (r *reader) hashes() []Hash {
	at := r.at
	b := r.base64()
	if r.err != nil {
		return nil
	}
	if len(b)%32 != 0 {
		r.at = at
		r.fail("whole hashes were expected")
		return nil
	}
	out := make([]Hash, len(b)/32)
	for i := range out {
		out[i] = Hash(b[32*i:])
	}
	return out
}

const dateForm = "2006-01-02"

// date reads a day of the calendar.
func (r *reader) date() string {
	at := r.at
	s := r.string()
	if r.err != nil {
		return ""
	}
	if !isDate(s) {
		r.at = at
		r.fail("a date was expected")
	}
	return s
}

func isDate(s string) bool {
	t, err := time.Parse(dateForm, s)
	return err == nil && t.Format(dateForm) == s
}

// skip passes over any value of canonical JSON.
func (r *reader) skip(depth int) {
	if depth > maxDepth {
		r.fail("nested too deep")
		return
	}
	switch r.peek() {
	case '"':
		r.string()
	case '[':
		r.array(0, math.MaxInt, func(int) { r.skip(depth + 1) })
	case '{':
		r.object(func(string) { r.skip(depth + 1) })
	default:
		r.fail("an object, an array or a string was expected")
	}
}

// object reads an object whose keys are not known beforehand; each has to follow the one before by its bytes.
func (r *reader) object(member func(key string)) {
	r.expect('{')
	if r.peek() == '}' {
		r.at++
		return
	}
	last := ""
	for n := 0; r.err == nil; n++ {
		at := r.at
		k := r.string()
		if r.err == nil && n > 0 && k <= last {
			r.at = at
			r.fail("keys out of order")
			return
		}
		last = k
		r.expect(':')
		if r.err != nil {
			return
		}
		member(k)
		if r.peek() == '}' {
			r.at++
			return
		}
		r.expect(',')
	}
}

// writer writes canonical JSON; a string that is not UTF-8, or a number out of range, is an error at the end.
type writer struct {
	out []byte
	err error
}

func (w *writer) raw(s string) { w.out = append(w.out, s...) }

// key writes a key; what follows it is written by the caller.
func (w *writer) key(name string, first bool) {
	if first {
		w.raw(`{"`)
	} else {
		w.raw(`,"`)
	}
	w.raw(name)
	w.raw(`":`)
}

func (w *writer) close() { w.raw("}") }

func (w *writer) string(s string) {
	if !utf8.ValidString(s) && w.err == nil {
		w.err = fmt.Errorf("%w: a string is not UTF-8", ErrFormat)
	}
	w.out = append(w.out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			w.out = append(w.out, '\\', c)
		case '\b':
			w.raw(`\b`)
		case '\f':
			w.raw(`\f`)
		case '\n':
			w.raw(`\n`)
		case '\r':
			w.raw(`\r`)
		case '\t':
			w.raw(`\t`)
		default:
			if c < 0x20 {
				w.out = fmt.Appendf(w.out, `\u%04x`, c)
			} else {
				w.out = append(w.out, c)
			}
		}
	}
	w.out = append(w.out, '"')
}

func (w *writer) number(n int64) {
	if (n < 0 || n > maxNumber) && w.err == nil {
		w.err = fmt.Errorf("%w: a number out of range", ErrFormat)
	}
	w.string(strconv.FormatInt(n, 10))
}

func (w *writer) hash(h Hash)     { w.string(hex.EncodeToString(h[:])) }
func (w *writer) base64(b []byte) { w.string(base64.StdEncoding.EncodeToString(b)) }
func (w *writer) hashes(h []Hash) {
	b := make([]byte, 0, 32*len(h))
	for i := range h {
		b = append(b, h[i][:]...)
	}
	w.base64(b)
}

func (w *writer) array(n int, element func(i int)) {
	w.raw("[")
	for i := range n {
		if i > 0 {
			w.raw(",")
		}
		element(i)
	}
	w.raw("]")
}

// The escapes of two characters, and what they stand for, in the same order.
var (
	shortEscapes  = []byte(`"\bfnrt`)
	shortMeanings = []byte("\"\\\b\f\n\r\t")
)

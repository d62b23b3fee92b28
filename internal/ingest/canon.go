package ingest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zapis/internal/archive"
)

// object is a JSON object whose values are string, int64, uint64, bool, []string, object, or raw.
type object map[string]any

// raw is JSON that is canonical already.
type raw []byte

// canonical writes canonical JSON: RFC 8785 with one liberty, whole numbers are written with all their digits even
// beyond 2^53. Keys are ASCII, so that the order of bytes is the order RFC 8785 asks for. It panics on a value of
// another type and on keys or text that are not valid: those come from this package only.
func canonical(o object) []byte { return appendObject(nil, o) }

func appendObject(b []byte, o object) []byte {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, k), ':')
		b = appendValue(b, o[k])
	}
	return append(b, '}')
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case bool:
		return strconv.AppendBool(b, v)
	case object:
		return appendObject(b, v)
	case raw:
		return append(b, v...)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		return append(b, ']')
	}
	panic(fmt.Sprintf("ingest: %T has no canonical form", v))
}

const hexDigits = "0123456789abcdef"

// appendString writes a string as RFC 8785 section 3.2.2.2 asks.
func appendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		panic("ingest: text that is not UTF-8 has no canonical form")
	}
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		default:
			if at := strings.IndexByte("\b\f\n\r\t", c); at >= 0 {
				b = append(b, '\\', "bfnrt"[at])
			} else {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
	}
	return append(b, '"')
}

// parseCanonical reads JSON made of objects, arrays of strings, and strings only, and refuses every other spelling of
// the same values. Depth is bounded by the reader of the standard library and by what callers look for.
func parseCanonical(text []byte) (map[string]any, error) {
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("%w: not a JSON object", archive.ErrInvalid)
	}
	o, err := toObject(v)
	if err != nil {
		return nil, err
	}
	if string(canonical(o)) != string(text) {
		return nil, fmt.Errorf("%w: JSON is not in canonical form", archive.ErrInvalid)
	}
	return v, nil
}

func toObject(v map[string]any) (object, error) {
	o := object{}
	for k, x := range v {
		switch x := x.(type) {
		case string:
			o[k] = x
		case map[string]any:
			sub, err := toObject(x)
			if err != nil {
				return nil, err
			}
			o[k] = sub
		case []any:
			list := make([]string, len(x))
			for i, e := range x {
				s, ok := e.(string)
				if !ok {
					return nil, fmt.Errorf("%w: an array holds something other than text", archive.ErrInvalid)
				}
				list[i] = s
			}
			o[k] = list
		default:
			return nil, fmt.Errorf("%w: a value is neither text nor an object nor an array", archive.ErrInvalid)
		}
	}
	return o, nil
}

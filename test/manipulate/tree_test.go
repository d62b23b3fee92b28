package manipulate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A bundle is handled here as a tree of map[string]any, []any and string, so that it can take every wrong form.

// decode reads JSON that holds nothing but objects, arrays and strings.
func decode(raw []byte) map[string]any {
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		panic(err)
	}
	return tree
}

// spell writes canonical JSON.
func spell(v any) []byte { return spellTo(nil, v) }

func spellTo(out []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		out = append(out, '"')
		for _, r := range []byte(v) {
			switch {
			case r == '"' || r == '\\':
				out = append(out, '\\', r)
			case r >= ' ':
				out = append(out, r)
			case strings.IndexByte("\b\f\n\r\t", r) >= 0:
				out = append(out, '\\', "btn_fr"[r-'\b'])
			default:
				out = fmt.Appendf(out, `\u%04x`, r)
			}
		}
		return append(out, '"')
	case []any:
		out = append(out, '[')
		for i, e := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = spellTo(out, e)
		}
		return append(out, ']')
	case map[string]any:
		out = append(out, '{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				out = append(out, ',')
			}
			out = spellTo(append(spellTo(out, k), ':'), v[k])
		}
		return append(out, '}')
	}
	panic(fmt.Sprintf("spell %T", v))
}

func clone(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	}
	return v
}

// path leads to a value in a tree: string keys and int places.
type path []any

func (p path) String() string {
	var b strings.Builder
	for _, e := range p {
		fmt.Fprintf(&b, "/%v", e)
	}
	return b.String()
}

func get(tree any, p path) any {
	for _, e := range p {
		switch e := e.(type) {
		case string:
			tree = tree.(map[string]any)[e]
		case int:
			tree = tree.([]any)[e]
		}
	}
	return tree
}

// find is get that says whether it is there.
func find(tree any, p path) (any, bool) {
	for _, e := range p {
		switch e := e.(type) {
		case string:
			m, ok := tree.(map[string]any)
			if tree, ok = m[e]; !ok {
				return nil, false
			}
		case int:
			a, ok := tree.([]any)
			if !ok || e >= len(a) {
				return nil, false
			}
			tree = a[e]
		}
	}
	return tree, true
}

// set replaces what is at a path that is there and not empty.
func set(tree any, p path, v any) {
	parent := get(tree, p[:len(p)-1])
	switch e := p[len(p)-1].(type) {
	case string:
		parent.(map[string]any)[e] = v
	case int:
		parent.([]any)[e] = v
	}
}

// walk calls f for every value, parents first, in a fixed order.
func walk(v any, p path, f func(p path, v any)) {
	f(p, v)
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			walk(e, append(slices.Clone(p), i), f)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(v[k], append(slices.Clone(p), k), f)
		}
	}
}

// form of a text value: what a change of it has to look like to get past the reader.
func form(s string) string {
	if _, err := hex.DecodeString(s); err == nil && len(s) == 64 {
		return "hexadecimal"
	}
	if n, err := strconv.ParseUint(s, 10, 53); err == nil && strconv.FormatUint(n, 10) == s {
		return "number"
	}
	if b, err := base64.StdEncoding.Strict().DecodeString(s); err == nil && len(b) >= 32 {
		return "base64"
	}
	return "text"
}

// ---- signing ----

// signer is a key of a log or a witness.
type signer struct {
	name string
	key  ed25519.PrivateKey
}

// keyFrom makes the key that the writer in Python made from this text.
func keyFrom(name, seed string) signer {
	h := sha256.Sum256([]byte(seed))
	return signer{name: name, key: ed25519.NewKeyFromSeed(h[:])}
}

func (s signer) public(algorithm byte) []byte {
	return append([]byte{algorithm}, s.key.Public().(ed25519.PublicKey)...)
}

func (s signer) number(algorithm byte) []byte {
	h := sha256.Sum256(slices.Concat([]byte(s.name), []byte("\n"), s.public(algorithm)))
	return h[:4]
}

// vkey is the verifier key: algorithm 1 of a log, 4 of a witness.
func (s signer) vkey(algorithm byte) string {
	return s.name + "+" + hex.EncodeToString(s.number(algorithm)) + "+" + base64.StdEncoding.EncodeToString(s.public(algorithm))
}

func (s signer) line(text string) string {
	return "— " + s.name + " " + base64.StdEncoding.EncodeToString(append(s.number(1), ed25519.Sign(s.key, []byte(text))...)) + "\n"
}

// cosign is a line of a witness.
func (s signer) cosign(text string, at int64) string {
	signature := ed25519.Sign(s.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))
	return "— " + s.name + " " + base64.StdEncoding.EncodeToString(slices.Concat(s.number(4), binary.BigEndian.AppendUint64(nil, uint64(at)), signature)) + "\n"
}

func (s signer) note(text string) string { return text + "\n" + s.line(text) }

// seal gives the file of a bundle, its note signed by s.
func (s signer) seal(bundle any) []byte {
	digest := sha256.Sum256(spell(bundle))
	return spell(map[string]any{"bundle": bundle, "note": s.note("zapis proof v1\n" + s.name + "\n" + hex.EncodeToString(digest[:]) + "\n")})
}

// textOf is the text of a note, without signatures.
func textOf(note string) string {
	i := strings.LastIndex(note, "\n\n")
	return note[:i+1]
}

func changed(a, b []byte) bool { return !bytes.Equal(a, b) }

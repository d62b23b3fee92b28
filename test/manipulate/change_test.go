package manipulate

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A change makes a manipulated bundle of a base: the bytes and what the checker knows from elsewhere. It gives nil if it
// does not fit the base. Its note says what was done, for a report of a case that was not caught.
type change struct {
	class, name string
	weight      int
	make        func(r *rand.Rand, b *base) (raw []byte, o options, note string)
}

// Bytes of a file, changed without any key.
func bytesChange(name string, f func(r *rand.Rand, raw []byte) []byte) change {
	return change{"bytes", name, 4, func(r *rand.Rand, b *base) ([]byte, options, string) {
		return f(r, slices.Clone(b.raw)), known(r, b), name
	}}
}

// known is all that can be known from elsewhere, or nothing: what is caught by a look inside is caught with both.
func known(r *rand.Rand, b *base) options {
	if r.IntN(2) == 0 {
		return options{}
	}
	return b.options
}

var byteChanges = []change{
	bytesChange("flip a bit", func(r *rand.Rand, raw []byte) []byte {
		raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
		return raw
	}),
	bytesChange("another byte", func(r *rand.Rand, raw []byte) []byte {
		raw[r.IntN(len(raw))] = byte(r.IntN(256))
		return raw
	}),
	bytesChange("another letter", func(r *rand.Rand, raw []byte) []byte {
		raw[r.IntN(len(raw))] = "0123456789abcdefABCDEF+/="[r.IntN(25)]
		return raw
	}),
	bytesChange("delete", func(r *rand.Rand, raw []byte) []byte {
		at := r.IntN(len(raw))
		return slices.Delete(raw, at, min(len(raw), at+1+r.IntN(8)))
	}),
	bytesChange("insert", func(r *rand.Rand, raw []byte) []byte {
		return slices.Insert(raw, r.IntN(len(raw)+1), byte(r.IntN(256)))
	}),
	bytesChange("double", func(r *rand.Rand, raw []byte) []byte {
		at := r.IntN(len(raw))
		return slices.Insert(raw, at, slices.Clone(raw[at:min(len(raw), at+1+r.IntN(64))])...)
	}),
	bytesChange("exchange neighbours", func(r *rand.Rand, raw []byte) []byte {
		at := r.IntN(len(raw) - 1)
		raw[at], raw[at+1] = raw[at+1], raw[at]
		return raw
	}),
	bytesChange("cut the end", func(r *rand.Rand, raw []byte) []byte { return raw[:r.IntN(len(raw))] }),
	bytesChange("cut the front", func(r *rand.Rand, raw []byte) []byte { return raw[1+r.IntN(len(raw)-1):] }),
	bytesChange("add to the end", func(r *rand.Rand, raw []byte) []byte {
		return append(raw, []byte{0, '\n', ' ', '}', byte(r.IntN(256))}[r.IntN(5)])
	}),
	bytesChange("blank", func(r *rand.Rand, raw []byte) []byte {
		at := r.IntN(len(raw))
		for i := at; i < min(len(raw), at+1+r.IntN(16)); i++ {
			raw[i] = ' '
		}
		return raw
	}),
}

// Another spelling of the same content: the signature over the canonical bytes would still hold.
func spelling(name, from, to string) change {
	return change{"spelling", name, 1, func(r *rand.Rand, b *base) ([]byte, options, string) {
		count := bytes.Count(b.raw, []byte(from))
		if count == 0 {
			return nil, options{}, ""
		}
		at, skip := 0, r.IntN(count)
		for range skip {
			at += bytes.Index(b.raw[at:], []byte(from)) + len(from)
		}
		at += bytes.Index(b.raw[at:], []byte(from))
		return slices.Concat(b.raw[:at], []byte(to), b.raw[at+len(from):]), known(r, b), name
	}}
}

var spellings = []change{
	spelling("space behind a comma", `,"`, `, "`), spelling("space behind a colon", `:"`, `: "`), spelling("line feed", `{"`, "{\n\""),
	spelling("tab", `"]`, "\"\t]"), spelling("escaped solidus", `/`, `\/`), spelling("escaped letter", `e`, `\u0065`),
	spelling("escaped dash", "—", `\u2014`), spelling("line feed as a number", `\n`, `\u000a`), spelling("comma at the end", `"}`, `",}`),
	spelling("a key twice", `"kind":`, `"kind":"clip","kind":`), spelling("a key twice", `"version":`, `"version":"1","version":`),
	spelling("a key twice", `"salt":`, `"salt":"","salt":`), spelling("a comment", `,"`, `,/**/"`), spelling("single quotes", `"1"`, `'1'`),
	spelling("a bare number", `"1"`, `1`), spelling("a bare number", `"0"`, `0`), spelling("null", `[]`, `null`), spelling("null", `""`, `null`),
	spelling("a mark of byte order", `{"bundle"`, "\ufeff{\"bundle\""), spelling("other keys first", `{"bundle":`, `{"a":"","bundle":`),
}

// signed changes a copy of the bundle and signs it again with the right key.
func signed(class, name string, weight int, f func(r *rand.Rand, b *base, tree map[string]any) string) change {
	return change{class, name, weight, func(r *rand.Rand, b *base) ([]byte, options, string) {
		tree := clone(b.bundle).(map[string]any)
		note := f(r, b, tree)
		if note == "" {
			return nil, options{}, ""
		}
		return b.signer.seal(tree), known(r, b), name + " " + note
	}}
}

// leaves are the paths of all texts, arrays are those of all arrays; stamps are left to the changes of tokens.
func paths(tree any, want func(v any) bool) []path {
	var out []path
	walk(tree, nil, func(p path, v any) {
		if !slices.Contains(p, any("stamps")) && want(v) {
			out = append(out, p)
		}
	})
	return out
}

func isText(v any) bool { _, ok := v.(string); return ok }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// alter gives another value of the same form.
func alter(r *rand.Rand, s string) string {
	switch form(s) {
	case "hexadecimal":
		raw, _ := hex.DecodeString(s)
		raw[r.IntN(32)] ^= 1 << r.IntN(8)
		return hex.EncodeToString(raw)
	case "number":
		n, _ := strconv.ParseInt(s, 10, 64)
		return strconv.FormatInt([]int64{n + 1, max(0, n-1), n + 1<<20, n * 2, 0, 1, 1 << 40, 1<<53 - 1}[r.IntN(8)], 10)
	case "base64":
		raw, _ := base64.StdEncoding.DecodeString(s)
		switch r.IntN(6) {
		case 0: // one hash less
			at := r.IntN(len(raw)/32) * 32
			raw = slices.Delete(raw, at, at+32)
		case 1: // one hash twice
			at := r.IntN(len(raw)/32) * 32
			raw = slices.Insert(raw, at, raw[at:at+32]...)
		case 2: // two hashes exchanged
			a, b := r.IntN(len(raw)/32)*32, r.IntN(len(raw)/32)*32
			for i := range 32 {
				raw[a+i], raw[b+i] = raw[b+i], raw[a+i]
			}
		default:
			raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	if s == "" {
		return []string{"x", "0", base64.StdEncoding.EncodeToString(make([]byte, 32)), strings.Repeat("00", 32)}[r.IntN(4)]
	}
	raw := []byte(s)
	switch at := r.IntN(len(raw)); r.IntN(4) {
	case 0:
		raw = slices.Delete(raw, at, at+1)
	case 1:
		raw = slices.Insert(raw, at, "ab01+/ \n"[r.IntN(8)])
	default:
		raw[at] = "abcdefABCDEF0123456789+/= \n-—"[r.IntN(28)]
	}
	return strings.ToValidUTF8(string(raw), "?")
}

// misspell gives another spelling of the same value.
func misspell(r *rand.Rand, s string) string {
	switch form(s) {
	case "hexadecimal":
		return []string{strings.ToUpper(s), " " + s, s + "\n", "0x" + s, s[:62], s + "00"}[r.IntN(6)]
	case "number":
		return []string{"0" + s, "+" + s, "-" + s, " " + s, s + " ", s + ".0", s + "e0", "", "9007199254740992", "99999999999999999999"}[r.IntN(10)]
	case "base64":
		options := []string{s + "=", strings.TrimRight(s, "="), s + "\n", s[:8] + " " + s[8:], s + "AAAA", "A" + s}
		if i := strings.IndexByte(s, '='); i > 0 { // loose bits
			const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
			options = append(options, s[:i-1]+string(letters[strings.IndexByte(letters, s[i-1])+1])+s[i:])
		}
		if strings.ContainsAny(s, "+/") {
			options = append(options, strings.NewReplacer("+", "-", "/", "_").Replace(s))
		}
		return pick(r, options)
	}
	return s + "\n"
}

var signedChanges = []change{
	signed("value", "change", 30, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, isText))
		set(tree, p, alter(r, get(tree, p).(string)))
		return p.String()
	}),
	signed("value", "change two", 10, func(r *rand.Rand, b *base, tree map[string]any) string {
		note := ""
		for range 2 {
			p := pick(r, paths(tree, isText))
			set(tree, p, alter(r, get(tree, p).(string)))
			note += p.String() + " "
		}
		return note
	}),
	signed("value", "change a number", 8, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, func(v any) bool { s, ok := v.(string); return ok && form(s) == "number" }))
		set(tree, p, alter(r, get(tree, p).(string)))
		return p.String()
	}),
	signed("form", "misspell", 10, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, isText))
		set(tree, p, misspell(r, get(tree, p).(string)))
		return p.String()
	}),
	signed("form", "empty", 4, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, func(v any) bool { s, ok := v.(string); return ok && s != "" }))
		set(tree, p, "")
		return p.String()
	}),
	signed("shape", "another type", 4, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, func(v any) bool { return true })[1:])
		v := []any{"", []any{}, map[string]any{}, []any{get(tree, p)}, map[string]any{"a": get(tree, p)}}[r.IntN(5)]
		if bytes.Equal(spell(v), spell(get(tree, p))) {
			return ""
		}
		set(tree, p, v)
		return p.String()
	}),
	signed("shape", "key removed, added or renamed", 4, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, func(v any) bool { m, ok := v.(map[string]any); return ok && len(m) > 0 }))
		m := get(tree, p).(map[string]any)
		keys := paths(m, func(any) bool { return true })
		key := keys[1+r.IntN(len(keys)-1)][0].(string)
		switch r.IntN(3) {
		case 0:
			delete(m, key)
		case 1:
			m[key+"x"] = m[key]
		default:
			m[strings.ToUpper(key)] = m[key]
			delete(m, key)
		}
		return p.String() + "/" + key
	}),
	signed("order", "array", 16, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, func(v any) bool { a, ok := v.([]any); return ok && len(a) > 0 }))
		if len(p) > 0 && p[len(p)-1] == "stamps" {
			return ""
		}
		a := slices.Clone(get(tree, p).([]any))
		switch r.IntN(5) {
		case 0:
			a = a[:len(a)-1] // the tail dropped
		case 1:
			at := r.IntN(len(a))
			a = slices.Delete(a, at, at+1)
		case 2:
			at := r.IntN(len(a))
			a = slices.Insert(a, at, a[at])
		case 3:
			slices.Reverse(a)
		default:
			i, j := r.IntN(len(a)), r.IntN(len(a))
			a[i], a[j] = a[j], a[i]
		}
		set(tree, p, a)
		return p.String()
	}),
	signed("swap", "two values of one form", 16, func(r *rand.Rand, b *base, tree map[string]any) string {
		all := paths(tree, isText)
		one := pick(r, all)
		s := get(tree, one).(string)
		like := slices.DeleteFunc(all, func(p path) bool {
			o := get(tree, p).(string)
			return o == s || form(o) != form(s) || len(p) != len(one)
		})
		if len(like) == 0 {
			return ""
		}
		two := pick(r, like)
		o := get(tree, two).(string)
		set(tree, one, o)
		set(tree, two, s)
		return one.String() + " " + two.String()
	}),
	signed("swap", "salts, proofs or roots", 8, func(r *rand.Rand, b *base, tree map[string]any) string {
		key := pick(r, []string{"salt", "proof", "segments", "place", "index", "custody", "statements", "whole", "segment_root", "measure", "sha256", "consistency", "note", "endorsement", "vkey", "tick", "checkpoint"})
		all := paths(tree, func(any) bool { return true })
		all = slices.DeleteFunc(all, func(p path) bool { return len(p) == 0 || p[len(p)-1] != key || !isText(get(tree, p)) })
		if len(all) < 2 {
			return ""
		}
		one, two := pick(r, all), pick(r, all)
		a, c := get(tree, one), get(tree, two)
		if a == c {
			return ""
		}
		set(tree, one, c)
		set(tree, two, a)
		return one.String() + " " + two.String()
	}),
	signed("fork", "a part of another tree under the same keys", 16, func(r *rand.Rand, b *base, tree map[string]any) string {
		p := pick(r, paths(tree, func(v any) bool { return true })[1:])
		other, ok := find(b.fork.bundle, p)
		if !ok || bytes.Equal(spell(other), spell(get(tree, p))) || p[len(p)-1] == "stamps" || len(p) == 1 && p[0] == "checkpoints" && b.kind == "none" {
			return ""
		}
		set(tree, p, clone(other))
		return p.String()
	}),
	signed("rollback", "checkpoints", 6, func(r *rand.Rand, b *base, tree map[string]any) string {
		points := tree["checkpoints"].([]any)
		if len(points) < 2 {
			return ""
		}
		switch r.IntN(6) {
		case 0:
			points[0], points[1] = points[1], points[0]
		case 1:
			points[1] = clone(points[0])
		case 2:
			points[0] = clone(points[1])
		case 3:
			tree["checkpoints"] = points[:1]
		case 4:
			tree["checkpoints"] = points[1:]
		default: // the later one put back, and what named it pointed at the earlier
			tree["checkpoints"] = points[:1]
			for _, tick := range tree["ticks"].([]any) {
				tick.(map[string]any)["checkpoint"] = "0"
			}
		}
		return "rolled back"
	}),
	signed("rollback", "a checkpoint with another root, signed by the log", 6, func(r *rand.Rand, b *base, tree map[string]any) string {
		// With no witness at all it is the consistency proof or the inclusion of a tick that shows it.
		point := pick(r, tree["checkpoints"].([]any)).(map[string]any)
		lines := strings.Split(textOf(point["note"].(string)), "\n")
		lines[2] = alter(r, lines[2])
		text := strings.Join(lines, "\n")
		if text == textOf(point["note"].(string)) {
			return ""
		}
		point["note"], point["stamps"] = b.sign(point["note"].(string), text), []any{}
		return "root"
	}),
	signed("foreign", "a key not endorsed", 4, func(r *rand.Rand, b *base, tree map[string]any) string {
		keys := get(tree, path{"log", "keys"}).([]any)
		stranger := b.foreign.signer
		text := "zapis log key v1\n" + origin + "\n" + b.signer.vkey(1) + "\n0\n"
		switch r.IntN(3) {
		case 0:
			keys[0].(map[string]any)["vkey"] = stranger.vkey(1)
		case 1: // the right key is said to follow a foreign one
			first := map[string]any{"endorsement": "", "vkey": stranger.vkey(1)}
			second := map[string]any{"endorsement": b.signer.note(text), "vkey": b.signer.vkey(1)}
			set(tree, path{"log", "keys"}, []any{first, second})
		default:
			middle := map[string]any{"endorsement": stranger.note(strings.Replace(text, b.signer.vkey(1), stranger.vkey(1), 1)), "vkey": stranger.vkey(1)}
			set(tree, path{"log", "keys"}, slices.Insert(slices.Clone(keys), len(keys), any(middle)))
		}
		return "keys"
	}),
}

// sign signs another text of a checkpoint with the key of the log that signed it; witnesses do not.
func (b *base) sign(note, text string) string {
	for _, s := range []string{"key 0", "key 1", "key 2", "key 3"} {
		key := keyFrom(origin, s)
		if strings.Contains(note, key.line(textOf(note))) {
			return key.note(text)
		}
	}
	panic("signed by none of the keys")
}

// Changes for which somebody has to know something from elsewhere.
var outsideChanges = []change{
	{"fork", "the whole of another tree under the same keys, without its witnesses", 4, func(r *rand.Rand, b *base) ([]byte, options, string) {
		tree := clone(b.fork.bundle).(map[string]any)
		for _, c := range tree["checkpoints"].([]any) {
			point := c.(map[string]any)
			note := point["note"].(string)
			rows := strings.SplitAfter(note, "\n")
			point["note"] = strings.Join(rows[:5+r.IntN(len(rows)-5)], "")
		}
		last := tree["checkpoints"].([]any)[0].(map[string]any)
		rows := strings.SplitAfter(last["note"].(string), "\n")
		last["note"] = strings.Join(rows[:min(len(rows), 5+r.IntN(3))], "") // at least one witness is missing on the first
		return b.fork.signer.seal(tree), b.options, "whole"
	}},
	{"fork", "the whole of another tree, witnesses invented", 2, func(r *rand.Rand, b *base) ([]byte, options, string) {
		tree := clone(b.fork.bundle).(map[string]any)
		var names []any
		var people []signer
		for i := range 3 {
			s := keyFrom(fmt.Sprintf("witness%d.example", i), "stranger "+strconv.Itoa(r.IntN(100)))
			people, names = append(people, s), append(names, s.vkey(4))
		}
		slices.SortFunc(people, func(a, b signer) int { return strings.Compare(a.vkey(4), b.vkey(4)) })
		slices.SortFunc(names, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		set(tree, path{"log", "witnesses"}, names)
		for _, c := range tree["checkpoints"].([]any) {
			point := c.(map[string]any)
			note := point["note"].(string)
			text := textOf(note)
			point["note"] = b.sign(note, text)
			for _, s := range people {
				point["note"] = point["note"].(string) + s.cosign(text, 1_790_000_000)
			}
		}
		return b.fork.signer.seal(tree), b.options, "whole"
	}},
	{"fork", "another size or root, signed by the log, not by its witnesses", 6, func(r *rand.Rand, b *base) ([]byte, options, string) {
		tree := clone(b.bundle).(map[string]any)
		point := pick(r, tree["checkpoints"].([]any)).(map[string]any)
		note := point["note"].(string)
		lines := strings.Split(textOf(note), "\n")
		lines[1] = alter(r, lines[1])
		if r.IntN(2) == 0 {
			lines[2] = alter(r, lines[2])
		}
		text := strings.Join(lines, "\n")
		if text == textOf(note) {
			return nil, options{}, ""
		}
		other := b.sign(note, text)
		if r.IntN(2) == 0 { // with the cosignatures of the true one
			other += strings.Join(strings.SplitAfter(note, "\n")[5:], "")
		}
		point["note"], point["stamps"] = other, []any{}
		return b.signer.seal(tree), b.options, "checkpoint"
	}},
	{"foreign", "the whole under foreign keys", 2, func(r *rand.Rand, b *base) ([]byte, options, string) {
		o := b.options
		if r.IntN(2) == 0 {
			o.Keys = nil // then it is the witnesses that show it
		} else if r.IntN(2) == 0 {
			o.Witnesses = nil
		}
		return b.foreign.raw, o, "whole"
	}},
	{"foreign", "signed by a foreign key", 2, func(r *rand.Rand, b *base) ([]byte, options, string) {
		tree := clone(b.bundle).(map[string]any)
		if r.IntN(2) == 0 {
			p := pick(r, paths(tree, isText))
			set(tree, p, alter(r, get(tree, p).(string)))
		}
		return b.foreign.signer.seal(tree), known(r, b), "note"
	}},
	{"foreign", "signed by the key before", 2, func(r *rand.Rand, b *base) ([]byte, options, string) {
		if b.rotations == 0 {
			return nil, options{}, ""
		}
		return b.before.seal(b.bundle), known(r, b), "note"
	}},
	{"foreign", "too few witnesses", 2, func(r *rand.Rand, b *base) ([]byte, options, string) {
		tree := clone(b.bundle).(map[string]any)
		point := pick(r, tree["checkpoints"].([]any)).(map[string]any)
		rows := strings.SplitAfter(point["note"].(string), "\n")
		at := 5 + r.IntN(len(rows)-6)
		point["note"] = strings.Join(slices.Delete(rows, at, at+1), "")
		return b.signer.seal(tree), b.options, "a line removed"
	}},
	{"swap", "cosignatures of another checkpoint, witness or time", 6, func(r *rand.Rand, b *base) ([]byte, options, string) {
		tree := clone(b.bundle).(map[string]any)
		points := tree["checkpoints"].([]any)
		point := pick(r, points).(map[string]any)
		rows := strings.SplitAfter(point["note"].(string), "\n")
		at := 5 + r.IntN(len(rows)-6)
		before := rows[at]
		switch r.IntN(4) {
		case 0: // of the other tree
			rows[at] = strings.SplitAfter(get(b.fork.bundle, path{"checkpoints", 0, "note"}).(string), "\n")[at]
		case 1: // of another witness, under this one's name
			other := strings.Fields(rows[5+(at-4)%3])
			mine := strings.Fields(rows[at])
			rows[at] = mine[0] + " " + mine[1] + " " + other[2] + "\n"
		default: // an earlier time
			fields := strings.Fields(rows[at])
			raw, _ := base64.StdEncoding.DecodeString(fields[2])
			raw[4+4+r.IntN(4)] ^= 1 << r.IntN(8)
			rows[at] = fields[0] + " " + fields[1] + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
		}
		if rows[at] == before {
			return nil, options{}, ""
		}
		point["note"] = strings.Join(rows, "")
		return b.signer.seal(tree), known(r, b), "line"
	}},
}

// ---- tokens ----

// tokenChange changes one stamp of a stamped base and signs the bundle again.
func tokenChange(name string, weight int, f func(r *rand.Rand, b *base, tree map[string]any, point int, stamp map[string]any) bool) change {
	return change{"token", name, weight, func(r *rand.Rand, b *base) ([]byte, options, string) {
		if !b.stamped {
			return nil, options{}, ""
		}
		tree := clone(b.bundle).(map[string]any)
		point := r.IntN(len(tree["checkpoints"].([]any)))
		all := get(tree, path{"checkpoints", point, "stamps"}).([]any)
		i := r.IntN(len(all))
		if !f(r, b, tree, point, all[i].(map[string]any)) {
			return nil, options{}, ""
		}
		o := b.options
		if r.IntN(4) == 0 {
			o = options{Roots: o.Roots}
		}
		return b.signer.seal(tree), o, fmt.Sprintf("%s, checkpoint %d, stamp %d", name, point, i)
	}}
}

func tokenOf(stamp map[string]any) []byte {
	raw, err := base64.StdEncoding.DecodeString(stamp["token"].(string))
	if err != nil {
		panic(err)
	}
	return raw
}

func setToken(stamp map[string]any, raw []byte) {
	stamp["token"] = base64.StdEncoding.EncodeToString(raw)
}

var tokenChanges = []change{
	tokenChange("flip a bit", 36, func(r *rand.Rand, b *base, _ map[string]any, _ int, stamp map[string]any) bool {
		raw := tokenOf(stamp)
		held := heldRanges(stamp["kind"].(string), raw)
		span := pick(r, held)
		raw[span[0]+r.IntN(span[1]-span[0])] ^= 1 << r.IntN(8)
		setToken(stamp, raw)
		return true
	}),
	tokenChange("delete or insert a byte", 12, func(r *rand.Rand, b *base, _ map[string]any, _ int, stamp map[string]any) bool {
		if stamp["kind"] != "rfc3161" {
			return false // operands of a calendar's proof may be any bytes: what follows is another block, which is never called checked
		}
		raw := tokenOf(stamp)
		at := r.IntN(len(raw))
		if r.IntN(2) == 0 {
			raw = slices.Delete(raw, at, at+1)
		} else {
			raw = slices.Insert(raw, at, byte(r.IntN(256)))
		}
		setToken(stamp, raw)
		return true
	}),
	tokenChange("cut the end or add to it", 12, func(r *rand.Rand, b *base, _ map[string]any, _ int, stamp map[string]any) bool {
		raw := tokenOf(stamp)
		if r.IntN(2) == 0 {
			raw = raw[:r.IntN(len(raw))]
		} else {
			raw = append(raw, byte(r.IntN(256)))
		}
		setToken(stamp, raw)
		return true
	}),
	tokenChange("of another checkpoint", 12, func(r *rand.Rand, b *base, tree map[string]any, point int, stamp map[string]any) bool {
		points := tree["checkpoints"].([]any)
		if len(points) < 2 {
			return false
		}
		other := pick(r, get(tree, path{"checkpoints", 1 - point, "stamps"}).([]any)).(map[string]any)
		if other["kind"] != stamp["kind"] {
			return false
		}
		other["token"], stamp["token"] = stamp["token"], other["token"]
		return true
	}),
	tokenChange("of another kind", 6, func(r *rand.Rand, b *base, _ map[string]any, _ int, stamp map[string]any) bool {
		stamp["kind"] = map[string]string{"rfc3161": "opentimestamps", "opentimestamps": "rfc3161"}[stamp["kind"].(string)]
		return true
	}),
	tokenChange("by an authority that nobody trusts", 6, func(r *rand.Rand, b *base, _ map[string]any, point int, stamp map[string]any) bool {
		stamp["kind"] = "rfc3161"
		setToken(stamp, b.outside[point])
		return true
	}),
	tokenChange("parts of two authorities", 9, func(r *rand.Rand, b *base, tree map[string]any, point int, stamp map[string]any) bool {
		if stamp["kind"] != "rfc3161" {
			return false
		}
		// The statement of one with the signature of the other: the same length or not, it is held by neither.
		one := tokenOf(stamp)
		other := b.outside[point]
		spans, theirs := heldRanges("rfc3161", one), heldRanges("rfc3161", other)
		i := r.IntN(len(spans))
		out := slices.Concat(one[:spans[i][0]], other[theirs[i][0]:theirs[i][1]], one[spans[i][1]:])
		if bytes.Equal(out, one) {
			return false
		}
		setToken(stamp, out)
		return true
	}),
}

// heldRanges are the parts of a token or proof in which every bit is held by a check. Outside of them a token has what no
// rule reads (the list of digest algorithms, attributes that are not signed, certificates beside the chain) and a
// calendar's proof has operands, with which it names another block: that is never more than open.
func heldRanges(kind string, raw []byte) [][2]int {
	if kind == "opentimestamps" {
		return [][2]int{{0, 65}}
	}
	part := func(v asn1.RawValue) [2]int {
		at := bytes.LastIndex(raw, v.FullBytes) // an algorithm may stand in a certificate too, in front
		return [2]int{at, at + len(v.FullBytes)}
	}
	inside := func(v asn1.RawValue) []asn1.RawValue {
		var out []asn1.RawValue
		for rest := v.Bytes; len(rest) > 0; {
			var e asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &e); err != nil {
				panic(err)
			}
			out = append(out, e)
		}
		return out
	}
	var whole asn1.RawValue
	if _, err := asn1.Unmarshal(raw, &whole); err != nil {
		panic(err)
	}
	data := inside(inside(inside(whole)[1])[0]) // version, digestAlgorithms, encapContentInfo, certificates, signerInfos
	signer := inside(inside(data[len(data)-1])[0])
	spans := [][2]int{part(data[2]), part(signer[1]), part(signer[3]), part(signer[4]), part(signer[5])}
	for _, certificate := range inside(data[3]) {
		spans = append(spans, part(certificate))
	}
	return spans
}

package manipulate

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"zapis/internal/timestamp"
	"zapis/internal/timestamp/authority"
	"zapis/internal/timestamp/timestamptest"
)

// origin of all logs of the writer in Python.
const origin = "zapis.example/test"

// base is an accepted bundle that cases are made from.
type base struct {
	name, kind string
	bundle     map[string]any
	raw        []byte
	options    options // all that can be known from elsewhere
	signer     signer  // the last key of the log
	before     signer  // the key before it, the same if there is none
	rotations  int

	fork    *base // another tree under the same keys
	foreign *base // the same material under other keys

	stamped bool
	outside [][]byte // stamped: valid tokens for each checkpoint by an authority nobody trusts
}

// bases makes what cases are made from; each is accepted by both verifiers, or the test ends.
func bases(t *testing.T, all []written) []*base {
	t.Helper()
	byName := make(map[string]*base)
	var out []*base
	for _, w := range all {
		if !w.OK {
			continue
		}
		tree := decode(w.raw)
		b := &base{
			name: strings.TrimSuffix(w.File, ".json"), bundle: tree["bundle"].(map[string]any), raw: w.raw, options: w.Options,
			signer: keyFrom(origin, w.Seed),
		}
		b.options.Quorum = 0 // all of them
		b.kind = b.bundle["kind"].(string)
		b.rotations = len(get(b.bundle, path{"log", "keys"}).([]any)) - 1
		b.before = b.signer
		if b.rotations > 0 {
			b.before = keyFrom(origin, strings.Replace(w.Seed, "key 3", "key 2", 1))
		}
		if changed(b.signer.seal(b.bundle), b.raw) {
			t.Fatalf("%s: signed again it is not the same: the key or the spelling is another", b.name)
		}
		byName[b.name] = b
	}
	for name, b := range byName {
		rest, ok := strings.CutPrefix(name, "own-")
		if !ok {
			continue
		}
		seed, rest, _ := strings.Cut(rest, "-")
		b.fork = byName["fork-"+seed+"-"+rest]
		b.foreign = byName["foreign-"+seed+"-"+rest]
		if b.fork == nil || b.foreign == nil {
			t.Fatalf("%s: no fork or no foreign log beside it", name)
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *base) int { return strings.Compare(a.name, b.name) })
	return out
}

// stamps puts two tokens by trusted authorities and a proof of a calendar on each checkpoint of a copy of each base of a kind.
func stamps(t *testing.T, from []*base) []*base {
	t.Helper()
	one, oneURL := timestamptest.Authority(t, authority.Options{Chain: true})
	two, twoURL := timestamptest.Authority(t, authority.Options{RSA: true, Digest: "sha512", ESS: "sha1"})
	strange, strangeURL := timestamptest.Authority(t, authority.Options{Name: "Demo time authority"})
	ask := func(url string, a *authority.Authority, imprint [32]byte) []byte {
		token, _, err := timestamp.RFC3161{URL: url, Roots: a.Pool()}.Stamp(context.Background(), imprint)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	var out []*base
	for _, b := range from {
		s := *b
		s.name, s.stamped, s.bundle = b.name+"-stamped", true, clone(b.bundle).(map[string]any)
		s.options.Roots = string(one.Roots()) + string(two.Roots())
		for i, c := range s.bundle["checkpoints"].([]any) {
			point := c.(map[string]any)
			imprint := sha256.Sum256([]byte(textOf(point["note"].(string))))
			stamp := func(kind string, token []byte) any {
				return map[string]any{"kind": kind, "token": base64.StdEncoding.EncodeToString(token)}
			}
			point["stamps"] = []any{
				stamp("rfc3161", ask(oneURL, one, imprint)), stamp("rfc3161", ask(twoURL, two, imprint)),
				stamp("opentimestamps", calendarProof(imprint, uint64(800_000+i))),
			}
			s.outside = append(s.outside, ask(strangeURL, strange, imprint))
		}
		s.raw = s.signer.seal(s.bundle)
		out = append(out, &s)
	}
	return out
}

// calendarProof is a detached OpenTimestamps proof: one branch waits for a calendar, the other ends in a block.
func calendarProof(imprint [32]byte, height uint64) []byte {
	out := append([]byte("\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"), imprint[:]...)
	text := func(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
	end := func(kind string, payload []byte) {
		out = append(append(append(out, 0x00), kind...), text(string(payload))...)
	}
	out = append(append(out, 0xf0), text("sixteen bytes of")...)
	out = append(out, 0x08, 0xff)
	end("\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e", text("https://calendar.example"))
	out = append(append(out, 0xf1), text("what stood in front")...)
	out = append(out, 0x08)
	end("\x05\x88\x96\x0d\x73\xd7\x19\x01", binary.AppendUvarint(nil, height))
	return out
}

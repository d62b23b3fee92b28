package timestamp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"zapis/verify"
)

// drawNode makes a random proof about message.
func drawNode(t *rapid.T, message []byte, depth int) *node {
	n := &node{message: message}
	for range rapid.IntRange(0, 2).Draw(t, "ends") {
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			uri := rapid.StringMatching(`https://[a-z]{1,8}\.example`).Draw(t, "calendar")
			n.ends = append(n.ends, end{pendingKind, append([]byte{byte(len(uri))}, uri...)})
		case 1:
			if len(message) == 32 {
				n.ends = append(n.ends, end{bitcoinKind, binary.AppendUvarint(nil, rapid.Uint64Range(0, 1<<31-1).Draw(t, "height"))})
			}
		case 2:
			n.ends = append(n.ends, end{[8]byte{1, 2, 3}, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")})
		}
	}
	steps := rapid.IntRange(0, 2).Draw(t, "steps")
	if depth == 0 {
		steps = 0
	}
	for range steps {
		s := step{op: rapid.SampledFrom([]byte{opSHA256, opAppend, opPrepend}).Draw(t, "op")}
		if s.op != opSHA256 {
			s.text = rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "text")
		}
		if slices.ContainsFunc(n.steps, func(o step) bool { return o.op == s.op && bytes.Equal(o.text, s.text) }) {
			continue
		}
		s.next = drawNode(t, s.apply(message), depth-1)
		n.steps = append(n.steps, s)
	}
	if len(n.ends)+len(n.steps) == 0 {
		n.ends = []end{{pendingKind, []byte{1, 'a'}}}
	}
	return n
}

func claims(n *node) (list []string) {
	_ = n.each(func(n *node) error {
		for _, e := range n.ends {
			list = append(list, fmt.Sprintf("%x %x %x", e.kind, e.body, n.message))
		}
		return nil
	})
	slices.Sort(list)
	return slices.Compact(list)
}

// What is written is what package verify reads, and merging loses and adds nothing.
func TestWrittenProofs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digest := [32]byte{1, 2, 3}
		a := drawNode(t, digest[:], 4)
		b := drawNode(t, digest[:], 4)
		write := func(n *node) []byte { return n.write(slices.Concat([]byte(magic), digest[:])) }
		pa, pb := write(a), write(b)
		want := claims(a)
		ends, err := verify.Attestations(pa, digest)
		if len(want) > 64 {
			t.Skip("more ends than a proof may have")
		}
		if err != nil || len(ends) != len(want) {
			t.Fatalf("%d of %d ends: %v", len(ends), len(want), err)
		}
		for _, e := range ends {
			if e.Kind == "bitcoin" && len(e.Message) != 32 {
				t.Fatal(e)
			}
		}
		back, d, err := readDetached(pa)
		if err != nil || d != digest || !slices.Equal(claims(back), want) || !bytes.Equal(write(back), pa) {
			t.Fatalf("read back: %v", err)
		}
		known := func(n *node) bool { return n.has(pendingKind) || n.has(bitcoinKind) }
		both, err := Merge(digest, pa, pb)
		if !known(a) || !known(b) {
			if err == nil {
				t.Fatal("merged a proof without an end that is known")
			}
			return
		}
		union := append(claims(a), claims(b)...)
		slices.Sort(union)
		union = slices.Compact(union)
		if len(union) > 64 {
			if err == nil {
				t.Fatal("merged more ends than a proof may have")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := readDetached(both)
		if err != nil || !slices.Equal(claims(m), union) {
			t.Fatalf("merged: %v", err)
		}
		other, err := Merge(digest, pb, pa)
		if err != nil || !bytes.Equal(other, both) {
			t.Fatalf("the other way round: %v", err)
		}
	})
}

// Words of an outsider keep no address.
func TestSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Unaccepted policy.":                "Unaccepted policy",
		"from 2001:db8::1 (user@host) now":  "from … now",
		"\x1b[31mred\x1b[0m \u202e text":    "… text",
		"https://a.example/b":               "…",
		"":                                  "",
		"see C:\\Users\\name":               "see …",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": "…",
	} {
		if got := safe(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Both readers of a proof agree: whatever package verify accepts can be written again without a change of meaning.
func FuzzProof(f *testing.F) {
	digest := [32]byte{1}
	head := slices.Concat([]byte(magic), digest[:])
	pending := end{pendingKind, []byte{1, 'a'}}
	root := &node{message: digest[:], ends: []end{pending}, steps: []step{
		{op: opAppend, text: []byte("x"), next: &node{ends: []end{pending, {bitcoinKind, []byte{7}}}}},
		{op: opSHA256, next: &node{ends: []end{{[8]byte{1}, nil}}, steps: []step{{op: opPrepend, text: []byte("y"), next: &node{ends: []end{pending}}}}}},
	}}
	f.Add(root.write(nil))
	f.Add([]byte{8, 8, 0, 5, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 1, 1, 7})
	f.Fuzz(func(t *testing.T, raw []byte) {
		proof := slices.Concat(head, raw)
		ends, err := verify.Attestations(proof, digest)
		n, _, mine := readDetached(proof)
		if err != nil {
			return
		}
		if mine != nil {
			t.Fatalf("accepted by verify, refused here: %v", mine)
		}
		again := n.write(slices.Clone(head))
		other, err := verify.Attestations(again, digest)
		if err != nil || len(other) > len(ends) {
			t.Fatalf("%d ends, %d before: %v", len(other), len(ends), err)
		}
		for _, e := range ends {
			if !slices.ContainsFunc(other, func(o verify.Attestation) bool {
				return o.Kind == e.Kind && o.Height == e.Height && o.Calendar == e.Calendar && bytes.Equal(o.Message, e.Message)
			}) {
				t.Fatalf("lost %+v", e)
			}
		}
	})
}

package verify

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// resigned puts a changed bundle under a note that is right again.
func resigned(keys int, body []byte) []byte {
	w := &writer{}
	w.key("bundle", true)
	w.raw(string(body))
	w.key("note", false)
	last := keys - 1
	w.string(signNote(NoteText(testOrigin, body), logVKey(last), logKey(last)))
	w.close()
	return w.out
}

// strides: all positions and all eight bits with ZAPIS_FAULT=full, else a share that takes seconds.
func strides(quick int) (step, bits int) {
	if os.Getenv("ZAPIS_FAULT") == "full" {
		return 1, 8
	}
	return quick, 1
}

// One bit of one byte anywhere, and the bundle is refused.
func TestEveryChangedByteIsRefused(t *testing.T) {
	t.Parallel()
	for i, v := range accepted() {
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			step, bits := strides(1)
			if len(v.raw) > 4000 && bits == 1 {
				step = 3
			}
			raw, n := slices.Clone(v.raw), 0
			for at := i % step; at < len(raw); at += step {
				for b := range bits {
					flip := byte(1) << ((at/step + b) % 8)
					raw[at] ^= flip
					if r := Verify(raw, Options{}); r.OK {
						t.Fatalf("bit %#x of byte %d changed, and accepted", flip, at)
					}
					raw[at] ^= flip
					n++
				}
			}
			for _, at := range []int{0, 1, len(raw) / 3, len(raw) - 2, len(raw) - 1} {
				if Verify(slices.Delete(slices.Clone(raw), at, at+1), Options{}).OK {
					t.Errorf("byte %d left out, and accepted", at)
				}
				if Verify(slices.Insert(slices.Clone(raw), at, raw[at]), Options{}).OK {
					t.Errorf("byte %d doubled, and accepted", at)
				}
			}
			t.Logf("%d changes", n)
		})
	}
}

// The same inside the signed part, signed again by the archive's own key: the checks inside have to notice. The bundles
// with time stamps are left out: parts of a stamp are not bound to anything (what a calendar promised, say).
func TestEveryChangeSignedAgainIsRefused(t *testing.T) {
	t.Parallel()
	for i, v := range accepted() {
		if bytes.Contains(v.raw, []byte(`"token"`)) {
			continue
		}
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			p, err := parse(v.raw)
			if err != nil {
				t.Fatal(err)
			}
			step, bits := strides(7)
			body, n := slices.Clone(p.body), 0
			for at := i % step; at < len(body); at += step {
				for b := range bits {
					flip := byte(1) << ((at/step + b) % 8)
					body[at] ^= flip
					if r := Verify(resigned(len(p.bundle.Log.Keys), body), Options{}); r.OK || r.Failed == StepSignature {
						t.Fatalf("bit %#x of byte %d (%.40s) changed and signed again: ok %v, %s", flip, at, body[max(0, at-20):], r.OK, r.Failed)
					}
					body[at] ^= flip
					n++
				}
			}
			t.Logf("%d changes", n)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range slices.Concat(accepted(), refused()) {
		f.Add(v.raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, note, err := Parse(raw)
		if err != nil {
			return
		}
		if again, err := Encode(b, note); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("another spelling was accepted: %v", err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	known := map[string]bool{}
	for _, v := range slices.Concat(accepted(), refused()) {
		f.Add(v.raw)
		known[string(v.raw)] = true
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := Verify(raw, Options{Keys: []string{logVKey(0)}})
		if r.OK && !known[string(raw)] {
			t.Error("a bundle that nobody signed was accepted")
		}
		if !r.OK && r.Failed == "" || r.OK != (r.Facts != nil) {
			t.Errorf("a report that contradicts itself: %+v", r)
		}
	})
}

// FuzzSigned goes beyond the signature: whatever stands in the bundle, it is signed rightly.
func FuzzSigned(f *testing.F) {
	for _, v := range slices.Concat(accepted(), refused()) {
		if p, err := parse(v.raw); err == nil && len(p.bundle.Log.Keys) == 1 {
			f.Add(p.body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if r := Verify(resigned(1, body), Options{}); !r.OK && r.Failed == "" {
			t.Errorf("a report that contradicts itself: %+v", r)
		}
	})
}

package erase

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"zapis/internal/archive"
)

const sampleManifest = `{"accession":"ac_a","format":"zapis manifest","opened_at":"2026-11-21T10:00:00.000000Z","reference":"Z3","vault":"va_v","version":"1"}
{"found_at":"x","item":"it_1","origin":{"name":"<b>\u0007","size":12345678901234567890},"outcome":"received","provenance":"pr_1","seq":"1","sha256":"aa","size":"5"}
{"found_at":"x","outcome":"failed","provenance":"pr_2","reason":"unreadable","seq":"2"}
{"found_at":"x","item":"it_2","origin":{"name":"keep"},"outcome":"received","provenance":"pr_3","seq":"3","sha256":"bb","size":"6"}
{"found_at":"x","item":"it_1","origin":{"name":"again"},"outcome":"duplicate","provenance":"pr_4","seq":"4","sha256":"aa","size":"5"}
{"bytes":"16","duplicates":"1","end":"zapis manifest","failed":"1","found":"4","received":"2","skipped":"0"}
`

func TestReduce(t *testing.T) {
	t.Parallel()
	run := func(in, item string, nonce [32]byte) (string, int, error) {
		var out bytes.Buffer
		n, err := reduce(&out, strings.NewReader(in), item, nonce)
		return out.String(), n, err
	}
	got, n, err := run(sampleManifest, "it_1", [32]byte{1})
	if err != nil || n != 2 {
		t.Fatalf("%d lines, %v", n, err)
	}
	was, now := strings.Split(sampleManifest, "\n"), strings.Split(got, "\n")
	for i, want := range map[int]string{1: `{"item":"it_1","outcome":"erased","provenance":"pr_1","seq":"1"}`, 4: `{"item":"it_1","outcome":"erased","provenance":"pr_4","seq":"4"}`} {
		if now[i] != want {
			t.Errorf("line %d: %s", i, now[i])
		}
	}
	for _, i := range []int{2, 3, 5, 6} {
		if now[i] != was[i] {
			t.Errorf("line %d is not what it was: %s", i, now[i])
		}
	}
	if want := `{"accession":"ac_a","format":"zapis manifest","nonce":"01` + strings.Repeat("0", 62) + `","opened_at":"2026-11-21T10:00:00.000000Z","reference":"Z3","vault":"va_v","version":"1"}`; now[0] != want {
		t.Errorf("first line: %s", now[0])
	}
	// The next erasure: another random number, and what is erased already stays as it is.
	again, n, err := run(got, "it_2", [32]byte{2})
	if err != nil || n != 1 || strings.Contains(again, "keep") || strings.Contains(again, `"nonce":"01`) || !strings.Contains(again, `"nonce":"02`) {
		t.Errorf("%d lines, %v\n%s", n, err, again)
	}
	lines := strings.SplitAfter(sampleManifest, "\n")
	for name, in := range map[string]string{
		"empty": "", "cut off": strings.Join(lines[:5], ""), "no first line": strings.Join(lines[1:], ""), "two first lines": lines[0] + sampleManifest,
		"more after the end": sampleManifest + lines[2], "not JSON": lines[0] + "x\n" + lines[5], "a line without end": lines[0] + strings.Repeat("x", maxLine+1),
	} {
		if _, _, err := run(in, "it_1", [32]byte{}); !errors.Is(err, archive.ErrIntegrity) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "keep") {
			t.Errorf("%s: the error quotes a line", name)
		}
	}
}

// Whatever a manifest holds: what is accepted keeps every other line as it was and nothing of the item's.
func FuzzReduce(f *testing.F) {
	f.Add(sampleManifest)
	f.Add("{}\n{}\n")
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		if _, err := reduce(&out, strings.NewReader(in), "it_1", [32]byte{1}); err != nil {
			return
		}
		if n := strings.Count(out.String(), "\n"); n != strings.Count(strings.TrimSuffix(in, "\n"), "\n")+1 {
			t.Errorf("%d lines came out", n)
		}
		var once bytes.Buffer
		if lines, err := reduce(&once, bytes.NewReader(out.Bytes()), "it_1", [32]byte{1}); err != nil || lines != 0 || once.String() != out.String() {
			t.Errorf("reducing it again changes it: %d, %v", lines, err)
		}
	})
}

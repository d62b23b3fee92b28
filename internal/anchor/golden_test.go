package anchor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
	"zapis/verify"
)

// goldenDir is a published log by which verifiers that share nothing with this package are tested.
var goldenDir = filepath.Join("..", "..", "verify", "testdata", "log")

// proofOf is a detached OpenTimestamps proof with nothing but the promise of a calendar.
func proofOf(imprint [32]byte) []byte {
	uri := "https://calendar.example"
	out := append([]byte("\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"), imprint[:]...)
	out = append(out, 0x00)
	out = append(out, 0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e)
	out = append(out, byte(len(uri)+1), byte(len(uri)))
	return append(out, uri...)
}

// The log of the test data is written by this program and by nothing else: two keys, 300 ticks, two witnesses, an open stamp, three
// statements, published on some days only. Beside it lie checkpoints that a checker may hold against it.
func TestGoldenLog(t *testing.T) {
	t.Parallel()
	r := rigOn(t, storetest.Open(t, store.SQLite), 77, func(r *rig, o *Options) {
		r.witness(o, "w1.example/zapis")
		r.witness(o, "w2.example/zapis")
		o.Authorities = []Authority{&clockwork{"calendar", StampOpenTimestamps, func(imprint [32]byte, former []byte) (StampResult, error) {
			return StampResult{State: StampPending, Token: proofOf(imprint), Reason: "no block yet"}, nil
		}}}
		o.CheckPage = nil
	})
	r.clock = midnight(day0).Add(11 * time.Minute)
	r.init()
	log := filepath.Join(t.TempDir(), "log")
	outside := map[string][]byte{}
	note := func(name string) {
		b, err := os.ReadFile(filepath.Join(log, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		outside[name] = b
	}
	r.tick()
	for i, days := range []int{4, 195, 55, 45} {
		if i > 0 {
			r.state(i)
		}
		r.clock = r.clock.Add(time.Duration(days) * 24 * time.Hour)
		if _, err := r.Tick(t.Context(), testAgent, true); err != nil {
			t.Fatal(err)
		}
		r.gather()
		if _, err := r.publishTo(log); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			note("earlier.txt")
		}
		if i == 1 {
			if _, err := r.RotateKey(t.Context(), testAgent); err != nil {
				t.Fatal(err)
			}
		}
	}
	note("same.txt")
	// What the key of this log has signed elsewhere.
	var first, second tlog.Signer
	for n, to := range map[int]*tlog.Signer{0: &first, 1: &second} {
		var err error
		if *to, err = r.signer(t.Context(), testOrigin, r.keys()[n]); err != nil {
			t.Fatal(err)
		}
	}
	foreignKey, _, err := tlog.GenerateKey(r.seed, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := tlog.NewSigner(foreignKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		size int64
		by   tlog.Signer
	}{"cut.txt": {301, second}, "forked.txt": {300, second}, "rewritten.txt": {5, first}, "foreign.txt": {300, foreign}} {
		text, err := tlog.Sign(tlog.Checkpoint{Origin: testOrigin, Size: c.size, Root: tlog.LeafHash([]byte("another tree"))}, c.by)
		if err != nil {
			t.Fatal(err)
		}
		outside[name] = text
	}
	outside["key.txt"] = []byte(r.keys()[0].VerifierKey + "\n")
	for i, w := range r.o.Witnesses {
		outside[fmt.Sprintf("witness%d.txt", i+1)] = []byte(w.VerifierKey + "\n")
	}
	made := filesOf(t, log)
	for name, b := range outside {
		made[filepath.Join("..", "logoutside", name)] = b
	}
	if os.Getenv("ZAPIS_UPDATE") != "" {
		for _, dir := range []string{goldenDir, filepath.Join(goldenDir, "..", "logoutside")} {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range made {
			put(t, filepath.Join(goldenDir, name), b)
		}
		return
	}
	have := filesOf(t, goldenDir)
	for name, b := range filesOf(t, filepath.Join(goldenDir, "..", "logoutside")) {
		have[filepath.Join("..", "logoutside", name)] = b
	}
	if len(have) != len(made) {
		t.Errorf("verify/testdata/log has %d files, this program makes %d: look at the difference, then ZAPIS_UPDATE=1", len(have), len(made))
	}
	for name, b := range made {
		if !bytes.Equal(have[name], b) {
			t.Errorf("verify/testdata/log/%s differs from what this program makes: look at the difference, then ZAPIS_UPDATE=1", name)
		}
	}
	if rep := checkDir(t, goldenDir, verify.LogOptions{}); !rep.OK || rep.Size != 300 || rep.Statements != 3 {
		t.Errorf("%+v", rep)
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zapis/internal/app"
	"zapis/internal/tlog"
	"zapis/internal/tlog/witness"
)

// group is one of two that witness each other: a transparency log and a witness.
type group struct {
	t      *testing.T
	signer tlog.Signer
	vkey   string
	hashes []tlog.Hash
	size   int64

	dir, address, witness string
	stop                  func() error
}

func (g *group) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = g.hashes[n]
	}
	return out, nil
}

func (g *group) grow(leaves ...string) {
	g.t.Helper()
	for _, l := range leaves {
		_, more, err := tlog.Append(g.size, []tlog.Hash{tlog.LeafHash([]byte(l))}, g)
		if err != nil {
			g.t.Fatal(err)
		}
		g.hashes = append(g.hashes, more...)
		g.size++
	}
}

func (g *group) back(to int64) {
	g.size = to
	g.hashes = g.hashes[:tlog.StoredCount(to)]
}

// ask lets the other group cosign the log as it stands.
func (g *group) ask(other *group) error {
	g.t.Helper()
	root, err := tlog.Root(g.size, g)
	if err != nil {
		g.t.Fatal(err)
	}
	signed, err := tlog.Sign(tlog.Checkpoint{Origin: g.signer.Name(), Size: g.size, Root: root}, g.signer)
	if err != nil {
		g.t.Fatal(err)
	}
	var c witness.Client
	_, err = c.Cosign(context.Background(), other.address, other.witness, 0, func(_ context.Context, from, to int64) ([]tlog.Hash, error) {
		return tlog.Consistency(from, to, g)
	}, signed)
	return err
}

func zapis(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, complaints spoken
	if code := run(args, streams{in: strings.NewReader(""), out: &out, err: &complaints}); code != want {
		t.Fatalf("zapis %v: exit code %d, want %d\n%s%s", args, code, want, out.String(), complaints.String())
	}
	return out.String()
}

func newGroup(t *testing.T, name string) *group {
	t.Helper()
	skey, vkey, err := tlog.GenerateKey(rand.Reader, name+".example/zapis")
	if err != nil {
		t.Fatal(err)
	}
	s, err := tlog.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	g := &group{t: t, signer: s, vkey: vkey, dir: filepath.Join(t.TempDir(), "witness")}
	zapis(t, 0, "witness", "init", "--name", "witness."+name+".example", g.dir)
	return g
}

// serve runs zapis witness serve until stop.
func (g *group) serve() {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, ended := &spoken{}, make(chan error, 1)
	cmd := witnessServeCmd{Dir: g.dir, Listen: "127.0.0.1:0"}
	go func() { ended <- cmd.Run(newCall(ctx, &cli{JSON: true}, out)) }()
	g.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	g.t.Cleanup(func() { _ = g.stop() })
	for range 300 {
		var said struct{ Type, Origin, Verifier_key string }
		first, _, ok := strings.Cut(out.String(), "\n")
		if ok && json.Unmarshal([]byte(first), &said) == nil {
			if said.Type != "serving" {
				g.t.Fatalf("said %q", first)
			}
			g.address, g.witness = said.Origin, said.Verifier_key
			return
		}
		select {
		case err := <-ended:
			g.t.Fatalf("the witness ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	g.t.Fatal("the witness did not announce itself")
}

func TestTwoGroupsWitnessEachOther(t *testing.T) {
	t.Parallel()
	a, b := newGroup(t, "a"), newGroup(t, "b")
	zapis(t, 0, "witness", "add", a.dir, "--log", b.vkey)
	zapis(t, 0, "witness", "add", b.dir, "--log", a.vkey)
	a.serve()
	b.serve()
	for range 3 { // in both directions
		a.grow("x", "y")
		b.grow("z")
		if err := errors.Join(a.ask(b), b.ask(a)); err != nil {
			t.Fatal(err)
		}
	}
	zapis(t, 0, "witness", "status", a.dir)
	zapis(t, 0, "witness", "status", b.dir)

	// Put back: refused, named, and again good once it has gone on where it was.
	saved := append([]tlog.Hash(nil), a.hashes...)
	a.back(4)
	if err := a.ask(b); !errors.Is(err, witness.ErrFork) {
		t.Errorf("put back: %v", err)
	}
	if out := zapis(t, app.ExitNotVerified, "witness", "status", b.dir); !strings.Contains(out, "log a.example/zapis: ROLLED BACK to size 4 after size 6") {
		t.Errorf("status: %s", out)
	}
	a.hashes, a.size = saved, 6
	a.grow("after")
	if err := a.ask(b); err != nil {
		t.Fatal(err)
	}
	zapis(t, 0, "witness", "status", b.dir)

	// Forked: refused, named, provable to others, for ever; also after the witness was stopped.
	a.back(5)
	a.grow("other", "tree")
	if err := a.ask(b); !errors.Is(err, witness.ErrFork) {
		t.Errorf("forked: %v", err)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.ask(b); !errors.Is(err, witness.ErrUnreachable) {
		t.Errorf("stopped: %v", err)
	}
	if out := zapis(t, app.ExitNotVerified, "witness", "status", b.dir); !strings.Contains(out, "log a.example/zapis: FORKED at size 7: two trees signed by its key, evidence in incident/") {
		t.Errorf("status: %s", out)
	}
	var s struct {
		OK   bool
		Logs []struct {
			State     string
			Incidents []struct {
				Kind, Evidence, Held, Shown string
				Open                        bool
			}
		}
	}
	if err := json.Unmarshal([]byte(zapis(t, app.ExitNotVerified, "--json", "witness", "status", b.dir)), &s); err != nil {
		t.Fatal(err)
	}
	if s.OK || len(s.Logs) != 1 || s.Logs[0].State != witness.StateForked {
		t.Fatalf("status %+v", s)
	}
	proven := 0
	for _, i := range s.Logs[0].Incidents {
		v, err := tlog.NewVerifier(a.vkey)
		if err != nil {
			t.Fatal(err)
		}
		for _, signed := range []string{i.Held, i.Shown} { // two notes that anybody can check
			if _, err := tlog.Open([]byte(signed), v); err != nil {
				t.Errorf("note: %v", err)
			}
		}
		out := zapis(t, 0, "witness", "evidence", filepath.Join(b.dir, i.Evidence), "--key", a.vkey)
		zapis(t, app.ExitNotVerified, "witness", "evidence", filepath.Join(b.dir, i.Evidence), "--key", b.vkey)
		if i.Kind == witness.KindFork {
			proven++
			if !strings.Contains(out, "It is proven") {
				t.Errorf("evidence of a fork: %s", out)
			}
			raw, err := os.ReadFile(filepath.Join(b.dir, i.Evidence))
			if err != nil {
				t.Fatal(err)
			}
			changed := filepath.Join(t.TempDir(), "changed")
			if err := os.WriteFile(changed, bytes.ReplaceAll(raw, []byte(`\n7\n`), []byte(`\n8\n`)), 0o600); err != nil {
				t.Fatal(err)
			}
			zapis(t, app.ExitNotVerified, "witness", "evidence", changed, "--key", a.vkey)
		} else if strings.Contains(out, "It is proven") {
			t.Errorf("evidence of %s: %s", i.Kind, out)
		}
	}
	if proven != 1 {
		t.Errorf("%d forks proven", proven)
	}

	// The other one is well, until it falls silent.
	zapis(t, 0, "witness", "status", a.dir)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	zapis(t, 0, "witness", "add", a.dir, "--log", b.vkey, "--every", "1ms")
	if out := zapis(t, app.ExitNotVerified, "witness", "status", a.dir); !strings.Contains(out, "log b.example/zapis: SILENT since ") {
		t.Errorf("status: %s", out)
	}
}

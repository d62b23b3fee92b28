package witness

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/tlog"
)

// watched is a witness that looks at a published folder, as a folder or over http.
func watched(t *testing.T, l *tree, web bool) (w *Witness, dir string) {
	t.Helper()
	w, _ = newWitness(t, newClock())
	dir = t.TempDir()
	at := dir
	if web {
		s := httptest.NewServer(http.FileServer(http.Dir(dir)))
		t.Cleanup(s.Close)
		at = s.URL
	}
	if err := w.Add(Log{Keys: []string{l.vkey}, URL: at}); err != nil {
		t.Fatal(err)
	}
	return w, dir
}

func look(t *testing.T, w *Witness) error {
	t.Helper()
	all := w.Watch(context.Background(), nil)
	if len(all) != 1 {
		t.Fatalf("%d logs watched", len(all))
	}
	return all[0].Err
}

func TestWatchFollowsGrowth(t *testing.T) {
	t.Parallel()
	for _, web := range []bool{false, true} {
		l := newTree(t, testOrigin)
		w, dir := watched(t, l, web)
		if err := look(t, w); !errors.Is(err, ErrUnreachable) {
			t.Errorf("nothing published: %v", err)
		}
		for _, n := range []int{3, 0, 1, 250, 2, 1, 255, 300} {
			l.grow(n).publish(dir)
			if err := look(t, w); err != nil {
				t.Fatalf("size %d: %v", l.size(), err)
			}
			if s := w.Status().Logs[0]; s.Size != l.size() || s.Root != l.root(l.size()) {
				t.Fatalf("after size %d: %+v", l.size(), s)
			}
		}
		// What was watched counts as seen: the log itself is asked to go on from there.
		mustCosign(t, w, l, l.size(), l.size())
		if n := w.Status().Named(); len(n) != 0 {
			t.Errorf("named %q", n)
		}
	}
}

func TestWatchNamesForksAndRollbacks(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(300)
	for name, c := range map[string]struct {
		then *tree
		err  error
		say  string
	}{
		"fork":                {l.fork(100, "evil").grow(400), ErrForked, "FORKED at size 300"},
		"fork at the end":     {l.fork(299, "evil").grow(2), ErrForked, "FORKED at size 300"},
		"rewritten, as large": {l.fork(0, "evil").grow(300), ErrForked, "FORKED at size 300"},
		"tail cut off":        {l.fork(260, ""), ErrRolledBack, "ROLLED BACK to size 260 after size 300"},
		"shorter fork":        {l.fork(10, "evil").grow(100), ErrRolledBack, "ROLLED BACK to size 110"},
		"back to a size seen": {l.fork(0, "evil").grow(256), ErrForked, "FORKED at size 256"},
	} {
		w, dir := watched(t, l, false)
		mustCosign(t, w, l, 0, 256)
		l.publish(dir)
		if err := look(t, w); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		c.then.publish(dir)
		if err := look(t, w); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		named := w.Status().Named()
		if len(named) != 1 || !strings.Contains(named[0], c.say) {
			t.Errorf("%s: named %q", name, named)
		}
		i := w.Status().Logs[0].Incidents[0]
		if proves, err := CheckEvidence(i, l.verifier()); err != nil || proves != errors.Is(c.err, ErrForked) {
			t.Errorf("%s: evidence: %v, %v", name, proves, err)
		}
		if s := w.Status().Logs[0]; s.Size != 300 || s.Root != l.root(300) {
			t.Errorf("%s: the state follows the wrong tree", name)
		}
	}
}

// A publication that is damaged or half copied is refused, and is no evidence against the log.
func TestWatchRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(700)
	old := l.fork(300, "")
	for name, damage := range map[string]func(dir string) error{
		"a tile is missing":   func(dir string) error { return os.Remove(filepath.Join(dir, "tile/0/001")) },
		"a tile is too short": func(dir string) error { return os.Truncate(filepath.Join(dir, "tile/0/001"), 100) },
		"a tile was changed": func(dir string) error {
			at := filepath.Join(dir, "tile/0/001")
			raw, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			raw[40*32] ^= 1
			return os.WriteFile(at, raw, 0o600)
		},
		"the upper tile is missing": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "tile/1")) },
		"a tile is endless":         func(dir string) error { return os.Truncate(filepath.Join(dir, "tile/0/001"), 1<<20) },
	} {
		w, dir := watched(t, l, false)
		mustCosign(t, w, old, 0, 300)
		l.publish(dir)
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		if err := look(t, w); !errors.Is(err, ErrPublication) {
			t.Errorf("%s: %v", name, err)
		}
		if s := w.Status().Logs[0]; s.Size != 300 || len(s.Incidents) != 0 {
			t.Errorf("%s: size %d, %d incidents", name, s.Size, len(s.Incidents))
		}
	}
	// Nor is anything believed at first sight.
	w, dir := watched(t, l, false)
	l.publish(dir)
	if err := os.Remove(filepath.Join(dir, "tile/1/000.p/2")); err != nil {
		t.Fatal(err)
	}
	if err := look(t, w); !errors.Is(err, ErrPublication) || w.Status().Logs[0].State != StateNew {
		t.Errorf("first sight: %v", err)
	}
	w, dir = watched(t, l, false)
	newTree(t, "other.example").grow(2).publish(dir)
	if err := look(t, w); !errors.Is(err, ErrUnknownLog) {
		t.Errorf("an unknown log is published: %v", err)
	}
	l.publish(dir)
	raw, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	l.put(dir, "checkpoint", []byte(strings.Replace(string(raw), "\n700\n", "\n699\n", 1)))
	if err := look(t, w); !errors.Is(err, ErrKey) {
		t.Errorf("not signed: %v", err)
	}
}

// Partial tiles may be gone once the full one is there.
func TestWatchReadsFullTilesForPartialOnes(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(300)
	w, dir := watched(t, l, false)
	l.publish(dir)
	for _, gone := range []string{"tile/0/001.p", "tile/1/000.p"} {
		if err := os.RemoveAll(filepath.Join(dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	l.grow(300) // longer tiles stand where the partial ones were
	for level, at := range map[int]int64{0: 1} {
		var data []byte
		for i := range int64(tlog.TileWidth) {
			h := l.hashes[tlog.StoredIndex(8*level, at*tlog.TileWidth+i)]
			data = append(data, h[:]...)
		}
		l.put(dir, "tile/0/001", data)
	}
	full := []byte{}
	for i := range int64(2) {
		h := l.hashes[tlog.StoredIndex(8, i)]
		full = append(full, h[:]...)
	}
	l.put(dir, "tile/1/000", append(full, make([]byte, tileBytes-len(full))...))
	if err := look(t, w); err != nil || w.Status().Logs[0].Size != 300 {
		t.Errorf("size %d: %v", w.Status().Logs[0].Size, err)
	}
}

// What add-checkpoint left open is settled by the published tiles, one way or the other.
func TestWatchSettlesWhatWasUnproven(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(30)
	evil := l.fork(3, "evil").grow(17)
	for name, c := range map[string]struct {
		shown *tree
		state string
	}{"part of the tree": {l, StateOK}, "another tree": {evil, StateForked}} {
		w, dir := watched(t, l, false)
		mustCosign(t, w, l, 0, 9)
		if _, _, err := w.Cosign(9, nil, c.shown.at(12)); !errors.Is(err, ErrProof) {
			t.Fatal(err)
		}
		l.publish(dir)
		err := look(t, w)
		if s := w.Status().Logs[0]; s.State != c.state || (err == nil) != (c.state == StateOK) || s.Size != 30 {
			t.Errorf("%s: state %s, size %d: %v", name, s.State, s.Size, err)
		}
		for _, i := range w.Status().Logs[0].Incidents {
			if proves, err := CheckEvidence(i, l.verifier()); err != nil || proves != (i.Kind == KindFork) {
				t.Errorf("%s: evidence of %s: %v, %v", name, i.Kind, proves, err)
			}
		}
	}
}

// A shorter fork that passed for a rollback is found out when the log is read again.
func TestWatchFindsTheForkBehindARollback(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(30)
	evil := l.fork(3, "evil").grow(4)
	w, dir := watched(t, l, false)
	mustCosign(t, w, l, 0, 9)
	if _, _, err := w.Cosign(0, nil, evil.at(7)); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if s := w.Status().Logs[0]; s.State != StateRolledBack {
		t.Fatalf("state %s", s.State)
	}
	l.publish(dir)
	if err := look(t, w); !errors.Is(err, ErrForked) {
		t.Error(err)
	}
	if n := w.Status().Named(); len(n) != 1 || !strings.Contains(n[0], "FORKED at size 7") {
		t.Errorf("named %q", n)
	}
}

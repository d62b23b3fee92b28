package witness

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/tlog"
)

func mustCosign(t testing.TB, w *Witness, l *tree, old, size int64) string {
	t.Helper()
	line, _, err := w.Cosign(old, l.proof(old, size), l.at(size))
	if err != nil {
		t.Fatalf("cosign size %d after %d: %v", size, old, err)
	}
	v, err := tlog.NewCosignVerifier(w.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := tlog.SplitNote(l.at(size))
	if err != nil {
		t.Fatal(err)
	}
	if at, err := v.Check(text, line); err != nil || !at.Equal(w.now()) {
		t.Fatalf("cosignature of %v: %v", at, err)
	}
	return line
}

func TestGrowthIsCosigned(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newTree(t, testOrigin).grow(300)
	w, dir := newWitness(t, c, l)
	old := int64(0)
	for _, size := range []int64{0, 1, 2, 7, 8, 255, 256, 257, 300} {
		mustCosign(t, w, l, old, size)
		c.t = c.t.Add(time.Hour)
		mustCosign(t, w, l, size, size) // the same once more, with a new date
		old = size
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = openWitness(t, dir, c)
	if s := w.Status().Logs[0]; s.Size != 300 || s.Root != l.root(300) || s.State != StateOK || len(s.Incidents) != 0 {
		t.Errorf("after opening it anew: %+v", s)
	}
	for size := range int64(300) {
		if _, got, err := w.Cosign(size, l.proof(size, 300), l.at(300)); !errors.Is(err, ErrConflict) || got != 300 {
			t.Fatalf("old size %d: %d, %v", size, got, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(9)
	stranger, impostor := newTree(t, "other.example"), newTree(t, testOrigin+"/2")
	w, _ := newWitness(t, newClock(), l)
	mustCosign(t, w, l, 0, 5)
	stranger.grow(5)
	impostor.grow(5)
	forged, err := note.Sign(&note.Note{Text: tlog.Checkpoint{Origin: testOrigin, Size: 9, Root: l.root(9)}.Text()}, impostor.signer)
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Replace(l.at(9), []byte("\n9\n"), []byte("\n8\n"), 1)
	garbled := slices.Clone(l.proof(5, 9))
	garbled[0][3] ^= 1
	for name, c := range map[string]struct {
		old   int64
		proof []tlog.Hash
		note  []byte
		want  error
	}{
		"unknown log":      {0, nil, stranger.at(5), ErrUnknownLog},
		"foreign key":      {5, l.proof(5, 9), forged, ErrKey},
		"altered text":     {5, l.proof(5, 9), altered, ErrKey},
		"no note":          {5, nil, []byte("x\n"), ErrMalformed},
		"no checkpoint":    {5, nil, []byte("x\n\n— x AAAAAAAA\n"), ErrMalformed},
		"too long":         {5, nil, append(l.at(9), bytes.Repeat([]byte("— x AAAAAAAA\n"), 20000)...), ErrMalformed},
		"old above":        {10, nil, l.at(9), ErrMalformed},
		"old below zero":   {-1, nil, l.at(9), ErrMalformed},
		"other old":        {4, l.proof(4, 9), l.at(9), ErrConflict},
		"old zero":         {0, nil, l.at(9), ErrConflict},
		"no proof":         {5, nil, l.at(9), ErrProof},
		"garbled proof":    {5, garbled, l.at(9), ErrProof},
		"proof of another": {5, l.proof(4, 9), l.at(9), ErrProof},
		"longer proof":     {5, append(slices.Clone(l.proof(5, 9)), tlog.Hash{}), l.at(9), ErrProof},
		"needless proof":   {5, l.proof(4, 5), l.at(5), ErrProof},
	} {
		line, _, err := w.Cosign(c.old, c.proof, c.note)
		if !errors.Is(err, c.want) || line != "" {
			t.Errorf("%s: %q, %v", name, line, err)
		}
		if err != nil && strings.Contains(err.Error(), "example") {
			t.Errorf("%s: the error names the log: %v", name, err)
		}
	}
	if s := w.Status().Logs[0]; s.Size != 5 {
		t.Errorf("a refusal changed the state to %d", s.Size)
	}
	mustCosign(t, w, l, 5, 9)
	fresh := newTree(t, "fresh.example").grow(3)
	if err := w.Add(Log{Keys: []string{fresh.vkey}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Cosign(0, fresh.proof(1, 3), fresh.at(3)); !errors.Is(err, ErrProof) {
		t.Errorf("a proof from nothing: %v", err)
	}
	empty, err := note.Sign(&note.Note{Text: tlog.Checkpoint{Origin: "fresh.example", Root: tlog.Hash{1}}.Text()}, fresh.signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Cosign(0, nil, empty); !errors.Is(err, ErrConflict) {
		t.Errorf("an empty tree with a root: %v", err)
	}
}

// Signatures of others do not get into the evidence or the state, and extension lines are cosigned as they are.
func TestForeignSignaturesAndExtensions(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(3)
	w, dir := newWitness(t, newClock(), l)
	text := tlog.Checkpoint{Origin: testOrigin, Size: 3, Root: l.root(3)}.Text() + "an extension\n"
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	line, _, err := w.Cosign(0, nil, append(signed, "— someone.example AAAAAAAAAAAA\n"...))
	if err != nil {
		t.Fatal(err)
	}
	v, err := tlog.NewCosignVerifier(w.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Check(text, line); err != nil {
		t.Error(err)
	}
	if got := w.Status().Logs[0].Note; got != string(signed) {
		t.Errorf("kept is %q", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	openWitness(t, dir, newClock())
}

func TestForkIsNamedWithProof(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newTree(t, testOrigin).grow(20)
	evil := l.fork(3, "evil").grow(17)
	for name, c2 := range map[string]struct{ signed, old, shown int64 }{
		"same size":           {9, 9, 9},
		"same size, old size": {9, 4, 9},
		"an earlier size":     {9, 5, 5},
	} {
		w, dir := newWitness(t, c, l)
		mustCosign(t, w, l, 0, 5)
		mustCosign(t, w, l, 5, c2.signed)
		line, size, err := w.Cosign(c2.old, evil.proof(c2.old, c2.shown), evil.at(c2.shown))
		if !errors.Is(err, ErrConflict) || size != 9 || line != "" {
			t.Fatalf("%s: %q, %d, %v", name, line, size, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := ReadStatus(dir, Options{Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		named := s.Named()
		if len(named) != 1 || !strings.Contains(named[0], "log "+testOrigin+": FORKED at size ") || !strings.Contains(named[0], "two trees signed by its key, evidence in incident/") || s.Logs[0].State != StateForked {
			t.Fatalf("%s: named %q, state %s", name, named, s.Logs[0].State)
		}
		// A third party needs the file and the key.
		raw, err := os.ReadFile(filepath.Join(dir, s.Logs[0].Incidents[0].File))
		if err != nil {
			t.Fatal(err)
		}
		i, err := ReadIncident(raw)
		if err != nil {
			t.Fatal(err)
		}
		if proves, err := CheckEvidence(i, l.verifier()); err != nil || !proves {
			t.Errorf("%s: evidence: %v, %v", name, proves, err)
		}
		if _, err := CheckEvidence(i, newTree(t, "other.example").verifier()); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: evidence against somebody else: %v", name, err)
		}
		// The tree that was signed before is still followed; the other one never.
		w = openWitness(t, dir, c)
		mustCosign(t, w, l, 9, 15)
		if _, _, err := w.Cosign(15, evil.proof(15, 20), evil.at(20)); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
		if s := w.Status().Logs[0]; s.State != StateForked {
			t.Errorf("%s: a fork was forgotten: %s", name, s.State)
		}
	}
}

func TestRollbackIsNamedUntilTheLogGrows(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(20)
	w, dir := newWitness(t, newClock(), l)
	mustCosign(t, w, l, 0, 9)
	if _, size, err := w.Cosign(5, nil, l.at(5)); !errors.Is(err, ErrConflict) || size != 9 {
		t.Fatalf("%d, %v", size, err)
	}
	named := w.Status().Named()
	if len(named) != 1 || !strings.Contains(named[0], "ROLLED BACK to size 5 after size 9") {
		t.Fatalf("named %q", named)
	}
	mustCosign(t, w, l, 9, 9)
	if len(w.Status().Named()) != 1 {
		t.Error("showing the same size again cleared it")
	}
	if proves, err := CheckEvidence(w.Status().Logs[0].Incidents[0], l.verifier()); proves || err != nil {
		t.Errorf("a rollback proves %v, %v", proves, err)
	}
	mustCosign(t, w, l, 9, 12)
	if s := w.Status(); len(s.Named()) != 0 || len(s.Logs[0].Incidents) != 1 || s.Logs[0].State != StateOK {
		t.Errorf("after growth: %q, %+v", s.Named(), s.Logs[0])
	}
	// It may happen again, and is named again.
	if _, _, err := w.Cosign(5, nil, l.at(5)); !errors.Is(err, ErrConflict) || len(w.Status().Named()) != 1 {
		t.Errorf("second time: %q, %v", w.Status().Named(), err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadStatus(dir, Options{Now: newClock().now}); err != nil || s.Logs[0].State != StateRolledBack {
		t.Errorf("read again: %+v, %v", s.Logs, err)
	}
}

// A larger tree without proof is a suspicion: the honest log clears it, the dishonest one makes it a proof.
func TestUnprovenIsClearedOrBecomesAFork(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(20)
	evil := l.fork(3, "evil").grow(17)
	w, _ := newWitness(t, newClock(), l)
	mustCosign(t, w, l, 0, 9)
	if _, _, err := w.Cosign(9, nil, l.at(12)); !errors.Is(err, ErrProof) {
		t.Fatal(err)
	}
	if named := w.Status().Named(); len(named) != 1 || !strings.Contains(named[0], "UNPROVEN at size 12") || strings.Contains(named[0], "FORKED") {
		t.Fatalf("named %q", named)
	}
	mustCosign(t, w, l, 9, 12)
	if named := w.Status().Named(); len(named) != 0 {
		t.Fatalf("the very checkpoint is proven, and still named: %q", named)
	}
	if _, _, err := w.Cosign(12, evil.proof(12, 15), evil.at(15)); !errors.Is(err, ErrProof) {
		t.Fatal(err)
	}
	mustCosign(t, w, l, 12, 15)
	s := w.Status()
	if named := s.Named(); len(named) != 1 || !strings.Contains(named[0], "FORKED at size 15") {
		t.Fatalf("named %q", named)
	}
	for _, i := range s.Logs[0].Incidents {
		if i.Kind == KindFork {
			if proves, err := CheckEvidence(i, l.verifier()); !proves || err != nil {
				t.Errorf("evidence: %v, %v", proves, err)
			}
		}
	}
}

// Any number of suspicions leaves room for the proof, and the folder does not grow without end.
func TestSuspicionsDoNotCrowdOutAProof(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(maxIncidents + 20)
	v := world{c: newClock(), good: l}
	w, err := open(simulated{v.prepare(t, 1, false)}, Options{Now: v.c.now})
	if err != nil {
		t.Fatal(err)
	}
	mustCosign(t, w, l, 0, maxIncidents+15)
	for size := range int64(maxIncidents + 10) {
		if _, _, err := w.Cosign(0, nil, l.at(size)); !errors.Is(err, ErrConflict) {
			t.Fatal(err)
		}
	}
	if n := len(w.Status().Logs[0].Incidents); n != maxIncidents {
		t.Errorf("%d incidents are kept", n)
	}
	if _, _, err := w.Cosign(0, nil, l.fork(3, "evil").grow(maxIncidents+12).at(maxIncidents+15)); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if s := w.Status().Logs[0]; s.State != StateForked {
		t.Errorf("state %s", s.State)
	}
}

// Evidence that was changed in any byte of its notes convinces nobody.
func TestChangedEvidenceIsRefused(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(9)
	evil := l.fork(3, "evil").grow(6)
	good := Incident{Kind: KindFork, Origin: testOrigin, Size: 9, Held: string(l.at(9)), Shown: string(evil.at(9))}
	if proves, err := CheckEvidence(good, l.verifier()); !proves || err != nil {
		t.Fatal(proves, err)
	}
	for at := range good.Held {
		bad := good
		bad.Held = good.Held[:at] + string(rune(good.Held[at]^1)) + good.Held[at+1:]
		if proves, _ := CheckEvidence(bad, l.verifier()); proves {
			t.Fatalf("byte %d of the note changed", at)
		}
	}
	then := evil.root(5)
	tiles := Incident{Kind: KindFork, Origin: testOrigin, Size: 5, Held: string(l.at(5)), Shown: string(evil.at(9)), Root: &then, Proof: evil.proof(5, 9)}
	if proves, err := CheckEvidence(tiles, l.verifier()); !proves || err != nil {
		t.Fatal(proves, err)
	}
	honest := l.root(5)
	for name, change := range map[string]func(*Incident){
		"the same twice":   func(i *Incident) { i.Shown = i.Held; i.Root = nil },
		"another size":     func(i *Incident) { i.Size = 6 },
		"honest growth":    func(i *Incident) { i.Shown, i.Proof, i.Root = string(l.at(9)), l.proof(5, 9), &honest },
		"a made-up root":   func(i *Incident) { i.Root = &tlog.Hash{1} },
		"a made-up proof":  func(i *Incident) { i.Proof = l.proof(5, 9) },
		"another origin":   func(i *Incident) { i.Origin = "x" },
		"an unknown kind":  func(i *Incident) { i.Kind = "x" },
		"honest, no proof": func(i *Incident) { i.Shown, i.Root, i.Proof = string(l.at(9)), nil, nil },
		"rollback upwards": func(i *Incident) { i.Kind, i.Size = KindRollback, 9 },
	} {
		bad := tiles
		change(&bad)
		if proves, err := CheckEvidence(bad, l.verifier()); proves || !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %v, %v", name, proves, err)
		}
	}
}

func TestSilenceIsNamed(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newTree(t, testOrigin).grow(9)
	w, _ := newWitness(t, c, l)
	mustCosign(t, w, l, 0, 5)
	c.t = c.t.Add(48 * time.Hour)
	if n := w.Status().Named(); len(n) != 0 {
		t.Errorf("named too early: %q", n)
	}
	c.t = c.t.Add(time.Second)
	mustCosign(t, w, l, 5, 5) // the same again is no growth
	if n := w.Status().Named(); len(n) != 1 || !strings.Contains(n[0], "SILENT since 2026-11-22") {
		t.Errorf("named %q", n)
	}
	mustCosign(t, w, l, 5, 6)
	if n := w.Status().Named(); len(n) != 0 {
		t.Errorf("it speaks again, and is named: %q", n)
	}
	if err := w.Add(Log{Keys: []string{l.vkey}, Every: -1}); err != nil {
		t.Fatal(err)
	}
	c.t = c.t.Add(10000 * time.Hour)
	if n := w.Status().Named(); len(n) != 0 {
		t.Errorf("never missed, and named: %q", n)
	}
}

// Many at once: whatever the order, what is signed is one tree.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(40)
	evil := l.fork(1, "evil").grow(39)
	w, _ := newWitness(t, newClock(), l)
	mustCosign(t, w, l, 0, 2)
	var mu sync.Mutex
	signed := signedOnes{}
	var all sync.WaitGroup
	for who, one := range []*tree{l, evil, l, evil} {
		type ask struct {
			size  int64
			note  []byte
			proof [][]tlog.Hash
		}
		var asks []ask // made here: a test may not fail elsewhere
		for size := int64(3 + who%2); size <= 40; size++ {
			a := ask{size: size, note: one.at(size)}
			for old := range size {
				a.proof = append(a.proof, one.proof(old, size))
			}
			asks = append(asks, a)
		}
		all.Go(func() {
			for _, a := range asks {
				for old := int64(2); old < a.size; old++ {
					if _, _, err := w.Cosign(old, a.proof[old], a.note); err == nil {
						mu.Lock()
						signed[a.size] = one.root(a.size)
						mu.Unlock()
					}
				}
			}
		})
	}
	all.Wait()
	if err := signed.contradicts(l, evil); err != nil || len(signed) == 0 {
		t.Errorf("%d signed: %v", len(signed), err)
	}
}

// Whatever is asked in whatever order: never two signatures that contradict each other.
func TestWitnessProperty(t *testing.T) {
	t.Parallel()
	good := newTree(t, testOrigin).grow(24)
	trees := []*tree{good, good.fork(4, "b").grow(20), good.fork(11, "c").grow(13)}
	rapid.Check(t, func(rt *rapid.T) {
		c := newClock()
		v := world{c: c, good: good}
		disk := v.prepare(t, 1, false)
		w, err := open(simulated{disk}, Options{Now: c.now})
		if err != nil {
			rt.Fatal(err)
		}
		signed := signedOnes{}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			l := trees[rapid.IntRange(0, 2).Draw(rt, "tree")]
			size := rapid.Int64Range(1, 24).Draw(rt, "size")
			old := w.logs[testOrigin].latest.Size
			if rapid.Bool().Draw(rt, "other old") {
				old = rapid.Int64Range(0, size).Draw(rt, "old")
			}
			proofOf := trees[rapid.IntRange(0, 2).Draw(rt, "proof of")]
			if old > size {
				continue
			}
			_, _, err := w.Cosign(old, proofOf.proof(old, size), l.at(size))
			if err == nil {
				if was, there := signed[size]; there && was != l.root(size) {
					rt.Fatalf("size %d signed with two roots", size)
				}
				signed[size] = l.root(size)
			} else if errors.Is(err, ErrBroken) {
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 5).Draw(rt, "anew") == 0 {
				if w, err = open(simulated{disk}, Options{Now: c.now}); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if err := signed.contradicts(trees...); err != nil {
			rt.Fatal(err)
		}
		for _, i := range w.Status().Logs[0].Incidents {
			if proves, err := CheckEvidence(i, good.verifier()); err != nil || proves != (i.Kind == KindFork) {
				rt.Fatalf("evidence of %s proves %v: %v", i.Kind, proves, err)
			}
		}
	})
}

func TestFolderOfOneProcess(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newTree(t, testOrigin).grow(3)
	w, dir := newWitness(t, c, l)
	if _, err := Open(dir, Options{}); !errors.Is(err, archive.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
	mustCosign(t, w, l, 0, 2)
	if s, err := ReadStatus(dir, Options{Now: c.now}); err != nil || s.Logs[0].Size != 2 {
		t.Errorf("status beside a server: %+v, %v", s.Logs, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, "witness.example/w1", Options{}); !errors.Is(err, archive.ErrExists) {
		t.Errorf("made over an old one: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "nowhere"), Options{}); !errors.Is(err, ErrNone) {
		t.Errorf("opened nothing: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); !errors.Is(err, ErrNone) {
		t.Errorf("opened an empty folder: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, keyFile), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrExposed) {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, keyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", d.Name(), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The key of another witness is not taken for this one's.
func TestSwappedKeyIsNoticed(t *testing.T) {
	t.Parallel()
	w, dir := newWitness(t, newClock())
	other, from := newWitness(t, newClock())
	if err := errors.Join(w.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(from, keyFile), filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with a foreign key: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, keyFile), filepath.Join(from, keyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(from, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with a link for a key: %v", err)
	}
}

// An older copy of one of the files is noticed by the other; a state whose log has left the register is not taken for new.
func TestOlderCopyIsNoticed(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newTree(t, testOrigin).grow(20)
	w, dir := newWitness(t, c, l)
	mustCosign(t, w, l, 0, 5)
	older := map[string][]byte{}
	for _, name := range []string{seenFile(testOrigin), stateFile(testOrigin)} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		older[name] = raw
	}
	mustCosign(t, w, l, 5, 9)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put := func(name string) (back func()) {
		at := filepath.Join(dir, name)
		now, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, older[name], 0o600); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.WriteFile(at, now, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	back := put(seenFile(testOrigin))
	if _, err := Open(dir, Options{Now: c.now}); !errors.Is(err, ErrDamaged) || !errors.Is(err, archive.ErrIntegrity) {
		t.Errorf("an older list: %v", err)
	}
	back()
	put(stateFile(testOrigin))
	w = openWitness(t, dir, c) // the list is ahead, and is followed
	if s := w.Status().Logs[0]; s.Size != 9 {
		t.Errorf("an older state: size %d", s.Size)
	}
	w.reg.Logs = nil
	if err := saveRegister(w.dir, w.reg); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = openWitness(t, dir, c)
	if err := w.Add(Log{Keys: []string{l.vkey}}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a log that was forgotten is taken for new: %v", err)
	}
}

func TestAddLog(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newTree(t, testOrigin).grow(9)
	w, dir := newWitness(t, c, l)
	mustCosign(t, w, l, 0, 5)
	// A second key of the same log, as after a change of keys.
	skey, vkey, err := tlog.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{42}, 64)), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	next, err := tlog.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	old := l.signer
	l.signer = next
	if _, _, err := w.Cosign(5, l.proof(5, 6), l.at(6)); !errors.Is(err, ErrKey) {
		t.Errorf("a key nobody told of: %v", err)
	}
	if err := w.Add(Log{Keys: []string{vkey}, URL: "https://log.example/"}); err != nil {
		t.Fatal(err)
	}
	mustCosign(t, w, l, 5, 6)
	l.signer = old
	mustCosign(t, w, l, 6, 7)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = openWitness(t, dir, c)
	if s := w.Status().Logs[0]; len(s.Keys) != 2 || s.Size != 7 || s.URL != "https://log.example/" || s.Every != DefaultEvery {
		t.Errorf("after opening it anew: %+v", s)
	}
	other := newTree(t, "other.example")
	for name, told := range map[string]Log{
		"no key":         {Origin: testOrigin},
		"not a key":      {Keys: []string{"x"}},
		"another name":   {Origin: testOrigin, Keys: []string{other.vkey}},
		"two logs":       {Keys: []string{l.vkey, other.vkey}},
		"witness's key":  {Keys: []string{w.VerifierKey()}},
		"strange scheme": {Keys: []string{other.vkey}, URL: "ftp://x/"},
	} {
		if err := w.Add(told); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if len(w.Status().Logs) != 1 {
		t.Errorf("%d logs", len(w.Status().Logs))
	}
}

func FuzzReadIncident(f *testing.F) {
	l := newTree(f, testOrigin).grow(9)
	honest, err := json.Marshal(Incident{Format: incidentFormat, Version: 1, Kind: KindFork, Origin: testOrigin, Size: 5, Held: string(l.at(5)), Shown: string(l.at(9))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(honest)
	v := l.verifier()
	f.Fuzz(func(t *testing.T, raw []byte) {
		i, err := ReadIncident(raw)
		if err != nil {
			return
		}
		// The log has never signed two trees, so nothing proves that it did.
		if proves, _ := CheckEvidence(i, v); proves {
			t.Fatalf("proven: %s", raw)
		}
	})
}

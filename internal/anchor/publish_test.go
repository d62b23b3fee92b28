package anchor

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/faultfs"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/vaulttest"
	"zapis/verify"
)

// files reads a published folder.
func filesOf(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, at)
		out[name], err = os.ReadFile(at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func checkDir(t testing.TB, dir string, o verify.LogOptions) verify.LogReport {
	t.Helper()
	return verify.Log(os.DirFS(dir), o)
}

func TestWhatIsPublishedVerifiesAtEverySize(t *testing.T) {
	t.Parallel()
	var w *friend
	r := newRig(t, func(r *rig, o *Options) { w = r.witness(o, "w.example/1") }).init()
	dir := r.folder()
	var seen [][]byte
	for i, days := range []int{1, 1, 3, 30, 200, 20, 1, 300} { // across the first tile and the second
		r.state(i)
		r.clock = r.clock.Add(time.Duration(days) * 24 * time.Hour)
		if _, err := r.Tick(t.Context(), testAgent, true); err != nil {
			t.Fatal(err)
		}
		r.gather()
		if i == 4 {
			if _, err := r.RotateKey(t.Context(), testAgent); err != nil {
				t.Fatal(err)
			}
		}
		p, err := r.publishTo(dir)
		if err != nil {
			t.Fatal(err)
		}
		rep := checkDir(t, dir, verify.LogOptions{Keys: []string{r.keys()[0].VerifierKey}, Witnesses: []string{w.VerifierKey}, Against: seen})
		if !rep.OK || rep.Size != p.Size || rep.Statements != i+1 || len(rep.Cosigned) != 1 || rep.Beyond {
			t.Fatalf("size %d: %+v", p.Size, rep)
		}
		note, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, note)
		// Again is nothing.
		if p, err := r.publishTo(dir); err != nil || p.Written != 0 {
			t.Fatalf("again: %+v, %v", p, err)
		}
	}
	if n := r.count("log_publication"); n != 8 {
		t.Errorf("%d publications are noted", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "tile/1/000.p/2")); err != nil {
		t.Errorf("the second level is missing: %v", err)
	}
}

func TestPublishedFilesMayBeReadAndShowTheirHour(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	dir := r.folder()
	r.state(1)
	for range 3 {
		r.days(1)
		if _, err := r.publishTo(dir); err != nil {
			t.Fatal(err)
		}
	}
	first := midnight(day0).Add(10 * time.Minute)
	at := func(n int) time.Time { return first.Add(time.Duration(n-1) * 24 * time.Hour) }
	want := map[string]time.Time{
		"tile/0/000.p/2": at(2), "tile/0/000.p/3": at(3), "tile/0/000.p/4": at(4), "tile/entries/000.p/2": at(2), "tile/entries/000.p/3": at(3),
		"tile/entries/000.p/4": at(4), "checkpoint": at(4), "keys": at(2), "index.html": at(2), "check.html": at(2),
		".": at(4), "tile": at(2), "tile/0": at(2), "tile/0/000.p": at(4), "tile/entries": at(2), "statement": at(2),
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ = filepath.Rel(dir, name)
		if w, ok := want[name]; ok && !info.ModTime().Equal(w) {
			t.Errorf("%s shows %v, want %v", name, info.ModTime().UTC(), w)
		}
		if info.ModTime().Sub(first)%(24*time.Hour) != 0 {
			t.Errorf("%s shows %v, which is no hour of a tick", name, info.ModTime().UTC())
		}
		if mode := info.Mode().Perm(); d.IsDir() && mode != 0o755 || !d.IsDir() && mode != 0o644 {
			t.Errorf("%s has the rights %v", name, mode)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is published is never replaced by something else.
func TestAForkIsNotPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	dir := r.folder()
	r.tick()
	r.days(3)
	if _, err := r.publishTo(dir); err != nil {
		t.Fatal(err)
	}
	other := newRig(t)
	other.secrets.all = r.secrets.all
	other.seed.Seed([32]byte{9})
	other.init2(t, r)
	foreign := newRig(t)
	foreign.seed.Seed([32]byte{7})
	if _, err := foreign.Init(t.Context(), testAgent, "other.example/log"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		r    *rig
		days int
		do   func(dir string)
	}{
		"the same key, other entries": {other, 6, nil},
		"shorter than what is there":  {other, 1, nil},
		"another log":                 {foreign, 5, nil},
		"a tile was altered":          {r, 0, func(dir string) { flipFile(t, filepath.Join(dir, "tile/0/000.p/4"), 5) }},
		"an entry was altered":        {r, 0, func(dir string) { flipFile(t, filepath.Join(dir, "tile/entries/000.p/4"), 5) }},
		"the checkpoint was altered":  {r, 0, func(dir string) { flipFile(t, filepath.Join(dir, "checkpoint"), 30) }},
		"tiles of a later state":      {r, 0, func(dir string) { put(t, filepath.Join(dir, "tile/0/000.p/9"), make([]byte, 9*32)) }},
		"a full tile, and no checkpoint": {r, 0, func(dir string) {
			_ = os.Remove(filepath.Join(dir, "checkpoint"))
			put(t, filepath.Join(dir, "tile/0/000"), make([]byte, 8192))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "public")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if c.do != nil {
				c.do(copied)
			}
			for range c.days {
				c.r.clock = c.r.clock.Add(24 * time.Hour)
				c.r.tick()
			}
			before := filesOf(t, copied)
			_, err := c.r.publishTo(copied)
			wantErr(t, err, ErrFork, "")
			if !errors.Is(err, archive.ErrIntegrity) {
				t.Error("not an integrity error")
			}
			after := filesOf(t, copied)
			for name, data := range before {
				if !bytes.Equal(after[name], data) {
					t.Errorf("%s was replaced", name)
				}
			}
			var outcome string
			if err := c.r.db.SQL().QueryRow(`SELECT outcome FROM log_publication ORDER BY at DESC, id DESC LIMIT 1`).Scan(&outcome); err != nil || outcome != "failure" {
				t.Errorf("noted as %q: %v", outcome, err)
			}
		})
	}
}

func TestFilesOfSomethingElseAreLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "index.html"), []byte("somebody's site"))
	_, err := r.publishTo(dir)
	wantErr(t, err, archive.ErrExists, "")
	if got := filesOf(t, dir); string(got["index.html"]) != "somebody's site" || len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// A folder that others may write into must not be able to stop the log.
func TestOddThingsInThePublishedFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	dir := r.folder()
	if _, err := r.publishTo(dir); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "tile/0", pendingMark+"0011223344556677"), []byte("half a"))
	if _, err := r.publishTo(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tile/0", pendingMark+"0011223344556677")); err == nil {
		t.Error("what a former run left is still there")
	}
	for name, do := range map[string]func(at string) error{
		"a pipe":   func(at string) error { return syscall.Mkfifo(at, 0o644) },
		"a link":   func(at string) error { return os.Symlink("/etc/passwd", at) },
		"a folder": func(at string) error { return os.Mkdir(at, 0o755) },
	} {
		at := filepath.Join(dir, "checkpoint")
		if err := os.RemoveAll(at); err != nil {
			t.Fatal(err)
		}
		if err := do(at); err != nil {
			t.Fatal(err)
		}
		f, c, err := OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := f.Read(t.Context(), "checkpoint", 1000); err == nil {
			t.Errorf("%s was read: %d bytes", name, len(b))
		}
		_ = c.Close()
		if _, err := r.publishTo(dir); err == nil {
			t.Errorf("%s was published over", name)
		}
		if rep := checkDir(t, dir, logOptions()); rep.OK {
			t.Errorf("%s passes for a checkpoint", name)
		}
	}
}

func flipFile(t *testing.T, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 4
	put(t, name, b)
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A log that no longer agrees with its own checkpoint is not published, whatever the catalogue says.
func TestALogThatDoesNotVerifyIsNotPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	r.days(2)
	dropTriggers(r, "log_tick")
	if _, err := r.db.SQL().Exec(`UPDATE log_tick SET commitment = ? WHERE position = 0`, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	dir := r.folder()
	_, err := r.publishTo(dir)
	wantErr(t, err, archive.ErrIntegrity, "")
	if got := filesOf(t, dir); len(got) != 0 {
		t.Errorf("%d files were written", len(got))
	}
}

// What only the verifier sees is not published either: here a statement that no longer has its digest.
func TestWhatOnlyTheVerifierSees(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.state(1)
	r.tick()
	dropTriggers(r, "statement")
	if _, err := r.db.SQL().Exec(`UPDATE statement SET body = ?`, []byte(`{"format":"zapis scope","n":"2"}`)); err != nil {
		t.Fatal(err)
	}
	dir := r.folder()
	_, err := r.publishTo(dir)
	wantErr(t, err, archive.ErrIntegrity, "does not verify (statements)")
	if got := filesOf(t, dir); len(got) != 0 {
		t.Errorf("%d files were written", len(got))
	}
}

// meanwhile lets another process publish a later state while this one is at its first sync.
type meanwhile struct {
	Target
	do func()
}

func (m *meanwhile) Sync(ctx context.Context, at time.Time) error {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return m.Target.Sync(ctx, at)
}

func TestASlowProcessDoesNotPutTheCheckpointBack(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	slow, err := r.files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.days(1)
	dir := r.folder()
	f, c, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = slow.put(t.Context(), &meanwhile{f, func() {
		if _, err := r.publishTo(dir); err != nil {
			t.Error(err)
		}
	}}, &Published{})
	wantErr(t, err, ErrFork, "checkpoint 2 is published")
	if rep := checkDir(t, dir, logOptions()); !rep.OK || rep.Size != 2 {
		t.Errorf("%+v", rep)
	}
}

// The same tree on a storage of the vault's kind, as S3 is.
func TestPublishToAStorage(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	r.days(2)
	m := vaulttest.NewMemory()
	p, err := r.Publish(t.Context(), testAgent, NewBucket(m))
	if err != nil || p.Written != p.Files {
		t.Fatalf("%+v, %v", p, err)
	}
	dir := r.folder()
	if _, err := r.publishTo(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range filesOf(t, dir) {
		got, err := NewBucket(m).Read(t.Context(), name, 1<<20)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := r.Publish(t.Context(), testAgent, NewBucket(m)); err != nil || p.Written != 0 {
		t.Errorf("again: %+v, %v", p, err)
	}
	if _, err := NewBucket(m).Read(t.Context(), "none", 1); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// broken is a storage on which the k-th writing operation fails, without having its effect or with it.
type broken struct {
	Target
	at        int
	persisted bool
	n         int
}

var errDisk = errors.New("the disk is on fire")

func (b *broken) Write(ctx context.Context, name string, data []byte, at time.Time) error {
	if b.n++; b.n == b.at {
		if b.persisted {
			if err := b.Target.Write(ctx, name, data, at); err != nil {
				return err
			}
		}
		return errDisk
	}
	return b.Target.Write(ctx, name, data, at)
}

func (b *broken) Sync(ctx context.Context, at time.Time) error {
	if b.n++; b.n == b.at {
		return errDisk
	}
	return b.Target.Sync(ctx, at)
}

// Wherever publishing breaks off, what is visible is a log that holds, and the next call completes it.
func TestFaultInEveryStepOfPublishing(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	r.days(2)
	base := r.folder()
	if _, err := r.publishTo(base); err != nil {
		t.Fatal(err)
	}
	r.days(2)
	for _, persisted := range []bool{false, true} {
		for k := 1; ; k++ {
			dir := filepath.Join(t.TempDir(), "public")
			if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
				t.Fatal(err)
			}
			target, c, err := OpenFolder(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Publish(t.Context(), testAgent, &broken{Target: target, at: k, persisted: persisted})
			_ = c.Close()
			done := err == nil
			if !done && !errors.Is(err, errDisk) {
				t.Fatalf("step %d: %v", k, err)
			}
			rep := checkDir(t, dir, logOptions())
			if !rep.OK || rep.Size != 3 && rep.Size != 5 {
				t.Fatalf("after a fault in step %d: %+v", k, rep)
			}
			if _, err := r.publishTo(dir); err != nil {
				t.Fatalf("after a fault in step %d: %v", k, err)
			}
			if rep := checkDir(t, dir, logOptions()); !rep.OK || rep.Size != 5 || rep.Beyond {
				t.Fatalf("after a fault in step %d and once more: %+v", k, rep)
			}
			if done {
				if k < 6 {
					t.Fatalf("only %d steps were tried", k)
				}
				break
			}
		}
	}
}

// simulated is a simulated disk behind the port of a Folder.
type simulated struct{ *faultfs.FS }

func (s simulated) OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}
func (s simulated) Show(string, fs.FileMode, time.Time) error { return nil }

// contents reads a simulated disk as a file system.
func contents(t *testing.T, disk *faultfs.FS) memory {
	t.Helper()
	f := newFolder(simulated{disk})
	list, err := f.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := memory{}
	for name := range list {
		if out[name], err = f.Read(t.Context(), name, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// The power goes at every single operation of the disk. What is there afterwards is the former state or the new one, whole, and
// publishing again completes it. The same without the sync before the checkpoint must be found out.
func TestPowerCutInPublishing(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	former, err := r.files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.days(2)
	latter, err := r.files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put := func(set *fileSet, target Target) error { return set.put(t.Context(), target, &Published{}) }
	run := func(keepSome bool, seed uint64, wrap func(Target) Target) (bad int, sizes map[int64]bool) {
		sizes = map[int64]bool{}
		for k := 1; ; k++ {
			disk := faultfs.New(seed*1000 + uint64(k))
			if err := put(former, newFolder(simulated{disk})); err != nil {
				t.Fatal(err)
			}
			disk.KeepSome(keepSome)
			disk.CutAt(disk.Ops() + k)
			done := put(latter, wrap(newFolder(simulated{disk}))) == nil
			disk = disk.Reboot()
			rep := verify.Log(contents(t, disk), logOptions())
			if !rep.OK {
				bad++
			} else {
				sizes[rep.Size] = true
				if err := put(latter, newFolder(simulated{disk})); err != nil {
					t.Fatalf("after a cut at %d: %v", k, err)
				}
				if rep := verify.Log(contents(t, disk), logOptions()); !rep.OK || rep.Beyond || rep.Size != 3 {
					t.Fatalf("after a cut at %d and once more: %+v", k, rep)
				}
			}
			if done {
				return bad, sizes
			}
		}
	}
	for _, keepSome := range []bool{false, true} {
		if bad, sizes := run(keepSome, 1, func(t Target) Target { return t }); bad > 0 || len(sizes) != 2 {
			t.Errorf("keepSome %v: %d cuts leave a log that does not hold; sizes met: %v", keepSome, bad, sizes)
		}
	}
	bad := 0
	for seed := range uint64(6) {
		b, _ := run(true, 10+seed, func(t Target) Target { return &careless{Target: t} })
		bad += b
	}
	if bad == 0 {
		t.Error("publishing without its first sync passes the same test")
	}
}

// careless forgets the sync before the checkpoint.
type careless struct {
	Target
	n int
}

func (c *careless) Sync(ctx context.Context, at time.Time) error {
	if c.n++; c.n == 1 {
		return nil
	}
	return c.Target.Sync(ctx, at)
}

func TestStatusSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	bare := newRig(t)
	if st := bare.status(); st.Made || len(st.Problems) != 1 || st.Problems[0].Code != ProblemNoLog {
		t.Errorf("%+v", st)
	}
	bare.init()
	bare.tick()
	codes := func(st Status) (out []string) {
		for _, p := range st.Problems {
			if p.Text == "" || p.Advice == "" {
				t.Errorf("%s says nothing", p.Code)
			}
			out = append(out, p.Code)
		}
		slices.Sort(out)
		return out
	}
	if got := codes(bare.status()); !slices.Equal(got, []string{ProblemNeverPublished, ProblemNoAuthority, ProblemNoWitness}) {
		t.Errorf("%v", got)
	}
	at := day0
	full := newRig(t, func(r *rig, o *Options) {
		r.witness(o, "w.example/1")
		o.Authorities = []Authority{&clockwork{"ta", StampRFC3161, func([32]byte, []byte) (StampResult, error) {
			return StampResult{State: StampConfirmed, Token: []byte("x"), At: at}, nil
		}}}
	}).init()
	full.tick()
	full.gather()
	if got := codes(full.status()); !slices.Equal(got, []string{ProblemNeverPublished}) {
		t.Errorf("%v", got)
	}
	full.write(func(tx *store.Tx) error {
		return tx.AddPublication(t.Context(), store.Publication{ID: archive.NewID(archive.PrefixPublication), At: full.clock, Kind: TargetDirectory, Size: 1, Outcome: "success"})
	})
	st := full.status()
	if len(st.Problems) != 0 || !st.Published.Current || !st.Checkpoints[0].QuorumMet || !st.Checkpoints[0].Published {
		t.Errorf("%+v", st)
	}
	full.clock = full.clock.Add(25 * time.Hour)
	if got := codes(full.status()); !slices.Contains(got, ProblemBehind) {
		t.Errorf("late: %v", got)
	}
	full.tick()
	if got := codes(full.status()); !slices.Contains(got, ProblemNotPublished) || !slices.Contains(got, ProblemQuorum) {
		t.Errorf("not published: %v", got)
	}
	full.keeper.note = nil
	full.clock = day0.Add(-48 * time.Hour)
	if got := full.status(); len(got.Problems) == 0 || got.Problems[0].Code != ProblemClock || !got.Problems[0].Grave {
		t.Errorf("clock: %+v", got.Problems)
	}
}

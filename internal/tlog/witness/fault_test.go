package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"
	"testing"

	"zapis/internal/faultfs"
	"zapis/internal/tlog"
)

// lying is a disk whose syncs do nothing: what the tests below must notice.
type lying struct {
	simulated
	file, dir bool
}

type lyingFile struct{ file }

func (lyingFile) Sync() error { return nil }

func (l lying) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := l.simulated.OpenFile(name, flag, perm)
	if err != nil || !l.file {
		return f, err
	}
	return lyingFile{f}, nil
}

func (l lying) SyncDir(name string) error {
	if l.dir {
		return nil
	}
	return l.simulated.SyncDir(name)
}

// signedOnes is what a partner has in hand: every cosignature that was given out.
type signedOnes map[int64]tlog.Hash

// contradicts says whether two of the signed trees cannot both be parts of one.
func (s signedOnes) contradicts(trees ...*tree) error {
	for size, root := range s {
		for other, rootOther := range s {
			if size > other {
				continue
			}
			ok := false
			for _, t := range trees {
				if other <= t.size() && t.root(size) == root && t.root(other) == rootOther {
					ok = true
				}
			}
			if !ok {
				return fmt.Errorf("signed size %d and size %d of trees that contradict each other", size, other)
			}
		}
	}
	return nil
}

// live lets a log and its evil twin ask a witness in turn, and collects what is signed. It ends with the first error that
// is not a refusal.
func live(d folder, c *clock, signed signedOnes, order []*tree, sizes []int64) error {
	w, err := open(d, Options{Now: c.now})
	if err != nil {
		return err
	}
	for _, size := range sizes {
		for _, l := range order {
			was := w.logs[testOrigin].latest.Size
			if was > size {
				continue
			}
			_, _, err := w.Cosign(was, l.proof(was, size), l.at(size))
			switch {
			case err == nil:
				if old, there := signed[size]; there && old != l.root(size) {
					return fmt.Errorf("size %d was signed twice, with two roots", size)
				}
				signed[size] = l.root(size)
			case errors.Is(err, ErrConflict) || errors.Is(err, ErrProof):
			default:
				return err
			}
		}
	}
	return nil
}

type world struct {
	c          *clock
	good, evil *tree
}

func newWorld(t testing.TB) world {
	t.Helper()
	good := newTree(t, testOrigin).grow(9)
	return world{c: newClock(), good: good, evil: good.fork(1, "evil").grow(8)}
}

// prepare makes a witness on a new disk that knows the log, and has signed size 2.
func (v world) prepare(t testing.TB, seed uint64, keepSome bool) *faultfs.FS {
	t.Helper()
	disk := faultfs.New(seed)
	disk.KeepSome(keepSome)
	d := simulated{disk}
	if _, err := create(d, "witness.example/w1", Options{Now: v.c.now, Random: bytes.NewReader(make([]byte, 64))}); err != nil {
		t.Fatal(err)
	}
	w, err := open(d, Options{Now: v.c.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(Log{Keys: []string{v.good.vkey}}); err != nil {
		t.Fatal(err)
	}
	return disk
}

// explore lets the power go at every operation of a life, then lets the evil twin be first to ask after the reboot, and
// counts the lives that ended in contradicting signatures or in a witness that does not open.
func explore(t *testing.T, keepSome bool, wrap func(*faultfs.FS) folder) (bad, lives int) {
	t.Helper()
	v := newWorld(t)
	for k := 1; ; k++ {
		disk := v.prepare(t, uint64(k), keepSome)
		start := disk.Ops()
		disk.CutAt(start + k)
		signed := signedOnes{}
		// The good log is the first to ask before the cut, the evil one after it. Evidence is written in between.
		err := live(wrap(disk), v.c, signed, []*tree{v.good, v.evil}, []int64{3, 5, 8})
		lives++
		after := disk.Reboot()
		err2 := live(wrap(after), v.c, signed, []*tree{v.evil, v.good}, []int64{4, 5, 8, 9})
		if err2 != nil || signed.contradicts(v.good, v.evil) != nil {
			bad++
		}
		if err == nil {
			return bad, lives
		}
		if k > 2000 {
			t.Fatal("a life has no end")
		}
	}
}

func TestCutNeverMakesTheWitnessContradictItself(t *testing.T) {
	t.Parallel()
	for _, keepSome := range []bool{false, true} {
		bad, lives := explore(t, keepSome, func(d *faultfs.FS) folder { return simulated{d} })
		if bad > 0 || lives < 50 {
			t.Errorf("keep some %v: %d of %d lives ended badly", keepSome, bad, lives)
		}
	}
	// The same must go wrong where the disk does not keep its word, or the test above sees nothing.
	for name, l := range map[string]lying{"no sync of files": {file: true}, "no sync of folders": {dir: true}} {
		bad, lives := explore(t, false, func(d *faultfs.FS) folder { return lying{simulated{d}, l.file, l.dir} })
		if bad == 0 {
			t.Errorf("%s: none of %d lives ended badly", name, lives)
		}
	}
}

// The power goes at every operation of making a log known: afterwards it is known or not, and can be made known.
func TestCutWhileALogIsAdded(t *testing.T) {
	t.Parallel()
	v := newWorld(t)
	other := newTree(t, "other.example").grow(3)
	for k := 1; ; k++ {
		disk := v.prepare(t, uint64(k), k%2 == 0)
		signed := signedOnes{}
		if err := live(simulated{disk}, v.c, signed, []*tree{v.good}, []int64{3}); err != nil {
			t.Fatal(err)
		}
		w, err := open(simulated{disk}, Options{Now: v.c.now})
		if err != nil {
			t.Fatal(err)
		}
		disk.CutAt(disk.Ops() + k)
		done := w.Add(Log{Keys: []string{other.vkey}}) == nil
		w, err = open(simulated{disk.Reboot()}, Options{Now: v.c.now})
		if err != nil {
			t.Fatalf("operation %d: %v", k, err)
		}
		if n := len(w.Status().Logs); done && n != 2 {
			t.Fatalf("operation %d: a log that was said to be known is not", k)
		}
		if err := w.Add(Log{Keys: []string{other.vkey}}); err != nil {
			t.Fatalf("operation %d: once more: %v", k, err)
		}
		mustCosign(t, w, other, 0, 3)
		mustCosign(t, w, v.good, 3, 5)
		if done {
			return
		}
	}
}

// At the moment of signing a cut must leave a disk that already knows what is being signed.
func TestNothingIsSignedBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	v := newWorld(t)
	disk := v.prepare(t, 1, false)
	w, err := open(simulated{disk}, Options{Now: v.c.now})
	if err != nil {
		t.Fatal(err)
	}
	looked := false
	w.sign = func(text string) (string, error) {
		looked = true
		after, err := open(simulated{disk.Reboot()}, Options{Now: v.c.now})
		if err != nil {
			t.Fatal(err)
		}
		got := after.logs[testOrigin].latest
		if c, err := tlog.ParseCheckpoint(text); err != nil || got.Size != c.Size || got.Root != c.Root {
			t.Errorf("signing size %d while the disk knows %d: %v", c.Size, got.Size, err)
		}
		return "", nil
	}
	if _, _, err := w.Cosign(0, nil, v.good.at(3)); err != nil || !looked {
		t.Fatalf("looked %v: %v", looked, err)
	}
}

// Every operation fails once, with and without effect; then the process ends, and later the power. A failed sync may have
// lost the bytes while the machine still shows them, so a new process must not believe what it reads.
func TestFailedOperationEndsSigning(t *testing.T) {
	t.Parallel()
	v := newWorld(t)
	for _, persisted := range []bool{false, true} {
		for k := 1; ; k++ {
			disk := v.prepare(t, uint64(k), false)
			disk.FailAt(disk.Ops()+k, syscall.EIO, persisted)
			ops := disk.Ops()
			signed := signedOnes{}
			err := live(simulated{disk}, v.c, signed, []*tree{v.good}, []int64{3, 5})
			done := disk.Ops() < ops+k
			if err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, syscall.EIO) {
				t.Fatalf("operation %d, persisted %v: %v", k, persisted, err)
			}
			if done {
				break
			}
			// The next process, on the same running machine, then a cut.
			if err := live(simulated{disk}, v.c, signed, []*tree{v.good}, []int64{5}); err != nil {
				t.Fatalf("operation %d, persisted %v, second process: %v", k, persisted, err)
			}
			after := disk.Reboot()
			if err := live(simulated{after}, v.c, signed, []*tree{v.evil, v.good}, []int64{5, 8}); err != nil {
				t.Fatalf("operation %d, persisted %v, after the cut: %v", k, persisted, err)
			}
			if err := signed.contradicts(v.good, v.evil); err != nil {
				t.Fatalf("operation %d, persisted %v: %v", k, persisted, err)
			}
		}
	}
}

// A witness that could not write signs no more, not even what it had signed before.
func TestBrokenWitnessSignsNothing(t *testing.T) {
	t.Parallel()
	v := newWorld(t)
	disk := v.prepare(t, 1, false)
	w, err := open(simulated{disk}, Options{Now: v.c.now})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Cosign(0, nil, v.good.at(3)); err != nil {
		t.Fatal(err)
	}
	disk.Capacity(1)
	if _, _, err := w.Cosign(3, v.good.proof(3, 5), v.good.at(5)); !errors.Is(err, ErrBroken) {
		t.Fatalf("full disk: %v", err)
	}
	disk.Capacity(0)
	if line, _, err := w.Cosign(3, nil, v.good.at(3)); !errors.Is(err, ErrBroken) || line != "" {
		t.Errorf("broken witness gave %q: %v", line, err)
	}
	if _, err := open(simulated{disk}, Options{Now: v.c.now}); err != nil {
		t.Errorf("opened anew: %v", err)
	}
}

// One bit changed anywhere in what the witness keeps is noticed when it is opened, or changes nothing (the tail of the
// list that was never signed).
func TestFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	v := newWorld(t)
	disk := v.prepare(t, 1, false)
	if err := live(simulated{disk}, v.c, signedOnes{}, []*tree{v.good}, []int64{3, 5}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{registerFile, keyFile, stateFile(testOrigin), seenFile(testOrigin)} {
		raw, err := read(simulated{disk}, name)
		if err != nil {
			t.Fatal(err)
		}
		for bit := int64(0); bit < int64(len(raw))*8; bit += 3 {
			disk.Flip(name, bit)
			_, err := open(simulated{disk}, Options{Now: v.c.now})
			space := name == keyFile && bit/8 == int64(len(raw))-1 // after the key
			if !errors.Is(err, ErrDamaged) && !space {
				t.Fatalf("%s: bit %d: %v", name, bit, err)
			}
			disk.Flip(name, bit)
		}
	}
	for _, name := range []string{registerFile, keyFile, stateFile(testOrigin), seenFile(testOrigin), incidentDir} {
		gone := disk.Reboot()
		if err := gone.Rename(name, path.Join(path.Dir(name), "elsewhere")); err != nil {
			t.Fatal(err)
		}
		if _, err := open(simulated{gone}, Options{Now: v.c.now}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s is missing: %v", name, err)
		}
		disk = gone.Reboot() // nothing of the rename was durable
	}
}

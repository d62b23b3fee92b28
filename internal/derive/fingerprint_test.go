package derive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/store"
)

// Fingerprint makes a real fingerprint of made-up pictures, and notes what it was given.
func (m *fakeMedia) Fingerprint(_ context.Context, src media.Source, _ media.Probe, w io.Writer, beat func(float64)) ([]fingerprint.Run, media.Report, error) {
	m.consume(src)
	head := make([]byte, 5)
	_, _ = src.ReadAt(head, 0)
	m.mu.Lock()
	m.printed = append(m.printed, string(head))
	short, damaged := m.printShort, m.printErr
	m.mu.Unlock()
	if damaged != nil {
		_, _ = w.Write([]byte("half of"))
		return nil, media.Report{}, damaged
	}
	b := fingerprint.NewBuilder(w)
	p := make([]byte, fingerprint.Width*fingerprint.Height)
	n := 4 * fingerprint.Rate
	if short {
		n = 1
	}
	for i := range n {
		for k := range p {
			p[k] = byte((k*7 ^ k/fingerprint.Width*31) + i)
		}
		if err := b.Frame(p); err != nil {
			return nil, media.Report{}, err
		}
	}
	beat(4)
	runs, seconds, err := b.Close()
	return runs, media.Report{Tool: tool, Seconds: float64(seconds)}, err
}

func (r *rig) fingerprint(id string, attempt int) error {
	return r.service().Fingerprint(r.t.Context(), job.Job[job.Fingerprint]{ID: 3, Args: job.Fingerprint{Item: id}, Attempt: attempt, MaxAttempts: 5})
}

// The full pass asks for the fingerprint; it is made of the working copy, sealed, and asks for others to be looked for, once.
func TestFingerprintIsMadeOfTheWorkingCopyAndSealed(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item([]byte("film"), "")
	if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
		t.Fatal(err)
	}
	asked := func(key string) (v string) {
		r.read(func(tx *store.Tx) (err error) { v, _, err = tx.Setting(t.Context(), key+it.ID); return err })
		return v
	}
	if asked("fingerprint.") != "fingerprint" {
		t.Error("the full pass did not ask for the fingerprint")
	}
	before := r.state(it.ID)
	if err := errors.Join(r.fingerprint(it.ID, 1), r.fingerprint(it.ID, 2)); err != nil {
		t.Fatal(err)
	}
	after := r.sound(it.ID)
	if after.count(DerivativeFingerprint) != 1 || len(after.derivatives) != len(before.derivatives)+1 || after.item.State != archive.ItemReady {
		t.Errorf("%d derivatives, before %d, %s", len(after.derivatives), len(before.derivatives), after.item.State)
	}
	if len(r.media.printed) != 1 || r.media.printed[0] != "proxy" {
		t.Errorf("made of %q", r.media.printed)
	}
	if asked("match.") != "match" {
		t.Error("nobody is asked to look for others")
	}
	for _, d := range after.derivatives {
		if d.Kind != DerivativeFingerprint {
			continue
		}
		b, err := r.open(d)
		if err != nil {
			t.Fatal(err)
		}
		p, err := fingerprint.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		plain := fingerprint.EncodeRuns(p.Runs())
		r.read(func(tx *store.Tx) error {
			f, err := tx.Fingerprints(t.Context(), 0, 10)
			if err != nil || len(f) != 1 || f[0].Item != it.ID || f[0].Derivative != d.ID || f[0].Number != 1 {
				t.Fatalf("%+v, %v", f, err)
			}
			// The catalogue may lie in a database that is not encrypted.
			if len(plain) == 0 || bytes.Contains(f[0].Runs, plain[6:38]) {
				t.Error("the hashes lie in the catalogue in the clear")
			}
			opened, err := r.sealer().Open(d.ID, f[0].Runs)
			if err != nil || !bytes.Equal(opened, plain) {
				t.Errorf("sealed runs do not open to what they were: %v", err)
			}
			return nil
		})
	}
}

// A working copy that fails is no reason to go without: the original says the same.
func TestFingerprintOfTheOriginalWhereTheWorkingCopyIsMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item([]byte("film of an original"), "")
	if err := r.quick(it.ID, 1); err != nil {
		t.Fatal(err)
	}
	if err := r.fingerprint(it.ID, 1); err != nil {
		t.Fatal(err)
	}
	if len(r.media.printed) != 1 || r.media.printed[0] != "film " {
		t.Errorf("made of %q", r.media.printed)
	}
	if after := r.sound(it.ID); after.count(DerivativeFingerprint) != 1 {
		t.Error("no fingerprint")
	}
}

func TestFingerprintThatFailsLeavesTheItemAlone(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*fakeMedia){
		"damaged": func(m *fakeMedia) { m.printErr = media.ErrDamaged },
		"short":   func(m *fakeMedia) { m.printShort = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, store.SQLite)
			it := r.item([]byte("film"), "")
			if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
				t.Fatal(err)
			}
			set(r.media)
			if err := r.fingerprint(it.ID, 1); err != nil {
				t.Fatal(err)
			}
			after := r.sound(it.ID)
			if after.item.State != archive.ItemReady || after.count(DerivativeFingerprint) != 0 || r.leftovers() != 0 {
				t.Errorf("%s, %d, %d left over", after.item.State, after.count(DerivativeFingerprint), r.leftovers())
			}
			r.read(func(tx *store.Tx) error {
				if v, _, err := tx.Setting(t.Context(), "completed.3"); err != nil || v != "yes" {
					t.Errorf("the job goes on for ever: %v", err)
				}
				if n, _, err := tx.FingerprintCount(t.Context()); err != nil || n != 0 {
					t.Errorf("%d rows, %v", n, err)
				}
				return nil
			})
		})
	}
}

package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"zapis/internal/vault"
)

// testFailedCalls lets each call of a commit fail, lost and persisted, with and without the process dying there. Nothing
// that was acknowledged before or now is lost, and nothing half-written can be opened.
func testFailedCalls(t *testing.T, open func(testing.TB) vault.Backend, step int) {
	b := open(t)
	f := NewVault(t, b)
	kept := [][]byte{Noise(1, 20), Noise(2, Segment+3)}
	before := Seal(t, f.Vault, kept...)
	pieces := [][]byte{Noise(3, 40), Noise(4, 2*Segment), Noise(5, 0)}
	faulty := &Faulty{Backend: b}
	acknowledged := []vault.Commit{}
	left := map[string]bool{} // what processes that died have left
	for _, mode := range []Mode{Lost, Persisted} {
		for _, dies := range []bool{false, true} {
			for k := 1; ; k += step {
				faulty.FailCall(0, Lost, false)
				v, err := vault.Open(t.Context(), faulty, vault.Passphrase([]byte(pass)))
				if err != nil {
					t.Fatal(err)
				}
				faulty.FailCall(k, mode, dies)
				batch := v.Begin(t.Context())
				var c vault.Commit
				for _, p := range pieces {
					if _, err = batch.Add(t.Context(), bytes.NewReader(p), vault.AddOptions{}); err != nil {
						break
					}
				}
				if err == nil {
					c, err = batch.Commit(t.Context())
				}
				hit := faulty.Hit()
				if err == nil {
					acknowledged = append(acknowledged, c)
				} else {
					if !errors.Is(err, ErrInjected) && !errors.Is(err, vault.ErrCorrupt) {
						t.Fatalf("%s %s (call %d): %v", hit, mode, k, err)
					}
					abortErr := batch.Abort(t.Context())
					if !dies && abortErr != nil {
						t.Fatalf("%s %s (call %d): abort: %v", hit, mode, k, abortErr)
					}
				}
				faulty.FailCall(0, Lost, false)
				checkAfter(t, b, hit, k, !dies, left)
				if hit == "" {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				if err == nil && mode == Lost && hit != "abort" && hit != "stat" {
					t.Errorf("call %d (%s) was lost and the commit succeeded", k, hit)
				}
			}
		}
	}
	v, err := vault.Open(t.Context(), b, vault.Passphrase([]byte(pass)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.RemoveLeftovers(t.Context(), "bl_zzzzzzzzzzzzzzzzzzzzzzzzzz", func(string) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	everything(t, v)
	mustRead(t, v, before, kept...)
	for _, c := range acknowledged {
		mustRead(t, v, c, pieces...)
	}
}

// checkAfter: every envelope that is there opens and all its objects can be read; the keyless check finds no damage, and,
// after a proper abort, nothing unlisted that was not left before.
func checkAfter(t *testing.T, b vault.Backend, hit string, k int, aborted bool, left map[string]bool) {
	t.Helper()
	for name, err := range Damages(t, b) {
		if !errors.Is(err, vault.ErrUnlisted) || (aborted && !left[name]) {
			t.Fatalf("%s (call %d): %s: %v", hit, k, name, err)
		}
		left[name] = true
	}
	v, err := vault.Open(t.Context(), b, vault.Passphrase([]byte(pass)))
	if err != nil {
		t.Fatalf("%s (call %d): %v", hit, k, err)
	}
	if k%5 == 0 {
		everything(t, v)
	}
}

// everything checks all objects of all envelopes.
func everything(t *testing.T, v *vault.Vault) {
	t.Helper()
	for id, err := range v.Envelopes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		objects, err := v.Describe(t.Context(), id)
		if err != nil {
			t.Fatalf("envelope %s: %v", id, err)
		}
		for _, o := range objects {
			if err := v.CheckObject(t.Context(), vault.Ref{Object: o.ID, Envelope: id}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// testRekeyCrash lets the process die at each call of a rotation, lost and persisted. At every moment the former or the
// new passphrase opens the vault and everything in it; repeating finishes; then only the new one opens, and
// nothing is sealed to the former identity any more.
func testRekeyCrash(t *testing.T, open func(testing.TB) vault.Backend, step int) {
	pieces := [][]byte{Noise(1, 20), Noise(2, 3000)}
	for _, mode := range []Mode{Lost, Persisted} {
		for _, rotate := range []bool{true, false} {
			b := open(t)
			f := NewVault(t, b)
			if err := f.Vault.PutSecret(t.Context(), "database", []byte("key")); err != nil {
				t.Fatal(err)
			}
			commits := []vault.Commit{Seal(t, f.Vault, pieces...), Seal(t, f.Vault, pieces...)}
			faulty := &Faulty{Backend: b}
			current, next := pass, "pass 1"
			recipient := f.Vault.Recipient()
			for k := 1; ; k += step {
				faulty.FailCall(0, Lost, false)
				v, err := vault.Open(t.Context(), faulty, vault.Passphrase([]byte(current)))
				if err != nil {
					t.Fatalf("%s %d: %v", mode, k, err)
				}
				o := vault.RekeyOptions{Passphrase: []byte(next), WorkFactor: 2, Rotate: rotate, KeyFileRecipients: []string{f.KeyFile.Recipient().String()}}
				faulty.FailCall(k, mode, true)
				err = v.Rekey(t.Context(), o)
				hit := faulty.Hit()
				if hit != "" && err == nil && mode == Lost {
					t.Fatalf("call %d (%s) was lost and rekey succeeded", k, hit)
				}
				// The process is gone. Whoever knows both passphrases, or has the key file, gets in.
				var opened *vault.Vault
				for _, u := range []vault.Unlock{vault.Passphrase([]byte(next)), vault.Passphrase([]byte(current))} {
					if opened, err = vault.Open(t.Context(), b, u); err == nil {
						break
					}
				}
				if err != nil {
					t.Fatalf("%s after call %d (%s): neither passphrase opens: %v", mode, k, hit, err)
				}
				byFile, err := vault.Open(t.Context(), b, vault.KeyFile([]byte(f.KeyFile.String())))
				if err != nil {
					t.Fatalf("%s after call %d (%s): the key file does not open: %v", mode, k, hit, err)
				}
				for _, v := range []*vault.Vault{opened, byFile} {
					for _, c := range commits {
						for i := range pieces {
							if r, err := v.Reader(t.Context(), Ref(c, i)); err != nil {
								t.Fatalf("%s after call %d (%s): %v", mode, k, hit, err)
							} else {
								r.Close()
							}
						}
					}
					if s, err := v.Secret(t.Context(), "database"); err != nil || string(s) != "key" {
						t.Fatalf("%s after call %d (%s): secret: %v", mode, k, hit, err)
					}
				}
				// New material in between is not lost either.
				if k%7 == 1 && len(commits) < 4 {
					commits = append(commits, Seal(t, byFile, pieces...))
				}
				if err := byFile.Rekey(t.Context(), o); err != nil {
					t.Fatalf("%s after call %d (%s): rekey again: %v", mode, k, hit, err)
				}
				clean(t, b)
				if _, err := vault.Open(t.Context(), b, vault.Passphrase([]byte(current))); !errors.Is(err, vault.ErrCannotOpen) {
					t.Fatalf("the former passphrase: %v", err)
				}
				v, err = vault.Open(t.Context(), b, vault.Passphrase([]byte(next)))
				if err != nil {
					t.Fatal(err)
				}
				if v.Rotating() || (v.Recipient() != recipient) != rotate {
					t.Fatalf("rotating %v, recipient changed %v", v.Rotating(), v.Recipient() != recipient)
				}
				recipient = v.Recipient()
				for _, c := range commits {
					mustRead(t, v, c, pieces...)
				}
				if hit == "" {
					break
				}
				current, next = next, next+"1"
			}
		}
	}
}

// testEraseCrash lets the process die at each call of an erasure.
func testEraseCrash(t *testing.T, open func(testing.TB) vault.Backend, step int) {
	b := open(t)
	f := NewVault(t, b)
	faulty := &Faulty{Backend: b}
	pieces := [][]byte{Noise(1, 20), Noise(2, 30)}
	for _, mode := range []Mode{Lost, Persisted} {
		for k := 1; ; k += step {
			c := Seal(t, f.Vault, pieces...)
			faulty.FailCall(0, Lost, false)
			v, err := vault.Open(t.Context(), faulty, vault.Passphrase([]byte(pass)))
			if err != nil {
				t.Fatal(err)
			}
			faulty.FailCall(k, mode, true)
			err = v.Erase(t.Context(), Ref(c, 0))
			hit := faulty.Hit()
			v, openErr := vault.Open(t.Context(), b, vault.Passphrase([]byte(pass)))
			if openErr != nil {
				t.Fatal(openErr)
			}
			got, readErr := ReadAll(context.Background(), v, Ref(c, 0))
			switch {
			case errors.Is(readErr, vault.ErrErased):
			case err == nil || readErr != nil || !bytes.Equal(got, pieces[0]):
				t.Fatalf("%s %s: erase %v, read %v", hit, mode, err, readErr)
			}
			if err := v.Erase(t.Context(), Ref(c, 0)); err != nil {
				t.Fatalf("%s %s: erase again: %v", hit, mode, err)
			}
			if _, err := v.Reader(t.Context(), Ref(c, 0)); !errors.Is(err, vault.ErrErased) {
				t.Fatalf("%s %s: %v", hit, mode, err)
			}
			if got, err := ReadAll(t.Context(), v, Ref(c, 1)); err != nil || !bytes.Equal(got, pieces[1]) {
				t.Fatalf("%s %s: neighbour: %v", hit, mode, err)
			}
			clean(t, b)
			if hit == "" {
				break
			}
		}
	}
}

// liar stores other bytes than it was given, and says that all is well: for one kind of file.
type liar struct {
	vault.Backend
	prefix string
	cut    bool
}

func (l *liar) harm(p []byte) []byte {
	p = bytes.Clone(p)
	if len(p) > 0 {
		if l.cut {
			return p[:len(p)-1]
		}
		p[len(p)/2] ^= 0x10
	}
	return p
}

func (l *liar) Create(ctx context.Context, name string) (vault.BlobWriter, error) {
	w, err := l.Backend.Create(ctx, name)
	if err != nil || !strings.HasPrefix(name, l.prefix) {
		return w, err
	}
	return &liarWriter{w, l}, nil
}

type liarWriter struct {
	vault.BlobWriter
	l *liar
}

func (w *liarWriter) Write(p []byte) (int, error) {
	if _, err := w.BlobWriter.Write(w.l.harm(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *liar) Replace(ctx context.Context, name string, data []byte) error {
	if strings.HasPrefix(name, l.prefix) {
		data = l.harm(data)
	}
	return l.Backend.Replace(ctx, name, data)
}

// testLying: what the device holds is read back, so that a storage that changes or cuts bytes in silence is never believed.
func testLying(t *testing.T, b vault.Backend) {
	NewVault(t, b)
	for _, prefix := range []string{"blob/", "envelope/", "sums/", "secret/"} {
		for _, cut := range []bool{false, true} {
			l := &liar{Backend: b, prefix: "none", cut: cut}
			v, err := vault.Open(t.Context(), l, vault.Passphrase([]byte(pass)))
			if err != nil {
				t.Fatal(err)
			}
			l.prefix = prefix
			batch := v.Begin(t.Context())
			if _, err := batch.Add(t.Context(), bytes.NewReader(Noise(1, 5000)), vault.AddOptions{}); err != nil {
				t.Fatal(err)
			}
			if prefix == "secret/" {
				err = v.PutSecret(t.Context(), "lied", []byte("secret"))
			} else {
				_, err = batch.Commit(t.Context())
			}
			if !errors.Is(err, vault.ErrCorrupt) && !errors.Is(err, vault.ErrFormat) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s (cut %v): the lie was believed: %v", prefix, cut, err)
			}
			if err := batch.Abort(t.Context()); err != nil {
				t.Error(err)
			}
			if err := b.Remove(t.Context(), "secret/lied.age"); err != nil {
				t.Error(err)
			}
		}
	}
}

// testRotatedMeanwhile: whoever has the vault open while another process rotates its key cannot commit to the former
// identity.
func testRotatedMeanwhile(t *testing.T, b vault.Backend) {
	f := NewVault(t, b)
	other, err := vault.Open(t.Context(), b, vault.Passphrase([]byte(pass)))
	if err != nil {
		t.Fatal(err)
	}
	batch := f.Vault.Begin(t.Context())
	if _, err := batch.Add(t.Context(), bytes.NewReader(Noise(1, 50)), vault.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := other.Rekey(t.Context(), vault.RekeyOptions{Passphrase: []byte(pass), WorkFactor: 2, Rotate: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := batch.Commit(t.Context()); !errors.Is(err, vault.ErrForeign) {
		t.Errorf("commit after a rotation by another process: %v", err)
	}
	if err := batch.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	if err := f.Vault.PutSecret(t.Context(), "late", []byte("x")); !errors.Is(err, vault.ErrForeign) {
		t.Errorf("secret after a rotation by another process: %v", err)
	}
}

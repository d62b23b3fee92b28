package vaulttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"filippo.io/age"

	"zapis/internal/archive"
	"zapis/internal/vault"
)

// testFlips inverts single bits in every kind of file: the keyless check names the file every time, and nothing that is
// read with keys is ever wrong.
func testFlips(t *testing.T, b vault.Backend, perFile int) {
	ctx := t.Context()
	f := NewVault(t, b)
	if err := f.Vault.PutSecret(ctx, "record", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	pieces := [][]byte{Noise(1, 10), Noise(2, Segment+70_000), Noise(3, 65_536)}
	c := Seal(t, f.Vault, pieces...)
	clean(t, b)
	rnd := rand.New(rand.NewPCG(4, 4))
	flips, found := 0, 0
	for _, name := range Names(t, b, "") {
		size := len(contents(t, b, name))
		for _, at := range positions(rnd, name, size, c, perFile) {
			flips++
			restore := change(t, b, name, func(p []byte) []byte { p[at] ^= 1 << rnd.IntN(8); return p })
			hit := Damages(t, b)
			if hit[name] != nil || (name == "sums/vault" && hit["sums/vault"] != nil) {
				found++
			} else {
				t.Errorf("%s: flip in byte %d is not named: %v", name, at, hit)
			}
			flipWithKeys(t, b, name, at, c, pieces)
			restore()
		}
	}
	clean(t, b)
	t.Logf("%d of %d flips found and named", found, flips)
}

// positions picks bytes of a file: all the edges that are known, then by chance.
func positions(rnd *rand.Rand, name string, size int, c vault.Commit, n int) []int {
	at := []int{0, size - 1}
	for _, o := range c.Objects {
		for _, s := range o.Segments {
			if name == vault.BlobName(s.Blob) {
				end := int(s.Offset + s.Length)
				// The version line, the stanza, the header's MAC, the nonce, the first chunk, its tag, the end.
				at = append(at, int(s.Offset), int(s.Offset)+30, int(s.Offset)+1000, int(s.Offset)+1640, int(s.Offset)+1700, end-17, end-1)
			}
		}
	}
	for len(at) < n {
		at = append(at, rnd.IntN(size))
	}
	if len(at) > n {
		rnd.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
		at = at[:n]
	}
	return at
}

// flipWithKeys: opening, describing, reading either fail with an integrity error that names the place, or give the
// right bytes.
func flipWithKeys(t *testing.T, b vault.Backend, name string, at int, c vault.Commit, pieces [][]byte) {
	t.Helper()
	v, err := vault.Open(t.Context(), b, vault.Passphrase([]byte(pass)))
	if name == "vault.json" || name == "key/passphrase.age" {
		if err == nil {
			t.Errorf("%s: flip in byte %d: the vault opens", name, at)
		} else if !errors.Is(err, vault.ErrFormat) && !errors.Is(err, vault.ErrForeign) && !errors.Is(err, vault.ErrCorrupt) && !errors.Is(err, vault.ErrCannotOpen) {
			t.Errorf("%s: flip in byte %d: %v", name, at, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: flip in byte %d: open: %v", name, at, err)
		return
	}
	envelopeErr := v.CheckEnvelope(t.Context(), c.Envelope)
	touchesEnvelope := name == vault.EnvelopeName(c.Envelope) || name == vault.SumsName(c.Envelope)
	if touchesEnvelope != (envelopeErr != nil) || (envelopeErr != nil && !errors.Is(envelopeErr, archive.ErrIntegrity)) {
		t.Errorf("%s: flip in byte %d: check envelope: %v", name, at, envelopeErr)
	}
	for i, o := range c.Objects {
		hit := -1
		for _, s := range o.Segments {
			if name == vault.BlobName(s.Blob) && int64(at) >= s.Offset && int64(at) < s.Offset+s.Length {
				hit = s.Index
			}
		}
		err := v.CheckObject(t.Context(), Ref(c, i), nil)
		var ce *vault.CorruptError
		switch {
		case name == vault.EnvelopeName(c.Envelope):
			if !errors.Is(err, vault.ErrCorrupt) {
				t.Errorf("%s: flip in byte %d: check object: %v", name, at, err)
			}
		case hit >= 0:
			if !errors.As(err, &ce) || ce.Object != o.ID || ce.Segment != hit || !errors.Is(err, vault.ErrCorrupt) {
				t.Errorf("%s: flip in byte %d, object %d segment %d: check object: %v", name, at, i, hit, err)
			}
			got, err := ReadAll(t.Context(), v, Ref(c, i))
			if err == nil || !bytes.Equal(got, pieces[i][:len(got)]) {
				t.Errorf("%s: flip in byte %d: read gave %d bytes and %v", name, at, len(got), err)
			}
		case err != nil:
			t.Errorf("%s: flip in byte %d hit object %d: %v", name, at, i, err)
		}
	}
}

// testDamage: cuts, exchanges, absence, foreign pieces.
func testDamage(t *testing.T, b, other vault.Backend) {
	ctx := t.Context()
	f, g := NewVault(t, b), NewVault(t, other)
	p := Noise(1, 2*Segment+9)
	c1 := Seal(t, f.Vault, p, Noise(2, 50))
	c2 := Seal(t, f.Vault, Noise(3, 2*Segment+9))
	foreign := Seal(t, g.Vault, Noise(4, 2*Segment+9))
	if len(c1.Blobs) < 2 || len(c2.Blobs) != len(foreign.Blobs) {
		t.Fatal("the test wants several blobs")
	}
	blob, last := c1.Blobs[0], c1.Blobs[len(c1.Blobs)-1]
	find := func(what, name string, segment int) {
		t.Helper()
		if hit := Damages(t, b); !errors.Is(hit[name], vault.ErrCorrupt) || !errors.Is(hit[name], archive.ErrIntegrity) {
			t.Errorf("%s: keyless check: %v", what, hit)
		}
		err := f.Vault.CheckObject(ctx, Ref(c1, 0), nil)
		var ce *vault.CorruptError
		if !errors.As(err, &ce) || ce.Segment != segment || ce.Object != c1.Objects[0].ID {
			t.Errorf("%s: check object: %v", what, err)
		}
	}
	restore := change(t, b, vault.BlobName(last.Name), func(p []byte) []byte { return p[:len(p)-1] })
	if hit := Damages(t, b); hit[vault.BlobName(last.Name)] == nil {
		t.Error("a cut blob is not found")
	}
	if err := vault.CheckBlob(ctx, b, last, nil); !errors.Is(err, vault.ErrCorrupt) || !strings.Contains(err.Error(), last.Name) {
		t.Errorf("check of a cut blob: %v", err)
	}
	restore()
	restore = change(t, b, vault.BlobName(blob.Name), func(p []byte) []byte { return p[:100] })
	find("cut to 100 bytes", vault.BlobName(blob.Name), 0)
	restore()
	restore = change(t, b, vault.BlobName(blob.Name), func(p []byte) []byte { return append(p, 0) })
	if err := vault.CheckBlob(ctx, b, blob, nil); !errors.Is(err, vault.ErrCorrupt) {
		t.Errorf("a longer blob: %v", err)
	}
	restore()
	restore = change(t, b, vault.BlobName(blob.Name), func([]byte) []byte { return contents(t, b, vault.BlobName(c2.Blobs[0].Name)) })
	find("exchanged for another blob", vault.BlobName(blob.Name), 0)
	restore()
	restore = change(t, b, vault.BlobName(blob.Name), func([]byte) []byte { return contents(t, other, vault.BlobName(foreign.Blobs[0].Name)) })
	find("exchanged for a foreign blob", vault.BlobName(blob.Name), 0)
	restore()
	was := contents(t, b, vault.BlobName(blob.Name))
	if err := b.Remove(ctx, vault.BlobName(blob.Name)); err != nil {
		t.Fatal(err)
	}
	find("missing", vault.BlobName(blob.Name), 0)
	if err := vault.CheckBlob(ctx, b, blob, nil); !errors.Is(err, vault.ErrCorrupt) {
		t.Errorf("check of a missing blob: %v", err)
	}
	if err := b.Replace(ctx, vault.BlobName(blob.Name), was); err != nil {
		t.Fatal(err)
	}

	// Envelopes: exchanged within the vault, and one of another vault.
	name := vault.EnvelopeName(c1.Envelope)
	for what, with := range map[string][]byte{
		"another envelope": contents(t, b, vault.EnvelopeName(c2.Envelope)),
		"foreign envelope": contents(t, other, vault.EnvelopeName(foreign.Envelope)),
		"nothing":          {},
	} {
		restore := change(t, b, name, func([]byte) []byte { return with })
		if _, err := f.Vault.Reader(ctx, Ref(c1, 0)); !errors.Is(err, vault.ErrCorrupt) && !errors.Is(err, vault.ErrForeign) {
			t.Errorf("%s in place of an envelope: %v", what, err)
		}
		if hit := Damages(t, b); !errors.Is(hit[name], vault.ErrCorrupt) {
			t.Errorf("%s in place of an envelope: %v", what, hit)
		}
		restore()
	}
	// A forged envelope: the vault's recipient is public. It must not pass as well formed with impossible numbers.
	r, err := age.ParseHybridRecipient(f.Vault.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{}", "null", `{"format":1,"vault":"` + f.Vault.ID() + `","envelope":"` + c1.Envelope + `","blobs":null,"objects":null,"erased":null}` + "\n"} {
		restore := change(t, b, name, func([]byte) []byte { return sealTo(t, r, text) })
		if _, err := f.Vault.Reader(ctx, Ref(c1, 0)); !errors.Is(err, vault.ErrFormat) {
			t.Errorf("forged envelope %q: %v", text, err)
		}
		restore()
	}
	// Files that nobody lists, sums that are gone.
	if err := b.Replace(ctx, vault.BlobName(archive.NewID("bl")), []byte("x")); err != nil {
		t.Fatal(err)
	}
	sums := contents(t, b, vault.SumsName(c2.Envelope))
	if err := b.Remove(ctx, vault.SumsName(c2.Envelope)); err != nil {
		t.Fatal(err)
	}
	unlisted := 0
	for _, err := range Damages(t, b) {
		if errors.Is(err, vault.ErrUnlisted) {
			unlisted++
		}
	}
	if unlisted != 2+len(c2.Blobs) {
		t.Errorf("%d unlisted files found", unlisted)
	}
	if err := f.Vault.CheckEnvelope(ctx, c2.Envelope); !errors.Is(err, vault.ErrCorrupt) {
		t.Errorf("envelope without sums: %v", err)
	}
	if err := f.Vault.RepairSums(ctx, c2.Envelope); err != nil || !bytes.Equal(contents(t, b, vault.SumsName(c2.Envelope)), sums) {
		t.Errorf("repaired sums: %v", err)
	}
	if err := f.Vault.CheckEnvelope(ctx, c2.Envelope); err != nil {
		t.Error(err)
	}
	mustRead(t, f.Vault, c1, p)
	// Identifiers from outside never become paths.
	for _, ref := range []vault.Ref{{}, {Object: "../x", Envelope: c1.Envelope}, {Object: c1.Objects[0].ID, Envelope: "../../etc/passwd"}} {
		if _, err := f.Vault.Reader(ctx, ref); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("reader of %q: %v", ref, err)
		}
	}
}

func sealTo(t testing.TB, r age.Recipient, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := age.Encrypt(&buf, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Independent opens an object with the age library alone, by the description of the format: key file, vault identity,
// envelope, object identity, segments. It shares no code with package vault but the names of files.
func Independent(b vault.Backend, keyFile age.Identity, slot, envelope, object string) ([]byte, error) {
	ctx := context.Background()
	open := func(data []byte, ids ...age.Identity) ([]byte, error) {
		r, err := age.Decrypt(bytes.NewReader(data), ids...)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	get := func(name string) ([]byte, error) {
		r, err := b.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	}
	sealed, err := get(slot)
	if err != nil {
		return nil, err
	}
	text, err := open(sealed, keyFile)
	if err != nil {
		return nil, fmt.Errorf("vault key: %w", err)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if sealed, err = get(vault.EnvelopeName(envelope)); err != nil {
		return nil, err
	}
	text, err = open(sealed, ids...)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	var e struct {
		Objects []struct {
			Object, Identity, SHA256 string
			Segments                 []struct {
				Blob           string
				Offset, Length int64
			}
		}
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	for _, o := range e.Objects {
		if o.Object != object {
			continue
		}
		id, err := age.ParseHybridIdentity(o.Identity)
		if err != nil {
			return nil, err
		}
		var plain []byte
		for _, s := range o.Segments {
			blob, err := get(vault.BlobName(s.Blob))
			if err != nil {
				return nil, err
			}
			part, err := open(blob[s.Offset:s.Offset+s.Length], id)
			if err != nil {
				return nil, err
			}
			plain = append(plain, part...)
		}
		if fmt.Sprintf("%x", sha256.Sum256(plain)) != o.SHA256 {
			return nil, errors.New("other digest")
		}
		return plain, nil
	}
	return nil, fmt.Errorf("object is not listed in %d bytes of envelope", len(text))
}

func slotOf(f Fixture) string {
	return "key/file-" + vault.Fingerprint(f.KeyFile.Recipient().String()) + ".age"
}

func testErase(t *testing.T, b vault.Backend) {
	ctx := t.Context()
	f := NewVault(t, b)
	pieces := [][]byte{Noise(1, 10), Noise(2, Segment+1), Noise(3, 30)}
	c := Seal(t, f.Vault, pieces...)
	if got, err := Independent(b, f.KeyFile, slotOf(f), c.Envelope, c.Objects[1].ID); err != nil || !bytes.Equal(got, pieces[1]) {
		t.Fatalf("before: the age library does not open the object: %v", err)
	}
	second, err := vault.Open(ctx, b, vault.KeyFile([]byte(f.KeyFile.String())))
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, second, c, pieces...) // the envelope is now in its memory
	for range 2 {
		if err := f.Vault.Erase(ctx, Ref(c, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []*vault.Vault{f.Vault, second} {
		if _, err := v.Reader(ctx, Ref(c, 1)); !errors.Is(err, vault.ErrErased) {
			t.Errorf("reader after erase: %v", err)
		}
		for _, i := range []int{0, 2} {
			if got, err := ReadAll(ctx, v, Ref(c, i)); err != nil || !bytes.Equal(got, pieces[i]) {
				t.Errorf("neighbour %d after erase: %v", i, err)
			}
		}
	}
	if _, err := Independent(b, f.KeyFile, slotOf(f), c.Envelope, c.Objects[1].ID); err == nil || !strings.Contains(err.Error(), "not listed") {
		t.Errorf("after: the age library: %v", err)
	}
	if err := f.Vault.Erase(ctx, vault.Ref{Object: archive.NewID("ob"), Envelope: c.Envelope}); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("erase of what never was: %v", err)
	}
	if d, err := f.Vault.Describe(ctx, c.Envelope); err != nil || len(d) != 2 {
		t.Errorf("describe after erase: %d, %v", len(d), err)
	}
	if err := f.Vault.CheckEnvelope(ctx, c.Envelope); err != nil {
		t.Error(err)
	}
	clean(t, b)
}

func testHeal(t *testing.T, b, replica vault.Backend) {
	ctx := t.Context()
	f := NewVault(t, b)
	p := Noise(1, 3*Segment)
	c := Seal(t, f.Vault, p)
	if _, err := vault.Mirror(ctx, b, replica, vault.MirrorOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, blob := range c.Blobs {
		name := vault.BlobName(blob.Name)
		if i == 0 {
			if err := b.Remove(ctx, name); err != nil {
				t.Fatal(err)
			}
		} else {
			change(t, b, name, func(p []byte) []byte { p[len(p)/2] ^= 4; return p })
		}
		if err := f.Vault.Heal(ctx, blob, replica); err != nil {
			t.Fatalf("heal %d: %v", i, err)
		}
		if err := vault.CheckBlob(ctx, b, blob, nil); err != nil {
			t.Error(err)
		}
	}
	mustRead(t, f.Vault, c, p)
	clean(t, b)
	// A replica that is damaged, too, changes nothing.
	blob := c.Blobs[0]
	name := vault.BlobName(blob.Name)
	change(t, replica, name, func(p []byte) []byte { p[9] ^= 1; return p })
	restore := change(t, b, name, func(p []byte) []byte { p[8] ^= 1; return p })
	damaged := contents(t, b, name)
	if err := f.Vault.Heal(ctx, blob, replica); !errors.Is(err, vault.ErrCorrupt) {
		t.Errorf("heal from a damaged replica: %v", err)
	}
	if !bytes.Equal(contents(t, b, name), damaged) {
		t.Error("a refused healing changed the blob")
	}
	restore()
	// Envelopes heal only to the digest that is known.
	name = vault.EnvelopeName(c.Envelope)
	if err := b.Remove(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := f.Vault.HealEnvelope(ctx, c.Envelope, [32]byte{1}, replica); !errors.Is(err, vault.ErrCorrupt) {
		t.Errorf("heal of an envelope to another digest: %v", err)
	}
	if err := f.Vault.HealEnvelope(ctx, c.Envelope, c.EnvelopeSHA256, replica); err != nil {
		t.Error(err)
	}
	mustRead(t, f.Vault, c, p)
	clean(t, b)
}

func testMirror(t *testing.T, b, replica, foreign vault.Backend) {
	ctx := t.Context()
	f := NewVault(t, b)
	if err := f.Vault.PutSecret(ctx, "database", []byte("k")); err != nil {
		t.Fatal(err)
	}
	pieces := [][]byte{Noise(1, 3*Segment), Noise(2, 7)}
	c := Seal(t, f.Vault, pieces...)
	total := len(Names(t, b, ""))
	// Interrupted at every call, then finished.
	faulty := &Faulty{Backend: replica}
	for k := 1; ; k += 3 {
		faulty.FailCall(k, Lost, true)
		_, err := vault.Mirror(ctx, b, faulty, vault.MirrorOptions{})
		if faulty.Hit() == "" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	rep, err := vault.Mirror(ctx, b, replica, vault.MirrorOptions{Reread: true})
	if err != nil || rep.Copied != 0 || rep.Present != total {
		t.Errorf("mirror again: %+v, %v", rep, err)
	}
	same := func() {
		t.Helper()
		clean(t, replica)
		names := Names(t, b, "")
		if got := Names(t, replica, ""); len(got) != len(names) {
			t.Errorf("mirror has %d files, the vault %d", len(got), len(names))
		}
		for _, name := range names {
			if !bytes.Equal(contents(t, b, name), contents(t, replica, name)) {
				t.Errorf("%s differs", name)
			}
		}
	}
	same()
	// An erasure and a change of keys follow.
	if err := f.Vault.Erase(ctx, Ref(c, 1)); err != nil {
		t.Fatal(err)
	}
	if err := f.Vault.Rekey(ctx, vault.RekeyOptions{Passphrase: []byte("new"), WorkFactor: 2}); err != nil {
		t.Fatal(err)
	}
	rep, err = vault.Mirror(ctx, b, replica, vault.MirrorOptions{Known: func(string, [32]byte) bool { return false }})
	if err != nil || len(rep.Damaged) != 1 {
		t.Errorf("mirror of an envelope that is not known: %+v, %v", rep, err)
	}
	if rep, err = vault.Mirror(ctx, b, replica, vault.MirrorOptions{}); err != nil || rep.Removed+len(rep.Damaged) > 1 {
		t.Errorf("mirror of changes: %+v, %v", rep, err)
	}
	same()
	w, err := vault.Open(ctx, replica, vault.Passphrase([]byte("new")))
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, w, c, pieces[0])
	if _, err := w.Reader(ctx, Ref(c, 1)); !errors.Is(err, vault.ErrErased) {
		t.Errorf("erased object in the mirror: %v", err)
	}
	// Damage does not travel, loss does not travel.
	name := vault.BlobName(c.Blobs[0].Name)
	good := contents(t, b, name)
	change(t, b, name, func(p []byte) []byte { p[5] ^= 1; return p })
	if err := replica.Remove(ctx, vault.BlobName(c.Blobs[1].Name)); err != nil {
		t.Fatal(err)
	}
	env := vault.EnvelopeName(c.Envelope)
	sealed := contents(t, b, env)
	if err := b.Remove(ctx, env); err != nil {
		t.Fatal(err)
	}
	rep, err = vault.Mirror(ctx, b, replica, vault.MirrorOptions{})
	if err != nil || len(rep.Damaged) != 1 || rep.Damaged[0] != env {
		t.Errorf("mirror of a damaged vault: %+v, %v", rep, err)
	}
	if !bytes.Equal(contents(t, replica, env), sealed) || !bytes.Equal(contents(t, replica, name), good) {
		t.Error("damage or loss reached the mirror")
	}
	clean(t, replica)
	if err := replica.Remove(ctx, name); err != nil {
		t.Fatal(err)
	}
	rep, err = vault.Mirror(ctx, b, replica, vault.MirrorOptions{})
	if err != nil || len(rep.Damaged) != 2 {
		t.Errorf("mirror of a damaged blob: %+v, %v", rep, err)
	}
	if _, err := replica.Stat(ctx, name); !errors.Is(err, vault.ErrNotFound) {
		t.Error("a damaged blob was copied")
	}
	// Not over another vault.
	NewVault(t, foreign)
	if _, err := vault.Mirror(ctx, b, foreign, vault.MirrorOptions{}); !errors.Is(err, vault.ErrForeign) {
		t.Errorf("mirror over another vault: %v", err)
	}
}

func testLeftovers(t *testing.T, b vault.Backend) {
	ctx := t.Context()
	f := NewVault(t, b)
	p := Noise(1, Segment+5)
	c := Seal(t, f.Vault, p)
	for range 3 {
		if err := b.Replace(ctx, vault.BlobName(archive.NewID("bl")), Noise(2, 100)); err != nil {
			t.Fatal(err)
		}
	}
	later := "bl_zzzzzzzzzzzzzzzzzzzzzzzzzz"
	if got, err := f.Vault.Leftovers(ctx, "bl_0"); err != nil || len(got) != 0 {
		t.Errorf("leftovers before the beginning: %v, %v", got, err)
	}
	got, err := f.Vault.Leftovers(ctx, later)
	if err != nil || len(got) == 0 {
		t.Fatalf("leftovers: %v, %v", got, err)
	}
	// The catalogue has the last word.
	n, _, err := f.Vault.RemoveLeftovers(ctx, later, func(string) (bool, error) { return true, nil })
	if err != nil || n != 0 {
		t.Errorf("removed %d known blobs: %v", n, err)
	}
	// An envelope that does not open stops everything.
	restore := change(t, b, vault.EnvelopeName(c.Envelope), func(p []byte) []byte { p[len(p)-1] ^= 1; return p })
	if n, _, err := f.Vault.RemoveLeftovers(ctx, later, func(string) (bool, error) { return false, nil }); err == nil || n != 0 {
		t.Errorf("leftovers beside a damaged envelope: %d, %v", n, err)
	}
	restore()
	// Sums alone protect, too.
	sealed := contents(t, b, vault.EnvelopeName(c.Envelope))
	if err := b.Remove(ctx, vault.EnvelopeName(c.Envelope)); err != nil {
		t.Fatal(err)
	}
	n, size, err := f.Vault.RemoveLeftovers(ctx, later, func(string) (bool, error) { return false, nil })
	if err != nil || n != 3 || len(got) != 3 || size != 300 {
		t.Errorf("removed %d of %d leftovers, %d bytes: %v", n, len(got), size, err)
	}
	if err := b.Replace(ctx, vault.EnvelopeName(c.Envelope), sealed); err != nil {
		t.Fatal(err)
	}
	mustRead(t, f.Vault, c, p)
	clean(t, b)
}

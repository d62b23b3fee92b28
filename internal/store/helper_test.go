package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

var (
	ctx      = context.Background()
	all      = storetest.Everything
	noon     = time.Date(2020, 7, 27, 12, 0, 0, 123456000, time.UTC)
	errLeave = errors.New("leave without committing")
)

func newID(prefix string) string { return archive.NewID(prefix) }

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// newCommit is what a batch of n one-segment objects puts into the vault.
func newCommit(n int) vault.Commit {
	c := vault.Commit{Envelope: newID(archive.PrefixEnvelope), EnvelopeSize: 900, EnvelopeSHA256: sha256.Sum256([]byte("envelope"))}
	blob := vault.Blob{Name: newID(archive.PrefixBlob), Size: int64(n) * 1100, SHA256: sha256.Sum256([]byte("blob"))}
	c.Blobs = append(c.Blobs, blob)
	for i := range n {
		o := vault.Object{ID: newID(archive.PrefixObject), Envelope: c.Envelope, Size: 1000}
		o.SHA256 = sha256.Sum256([]byte(o.ID))
		o.Segments = []vault.Segment{{Index: 0, Blob: blob.Name, Offset: int64(i) * 1100, Length: 1100, PlainLength: 1000, PlainSHA256: o.SHA256}}
		c.Objects = append(c.Objects, o)
	}
	return c
}

// addAccession adds an open accession.
func addAccession(t testing.TB, tx *store.Tx) archive.Accession {
	t.Helper()
	a, err := tx.AddAccession(ctx, archive.Accession{ID: newID(archive.PrefixAccession), Title: "A disk", CreatedAt: noon, CreatedBy: newID(archive.PrefixAgent)})
	must(t, err)
	return a
}

// addItem adds an item with an object of its own.
func addItem(t testing.TB, tx *store.Tx, accession string, change func(*archive.Item)) archive.Item {
	t.Helper()
	c := newCommit(1)
	must(t, tx.AddCommit(ctx, c, store.ObjectOriginal))
	o := c.Objects[0]
	i := archive.Item{
		ID: newID(archive.PrefixItem), Accession: accession, Size: o.Size, SHA256: o.SHA256[:],
		Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: noon,
	}
	if change != nil {
		change(&i)
	}
	must(t, tx.AddItem(ctx, &i))
	return i
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is checks an error against a sentinel.
func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// inTx runs f in a transaction that is given up, so that a test of many cases needs one database.
func inTx(t testing.TB, db *store.DB, f func(tx *store.Tx)) {
	t.Helper()
	err := db.Write(ctx, func(tx *store.Tx) error {
		f(tx)
		return errLeave
	})
	if !errors.Is(err, errLeave) {
		t.Fatal(err)
	}
}

// noRollupFaults checks the roll-up against the items.
func noRollupFaults(t testing.TB, tx *store.Tx) {
	t.Helper()
	faults, err := tx.RollupFaults(ctx)
	must(t, err)
	if len(faults) > 0 {
		t.Errorf("roll-up: %+v", faults)
	}
}

// Package storetest holds databases for tests, synthetic items for measurements, and the suite that both engines pass.
//
// It guarantees a fresh database per call: SQLite in a temporary folder, PostgreSQL on a server of its own, started
// once per test program under an unprivileged user and ended with it, each database copied from a template.
//
// It is for tests only. Without PostgreSQL installed its half is skipped, unless ZAPIS_TEST_REQUIRE=1 says that
// skipping is not allowed.
package storetest

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/store"
)

// VaultID is the vault that the databases made here belong to.
const VaultID = "va_00000000000000000000000001"

// SQLite gives options for a new, empty place.
func SQLite(t testing.TB) store.Options {
	t.Helper()
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	return store.Options{URL: "sqlite://" + filepath.Join(t.TempDir(), "zapis.db"), Key: key}
}

// Empty gives options for a new, empty place of an engine.
func Empty(t testing.TB, engine string) store.Options {
	t.Helper()
	if engine == store.PostgreSQL {
		return store.Options{URL: Postgres(t)}
	}
	return SQLite(t)
}

// Open gives a new database of an engine with its schema made; it is closed at the end of the test.
func Open(t testing.TB, engine string) *store.DB {
	t.Helper()
	db, _ := OpenWith(t, engine, nil)
	return db
}

// OpenWith is Open with the options changed before, and gives the options to open it again.
func OpenWith(t testing.TB, engine string, change func(*store.Options)) (*store.DB, store.Options) {
	t.Helper()
	var o store.Options
	made := engine == store.PostgreSQL
	if made {
		o.URL = postgresFrom(t, true)
	} else {
		o = SQLite(t)
	}
	if change != nil {
		change(&o)
	}
	open := func() (*store.DB, error) {
		if made {
			return store.Open(context.Background(), o)
		}
		return store.Create(context.Background(), o, VaultID)
	}
	db, err := open()
	if err != nil {
		t.Fatalf("open %s: %v", engine, err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, o
}

// Each runs f on both engines, in parallel.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachEngine(t, func(t *testing.T, engine string) { f(t, Open(t, engine)) })
}

// EachEngine runs f for both engines, in parallel.
func EachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	t.Helper()
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f(t, engine)
		})
	}
}

// Everything is the scope that hides nothing but what is erased.
var Everything = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}

// Write runs f in a transaction and fails the test if it does not succeed.
func Write(t testing.TB, db *store.DB, f func(*store.Tx) error) {
	t.Helper()
	if err := db.Write(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// Read runs f on a snapshot and fails the test if it does not succeed.
func Read(t testing.TB, db *store.DB, f func(*store.Tx) error) {
	t.Helper()
	if err := db.Read(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

package migrate_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/ncruces/go-sqlite3/driver"

	"zapis/internal/store/migrate"
)

func TestSetsHaveEqualNumbers(t *testing.T) {
	t.Parallel()
	names := func(dir string) []string {
		found, err := filepath.Glob(dir + "/*.sql")
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v %v", dir, found, err)
		}
		for i, f := range found {
			found[i] = filepath.Base(f)
		}
		return found
	}
	if a, b := names("sqlite"), names("postgres"); !slices.Equal(a, b) {
		t.Errorf("%v and %v", a, b)
	}
}

func TestUpAndCheck(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	set := func(files fstest.MapFS) migrate.Set {
		t.Helper()
		s, err := migrate.NewSet(files)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	file := func(text string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("-- +goose Up\n" + text), Mode: fs.FileMode(0o444)}
	}
	one := set(fstest.MapFS{"0001_create_a.sql": file("CREATE TABLE a (x INTEGER);\nINSERT INTO a VALUES (7);")})
	two := set(fstest.MapFS{
		"0001_create_a.sql": file("CREATE TABLE a (x INTEGER);\nINSERT INTO a VALUES (7);"),
		"0002_rename_x.sql": file("ALTER TABLE a RENAME COLUMN x TO y;"),
	})
	broken := set(fstest.MapFS{
		"0001_create_a.sql": file("CREATE TABLE a (x INTEGER);\nINSERT INTO a VALUES (7);"),
		"0002_half.sql":     file("CREATE TABLE b (x INTEGER);\nINSERT INTO nowhere VALUES (1);"),
	})
	altered := set(fstest.MapFS{"0001_create_a.sql": file("CREATE TABLE a (x INTEGER, z INTEGER);")})

	db, err := driver.Open("file:" + filepath.Join(t.TempDir(), "plain.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	is := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	is("nothing yet", one.Check(ctx, db), migrate.ErrNone)
	is("first", one.Up(ctx, db), nil)
	is("again", one.Up(ctx, db), nil)
	is("altered", altered.Check(ctx, db), migrate.ErrAltered)
	is("altered is not built upon", altered.Up(ctx, db), migrate.ErrAltered)
	is("pending", two.Check(ctx, db), migrate.ErrPending)
	if err := broken.Up(ctx, db); err == nil {
		t.Error("a migration that fails went through")
	}
	var n int
	if err := db.QueryRow(`SELECT COUNT(*) FROM sqlite_schema WHERE name = 'b'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("half a migration stayed: %d %v", n, err)
	}
	is("second", two.Up(ctx, db), nil)
	if err := db.QueryRow(`SELECT y FROM a`).Scan(&n); err != nil || n != 7 {
		t.Errorf("data became %d, %v", n, err)
	}
	is("older program", one.Check(ctx, db), migrate.ErrNewer)
	is("older program does not touch it", one.Up(ctx, db), migrate.ErrNewer)
}

package writeahead_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"

	"zapis/internal/store/writeahead"
)

const key = "PRAGMA hexkey='e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'"

// disk keeps all that reaches two files of SQLite, in order, so that the power can be cut after any of it.
type disk struct {
	vfs.VFS
	mu   sync.Mutex
	acts []act
}

type act struct {
	wal  bool
	kind byte // 'w' write, 's' sync, 't' truncate
	off  int64
	data []byte
}

func (d *disk) put(a act) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acts = append(d.acts, a)
}

func (d *disk) done() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.acts)
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil || flags&(vfs.OPEN_WAL|vfs.OPEN_MAIN_DB) == 0 {
		return f, flags, err
	}
	return &drawn{f, d, flags&vfs.OPEN_WAL != 0}, flags, nil
}

type drawn struct {
	vfs.File
	d   *disk
	wal bool
}

func (f *drawn) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *drawn) WriteAt(p []byte, off int64) (int, error) {
	f.d.put(act{f.wal, 'w', off, append([]byte(nil), p...)})
	return f.File.WriteAt(p, off)
}
func (f *drawn) Truncate(size int64) error {
	f.d.put(act{f.wal, 't', size, nil})
	return f.File.Truncate(size)
}
func (f *drawn) Sync(flags vfs.SyncFlag) error {
	err := f.File.Sync(flags)
	f.d.put(act{f.wal, 's', 0, nil})
	return err
}

// after gives what the files hold when the power fails after n acts: all that was synced, and of the rest what keep says.
func (d *disk) after(n int, keep func() bool) (db, wal []byte) {
	var files [2]vfsutil.SliceFile
	var synced [2]int
	which := func(a act) int {
		if a.wal {
			return 1
		}
		return 0
	}
	for i, a := range d.acts[:n] {
		if a.kind == 's' {
			synced[which(a)] = i
		}
	}
	for i, a := range d.acts[:n] {
		w := which(a)
		if i > synced[w] && !keep() {
			continue
		}
		switch a.kind {
		case 'w':
			_, _ = files[w].WriteAt(a.data, a.off)
		case 't':
			_ = files[w].Truncate(a.off)
		}
	}
	return files[0], files[1]
}

func open(t *testing.T, system, path string, more string) *sqlite3.Conn {
	t.Helper()
	c, err := sqlite3.Open("file:" + path + "?vfs=" + system)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Exec(key + "; PRAGMA synchronous=full; PRAGMA temp_store=memory; " + more); err != nil {
		t.Fatal(err)
	}
	return c
}

func number(t *testing.T, c *sqlite3.Conn, query string) (n int, err error) {
	t.Helper()
	s, _, err := c.Prepare(query)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if s.Step() {
		n = s.ColumnInt(0)
	}
	return n, s.Err()
}

// TestPowerCut: SQLite writes through this layer into an encrypted file, with a cache so small that unfinished
// transactions reach the file, with transactions taken back and with checkpoints; the power fails after every act on the
// disk. Whatever was confirmed is there, and nothing is damaged.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	d := &disk{VFS: vfs.Find("")}
	vfs.Register("cut", writeahead.Wrap(adiantum.Wrap(d, nil)))
	t.Cleanup(func() { vfs.Unregister("cut") })
	c := open(t, "cut", filepath.Join(t.TempDir(), "db"), "PRAGMA journal_mode=wal; PRAGMA cache_size=10; PRAGMA wal_autocheckpoint=60; CREATE TABLE t (n INTEGER PRIMARY KEY, v BLOB)")
	type confirmed struct{ acts, rows int }
	said := []confirmed{{d.done(), 0}}
	random := rand.New(rand.NewPCG(1, 2))
	rows := 0
	for k := range 24 {
		n, end := 1+random.IntN(40), "COMMIT"
		if k%5 == 3 {
			end = "ROLLBACK"
		}
		// Every row is changed after the others were written, so that pages are written twice within the transaction.
		err := c.Exec(fmt.Sprintf(`BEGIN IMMEDIATE;
			WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i < %d) INSERT INTO t SELECT %d+i, randomblob(900) FROM r;
			UPDATE t SET v = randomblob(901) WHERE n %% 7 = %d; %s`, n, rows, k%7, end))
		if err != nil {
			t.Fatal(err)
		}
		if end == "COMMIT" {
			rows += n
			said = append(said, confirmed{d.done(), rows})
		}
	}
	held := 0
	for _, a := range d.acts {
		if a.wal && a.kind == 'w' {
			held++
		}
	}
	if len(d.acts) < 500 || held < 300 {
		t.Fatalf("%d acts, %d of them in the write-ahead file: this tries little", len(d.acts), held)
	}
	dir := t.TempDir()
	step := 1
	if testing.Short() {
		step = 17
	}
	for n := said[0].acts; n <= len(d.acts); n += step {
		due := 0
		for _, s := range said {
			if s.acts <= n {
				due = s.rows
			}
		}
		kind := [...]func() bool{
			func() bool { return false },
			func() bool { return random.IntN(2) == 0 },
			func() bool { return true },
		}[n%3]
		db, wal := d.after(n, kind)
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := errors.Join(os.WriteFile(path, db, 0o600), os.WriteFile(path+"-wal", wal, 0o600)); err != nil {
			t.Fatal(err)
		}
		again := open(t, "adiantum", path, "PRAGMA synchronous=off") // we do not cut the power of this one
		got, err := number(t, again, "SELECT count(*) FROM t")
		if err != nil || got < due {
			t.Errorf("power fails after act %d of %d: %d rows of %d that were confirmed (%v)", n, len(d.acts), got, due, err)
		}
		if bad, err := number(t, again, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); err != nil || bad != 0 {
			t.Errorf("power fails after act %d of %d: the database is damaged (%v)", n, len(d.acts), err)
		}
		if t.Failed() {
			return
		}
		_ = again.Close()
		_ = os.Remove(path)
	}
}

// Another connection sees what was committed, also where nothing is ever synced, and two that write by turns do not
// disturb each other.
func TestOthersSeeWhatWasCommitted(t *testing.T) {
	t.Parallel()
	vfs.Register("shared", writeahead.Wrap(adiantum.Wrap(vfs.Find(""), nil)))
	t.Cleanup(func() { vfs.Unregister("shared") })
	path := filepath.Join(t.TempDir(), "db")
	const way = "PRAGMA journal_mode=wal; PRAGMA synchronous=off; PRAGMA cache_size=10; PRAGMA wal_autocheckpoint=50;"
	one := open(t, "shared", path, way+"CREATE TABLE t (n INTEGER PRIMARY KEY, v BLOB)")
	two := open(t, "shared", path, way)
	reader := open(t, "shared", path, "")
	for k := range 60 {
		writer, rows := one, k+1
		if k%2 == 1 {
			writer = two
		}
		if err := writer.Exec(fmt.Sprintf(`BEGIN IMMEDIATE; INSERT INTO t VALUES (%d, randomblob(3000)); UPDATE t SET v = randomblob(%d) WHERE n %% 3 = %d; COMMIT`, k, 2000+k, k%3)); err != nil {
			t.Fatal(err)
		}
		if got, err := number(t, reader, "SELECT count(v) FROM t"); err != nil || got != rows {
			t.Fatalf("after transaction %d another connection reads %d rows (%v)", rows, got, err)
		}
	}
	if bad, err := number(t, reader, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); err != nil || bad != 0 {
		t.Errorf("damaged (%v)", err)
	}
}

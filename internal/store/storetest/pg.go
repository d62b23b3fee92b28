package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"zapis/internal/store"
)

// Postgres gives the address of a new, empty database.
func Postgres(t testing.TB) string {
	t.Helper()
	return postgresFrom(t, false)
}

type server struct {
	address string // of a database, with %s for its name
	err     error
	missing bool
}

var (
	serverOnce sync.Once
	theServer  server
	templated  sync.Once
	templErr   error
	databases  atomic.Int64
	keeper     io.WriteCloser // held for the life of this program; a collected pipe would be a closed one
)

const template = "zapis_template"

// postgresFrom makes a database: empty, or from the template that holds the schema.
func postgresFrom(t testing.TB, schema bool) string {
	t.Helper()
	serverOnce.Do(func() { theServer = startPostgres() })
	if theServer.missing {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal("PostgreSQL is not installed (no initdb), and ZAPIS_TEST_REQUIRE=1")
		}
		t.Skip("PostgreSQL is not installed (no initdb): install the package postgresql")
	}
	if theServer.err != nil {
		t.Fatalf("start PostgreSQL: %v", theServer.err)
	}
	from := "template0"
	if schema {
		templated.Do(func() { templErr = makeTemplate() })
		if templErr != nil {
			t.Fatalf("make template: %v", templErr)
		}
		from = template
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := admin(`CREATE DATABASE ` + name + ` TEMPLATE ` + from); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() { _ = admin(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`) })
	return fmt.Sprintf(theServer.address, name)
}

var adminLock sync.Mutex // a template cannot be copied twice at the same time

func admin(text string) error {
	adminLock.Lock()
	defer adminLock.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, fmt.Sprintf(theServer.address, "postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, text)
	return err
}

func makeTemplate() error {
	if err := admin(`CREATE DATABASE ` + template + ` TEMPLATE template0`); err != nil {
		return err
	}
	db, err := store.Create(context.Background(), store.Options{URL: fmt.Sprintf(theServer.address, template)}, VaultID)
	if err != nil {
		return err
	}
	return db.Close()
}

// findPostgres looks for a server program in PATH and where Debian puts it; "" if there is none.
func findPostgres() string {
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[0])
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// startPostgres starts a server on a free port of 127.0.0.1. It never runs as root: PostgreSQL refuses, rightly. The
// server is the child of a shell that ends it when this program is gone, however it went.
func startPostgres() server {
	bin := findPostgres()
	if bin == "" {
		return server{missing: true}
	}
	dir, err := os.MkdirTemp("", "zapis-pg-")
	if err != nil {
		return server{err: err}
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		u, err := unprivileged()
		if err != nil {
			return server{err: err}
		}
		as = u
		if err := os.Chown(dir, int(u.Uid), int(u.Gid)); err != nil {
			return server{err: err}
		}
	}
	data := filepath.Join(dir, "data")
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(name, args...)
		c.Dir = dir
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
		return c
	}
	init := run(filepath.Join(bin, "initdb"), "-D", data, "-U", "zapis", "-A", "trust", "-E", "UTF8", "--locale=C", "-k", "-N")
	if out, err := init.CombinedOutput(); err != nil {
		return server{err: fmt.Errorf("initdb: %w: %s", err, out)}
	}
	port, err := freePort()
	if err != nil {
		return server{err: err}
	}
	// The pipe below closes when this program ends; then read returns, and the server is stopped and its folder removed.
	script := `"$1" -D "$2" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off \
		-c max_connections=200 -c shared_buffers=64MB -c log_min_messages=fatal -c autovacuum=off >"$4/out" 2>&1 &
		server=$!
		read gone
		kill -QUIT $server; wait $server; rm -rf "$4"`
	sh := run("/bin/sh", "-c", script, "sh", filepath.Join(bin, "postgres"), data, strconv.Itoa(port), dir)
	if keeper, err = sh.StdinPipe(); err != nil {
		return server{err: err}
	}
	if err := sh.Start(); err != nil {
		return server{err: err}
	}
	s := server{address: fmt.Sprintf("postgres://zapis@127.0.0.1:%d/%%s?sslmode=disable", port)}
	for try := 0; ; try++ {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		c, err := pgx.Connect(ctx, fmt.Sprintf(s.address, "postgres"))
		if err == nil {
			_ = c.Close(ctx)
			cancel()
			return s
		}
		cancel()
		if try == 300 {
			out, _ := os.ReadFile(filepath.Join(dir, "out"))
			return server{err: fmt.Errorf("server does not answer: %w: %s", err, out)}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("neither a user postgres nor nobody")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return strconv.Atoi(port)
}

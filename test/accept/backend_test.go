package accept

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/s3"
	"zapis/internal/vault/vaulttest"
)

// startS3 gives the address of a fresh vault on a real S3 server, and the credentials as the environment has them.
func startS3(t *testing.T) (url string, env []string) {
	t.Helper()
	c := vaulttest.StartS3(t)
	return fmt.Sprintf("s3://%s/%s?endpoint=http://%s&region=%s", c.Bucket, c.Prefix, c.Endpoint, c.Region),
		[]string{s3.EnvAccessKey + "=" + c.AccessKey, s3.EnvSecretKey + "=" + c.SecretKey}
}

// The same flow as on a local disk with SQLite, on PostgreSQL, and on PostgreSQL with the vault in an S3 store.
func TestTheSameFlowOnOtherBackends(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		disk := filepath.Join(t.TempDir(), "disk")
		things, browsable := oddDisk(t, disk)
		flow(t, initialised(t, "--database", storetest.Postgres(t)), disk, things, browsable)
	})
	t.Run("S3", func(t *testing.T) {
		t.Parallel()
		url, env := startS3(t)
		h, disk := smallOn(t, env, "--vault", url)
		h.sound()
		if entries, err := os.ReadDir(filepath.Join(h.dir, "vault")); err == nil && len(entries) > 0 {
			t.Error("there is a vault on the local disk as well")
		}
		it := h.items()[0]
		out := filepath.Join(t.TempDir(), "out")
		h.ok("item", "extract", it.ID, "-o", out, "--reason", "acceptance test")
		sum := digest(read(t, out))
		held := false
		for _, d := range digests(t, disk) {
			held = held || d == sum
		}
		if !held {
			t.Error("what came out of the S3 store never went in")
		}
	})
	t.Run("PostgreSQL and S3", func(t *testing.T) {
		t.Parallel()
		url, env := startS3(t)
		h, _ := smallOn(t, env, "--vault", url, "--database", storetest.Postgres(t))
		h.ok("worker", "--drain")
		h.sound()
	})
}

func smallOn(t *testing.T, env []string, global ...string) (*home, string) {
	t.Helper()
	disk := t.TempDir()
	for _, name := range []string{"a.txt", "b.txt", "c/d.txt"} {
		write(t, filepath.Join(disk, name), strings.Repeat("text of "+name+"\n", 5000))
	}
	h := newHome(t, global...)
	h.env = env
	h.ok("init", "--work-factor", "12")
	acc := h.accession("On another backend")
	h.ok("ingest", "--accession", acc, disk)
	h.ok("accession", "close", acc)
	return h, disk
}

// forge alters one event of the record as someone with the database key and every right could, and gives its index.
func forge(t *testing.T, h *home) int64 {
	t.Helper()
	ctx := context.Background()
	disk, err := localdisk.Open(filepath.Join(h.dir, "vault"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, disk, vault.Passphrase([]byte(passphrase)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Secret(ctx, "database")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, store.Options{URL: "sqlite://" + filepath.Join(h.dir, "zapis.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const index = 2
	for _, q := range []string{
		"DROP TRIGGER custody_opening_no_update",
		"UPDATE custody_opening SET event = CAST(replace(CAST(event AS TEXT), 'success', 'warning') AS BLOB) WHERE position = 2",
	} {
		if _, err := db.SQL().ExecContext(ctx, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return index
}

package c2sp

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	sumtlog "golang.org/x/mod/sumdb/tlog"
)

// goldenLog is a transparency log that the program has published; a test of package anchor sees to it that it would publish the
// same today.
var goldenLog = filepath.Join("..", "..", "verify", "testdata", "log")

func served(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.FileServer(http.Dir(goldenLog)))
	t.Cleanup(s.Close)
	return s.URL + "/"
}

func outside(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "verify", "testdata", "logoutside", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", res.StatusCode, err)
	}
	return b
}

// lastKey takes the key that signs now out of the file keys, without our reader of it.
func lastKey(t *testing.T, base string) note.Verifier {
	t.Helper()
	parts := strings.Split(string(get(t, base+"keys")), `"vkey":"`)
	text, _, _ := strings.Cut(parts[len(parts)-1], `"`)
	v, err := note.NewVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// by wants a checkpoint of the log, signed by a key of it.
func by(v note.Verifier) torchwood.Policy {
	return torchwood.ThresholdPolicy(2, torchwood.OriginPolicy("archive.example/log"), torchwood.SingleVerifierPolicy(v))
}

// The published folder behind any web server is a log for the client of another implementation: checkpoint, cosignatures of both
// witnesses, every entry with its inclusion proof from tiles.
func TestPublishedLogIsReadByTorchwood(t *testing.T) {
	t.Parallel()
	base := served(t)
	var witnesses []torchwood.Policy
	for _, name := range []string{"witness1.txt", "witness2.txt"} {
		v, err := torchwood.NewCosignatureVerifier(strings.TrimSpace(outside(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		witnesses = append(witnesses, torchwood.SingleVerifierPolicy(v))
	}
	policy := torchwood.ThresholdPolicy(2, by(lastKey(t, base)), torchwood.ThresholdPolicy(2, witnesses...))
	c, _, err := torchwood.VerifyCheckpoint(get(t, base+"checkpoint"), policy)
	if err != nil {
		t.Fatal(err)
	}
	if c.N != 300 {
		t.Fatalf("size %d", c.N)
	}
	// What was signed elsewhere by another key under the same name is not accepted.
	if _, _, err := torchwood.VerifyCheckpoint([]byte(outside(t, "foreign.txt")), policy); err == nil {
		t.Error("a foreign checkpoint is accepted")
	}
	fetcher, err := torchwood.NewTileFetcher(base)
	if err != nil {
		t.Fatal(err)
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for i, e := range client.AllEntries(context.Background(), c.Tree, 0) {
		if i != n || len(e) != 32 {
			t.Fatalf("entry %d has %d bytes", i, len(e))
		}
		n++
	}
	if err := client.Err(); err != nil || n != 300 {
		t.Fatalf("%d entries: %v", n, err)
	}
	for _, i := range []int64{0, 1, 199, 200, 255, 256, 299} {
		e, proof, err := client.Entry(context.Background(), c.Tree, i)
		if err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		if err := sumtlog.CheckRecord(proof, c.N, c.Hash, i, sumtlog.RecordHash(e)); err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
	}
}

// The checksum database's own tile reader proves that the state of an earlier day is contained.
func TestConsistencyFromTiles(t *testing.T) {
	t.Parallel()
	base := served(t)
	c, _, err := torchwood.VerifyCheckpoint(get(t, base+"checkpoint"), by(lastKey(t, base)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(strings.TrimSpace(outside(t, "key.txt")))
	if err != nil {
		t.Fatal(err)
	}
	earlier, _, err := torchwood.VerifyCheckpoint([]byte(outside(t, "earlier.txt")), by(key))
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := torchwood.NewTileFetcher(base)
	if err != nil {
		t.Fatal(err)
	}
	hashes := torchwood.TileHashReaderWithContext(context.Background(), c.Tree, fetcher)
	proof, err := sumtlog.ProveTree(c.N, earlier.N, hashes)
	if err != nil {
		t.Fatal(err)
	}
	if err := sumtlog.CheckTree(proof, c.N, c.Hash, earlier.N, earlier.Hash); err != nil {
		t.Errorf("%d in %d: %v", earlier.N, c.N, err)
	}
	rewritten, _, err := torchwood.VerifyCheckpoint([]byte(outside(t, "rewritten.txt")), by(key))
	if err != nil {
		t.Fatal(err)
	}
	if err := sumtlog.CheckTree(proof, c.N, c.Hash, rewritten.N, rewritten.Hash); err == nil {
		t.Error("a state that never was is contained")
	}
}

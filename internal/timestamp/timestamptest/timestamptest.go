// Package timestamptest has time authorities and calendars on this machine for tests.
//
// It guarantees that the authority is OpenSSL and that the calendar speaks the protocol of OpenTimestamps as public calendars do, written without the code
// under test. Both listen on 127.0.0.1 and end with the test.
//
// It does not stand in for outside time: see package authority.
package timestamptest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"zapis/internal/timestamp/authority"
)

// NeedOpenSSL skips the test without the openssl program, and fails it where ZAPIS_TEST_REQUIRE asks for every tool.
func NeedOpenSSL(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("ZAPIS_TEST_REQUIRE") != "" {
		t.Fatal("openssl is not installed: run make setup")
	} else if err != nil {
		t.Skip("openssl is not installed")
	}
}

// Authority starts a time authority and gives it with its address.
func Authority(t testing.TB, o authority.Options) (*authority.Authority, string) {
	t.Helper()
	NeedOpenSSL(t)
	a, err := authority.New(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return a, s.URL
}

// Calendar is an OpenTimestamps calendar. Digests wait until Mine puts all of them under one Merkle root.
type Calendar struct {
	URL string

	mu      sync.Mutex
	server  *httptest.Server
	waiting [][]byte          // commitments, in the order of arrival
	proofs  map[string][]byte // by commitment, hexadecimal
	asked   [][]byte          // digests as they arrived
}

// NewCalendar starts a calendar.
func NewCalendar(t testing.TB) *Calendar {
	t.Helper()
	c := &Calendar{proofs: map[string][]byte{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /digest", c.digest)
	mux.HandleFunc("GET /timestamp/{commitment}", c.timestamp)
	c.server = httptest.NewServer(mux)
	c.URL = c.server.URL
	t.Cleanup(c.server.Close)
	return c
}

// Asked gives the digests that the calendar has seen.
func (c *Calendar) Asked() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// Mine enters what waits in the block of that height and gives the Merkle root that its header must have. All else about the block
// (the transaction, the others beside it) is made up.
func (c *Calendar) Mine(height uint64) (root [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	type path struct {
		commitment []byte
		ops        []byte
		node       int
	}
	var level [][32]byte
	var paths []path
	for i, w := range c.waiting {
		level = append(level, sha256.Sum256(w))
		paths = append(paths, path{commitment: w, ops: []byte{0x08}, node: i})
	}
	for len(level) > 1 {
		var up [][32]byte
		for i := 0; i < len(level); i += 2 {
			right := level[min(i+1, len(level)-1)]
			up = append(up, sha256.Sum256(slices.Concat(level[i][:], right[:])))
			for p := range paths {
				switch {
				case paths[p].node == i:
					paths[p].ops = append(append(paths[p].ops, 0xf0, 32), right[:]...)
				case paths[p].node == i+1:
					paths[p].ops = append(append(paths[p].ops, 0xf1, 32), level[i][:]...)
				default:
					continue
				}
				paths[p].ops = append(paths[p].ops, 0x08)
			}
		}
		for p := range paths {
			paths[p].node /= 2
		}
		level = up
	}
	// The transaction around the root of the calendar: before, after, hashed twice.
	before, after := []byte("\x01\x00\x00\x00made up \x6a\x20"), []byte("\x00\x00\x00\x00")
	tail := slices.Concat([]byte{0xf1, byte(len(before))}, before, []byte{0xf0, byte(len(after))}, after, []byte{0x08, 0x08})
	first := sha256.Sum256(slices.Concat(before, level[0][:], after))
	root = sha256.Sum256(first[:])
	payload := binary.AppendUvarint(nil, height)
	tail = append(tail, 0x00, 0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01, byte(len(payload)))
	tail = append(tail, payload...)
	for _, p := range paths {
		c.proofs[hex.EncodeToString(p.commitment)] = slices.Concat(p.ops, tail)
	}
	c.waiting = nil
	return root
}

func (c *Calendar) digest(w http.ResponseWriter, r *http.Request) {
	d, err := io.ReadAll(io.LimitReader(r.Body, 65))
	if err != nil || len(d) == 0 || len(d) > 64 {
		http.Error(w, "digest too long", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.asked = append(c.asked, d)
	// As public calendars do: the time of the day before, a MAC behind, and the promise is about these bytes as they are.
	before := []byte{0x6a, 0x21, byte(len(c.asked) >> 8), byte(len(c.asked))}
	mac := sha256.Sum256(d)
	commitment := slices.Concat(before, d, mac[:8])
	c.waiting = append(c.waiting, commitment)
	c.mu.Unlock()
	uri := append([]byte{byte(len(c.URL))}, c.URL...)
	answer := slices.Concat([]byte{0xf1, 4}, before, []byte{0xf0, 8}, mac[:8], []byte{0x00, 0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e, byte(len(uri))}, uri)
	w.Header().Set("Content-Type", "application/vnd.opentimestamps.v1")
	_, _ = w.Write(answer)
}

func (c *Calendar) timestamp(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	p, ok := c.proofs[strings.ToLower(r.PathValue("commitment"))]
	c.mu.Unlock()
	if !ok {
		http.Error(w, "Pending confirmation in Bitcoin blockchain", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.opentimestamps.v1")
	_, _ = w.Write(p)
}

// Close ends the calendar before the test does.
func (c *Calendar) Close() { c.server.Close() }

package fsck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody/rows"
	"zapis/internal/store"
)

// accessionRow is an accession as its table has it.
type accessionRow struct {
	id              string
	number          int64
	state           string
	created         int64
	tally           archive.Tally
	manifest        string
	sha256, receipt []byte
}

// lineRow is a line of provenance with the digest of its item.
type lineRow struct {
	id      string
	seq     int64
	item    sql.NullString
	outcome string
	reason  string
	size    int64
	sealed  []byte
	foundAt int64
	digest  []byte
	erased  bool // its item is
}

// accessions counts every accession again and writes the manifest of every closed one anew.
func (c *checker) accessions(ctx context.Context, _ *store.Tx) error {
	list, err := rows.Select(ctx, c.rows, `SELECT id, number, state, created_at, found, received, duplicates, skipped, failed, bytes,
		manifest_object, manifest_sha256, receipt FROM accession ORDER BY number`, nil, func(r rows.Scanner, a *accessionRow) error {
		t := &a.tally
		return r.Scan(&a.id, &a.number, &a.state, &a.created, &t.Found, &t.Received, &t.Duplicates, &t.Skipped, &t.Failed, &t.Bytes,
			&a.manifest, &a.sha256, &a.receipt)
	})
	if err != nil {
		return fmt.Errorf("read accessions: %w", err)
	}
	for i, a := range list {
		c.o.Progress(Progress{Step: "accessions", Done: int64(i), Total: int64(len(list))})
		if err := c.accession(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) accession(ctx context.Context, a accessionRow) error {
	closed := a.state == string(archive.AccessionClosed)
	m := manifest{h: sha256.New()}
	m.line(object{"accession": text(a.id), "format": text("zapis manifest"), "opened_at": when(a.created),
		"reference": text("Z" + strconv.FormatInt(a.number, 10)), "vault": text(c.d.Vault.ID()), "version": text("1")})
	var digests [][]byte
	erased := false // an item of it was: digests and origins that manifest and receipt are made of are gone
	for after := int64(0); ; {
		lines, err := rows.Select(ctx, c.rows, `SELECT p.id, p.seq, p.item_id, p.outcome, p.reason, p.size, p.sealed, p.found_at, i.sha256,
			CASE WHEN i.state = 'erased' THEN 1 ELSE 0 END
			FROM provenance p LEFT JOIN item i ON i.id = p.item_id WHERE p.accession_id = $1 AND p.seq > $2 ORDER BY p.seq LIMIT $3`,
			[]any{a.id, after, page}, func(r rows.Scanner, l *lineRow) error {
				var gone int64
				err := r.Scan(&l.id, &l.seq, &l.item, &l.outcome, &l.reason, &l.size, &l.sealed, &l.foundAt, &l.digest, &gone)
				l.erased = gone != 0
				return err
			})
		if err != nil {
			return fmt.Errorf("read lines of %s: %w", a.id, err)
		}
		for _, l := range lines {
			after++
			if l.seq != after {
				c.r.fail("line-missing", a.id, "lines %d to %d of its manifest are missing", after, l.seq-1)
				after = l.seq
			}
			var origin []byte
			if l.erased {
				erased = true // whether it was erased as it should is judged with the items and the record
			} else if origin, err = c.d.Sealer.Open(l.id, l.sealed); err != nil {
				c.r.fail("provenance-sealed", "provenance "+l.id, "it does not open: it was altered, or belongs to another line")
			}
			m.add(l, origin)
			if l.outcome == string(archive.OutcomeReceived) || l.outcome == string(archive.OutcomeDuplicate) {
				if closed {
					digests = append(digests, l.digest)
				}
			}
		}
		if len(lines) < page {
			break
		}
	}
	if m.tally != a.tally {
		c.r.fail("tally-differs", a.id, "it counts %s, its lines %s", tally(a.tally), tally(m.tally))
	}
	if !closed {
		return nil
	}
	m.end()
	if sum := m.h.Sum(nil); !erased && !bytes.Equal(sum, a.sha256) {
		c.r.fail("manifest-differs", a.id, "its manifest, written anew, has another digest than the sealed one")
	}
	c.receipt(a, digests, erased)
	return nil
}

func tally(t archive.Tally) string {
	return fmt.Sprintf("%d found (%d received, %d duplicates, %d skipped, %d failed, %d bytes)", t.Found, t.Received, t.Duplicates, t.Skipped, t.Failed, t.Bytes)
}

// object is a JSON object whose values are written already.
type object map[string][]byte

// manifest writes a manifest as docs/design/manifest.md has it.
type manifest struct {
	h     hash.Hash
	tally archive.Tally
}

func (m *manifest) line(o object) {
	sep := byte('{')
	for _, k := range slices.Sorted(maps.Keys(o)) {
		m.h.Write([]byte{sep})
		m.h.Write(text(k))
		m.h.Write([]byte{':'})
		m.h.Write(o[k])
		sep = ','
	}
	m.h.Write([]byte("}\n"))
}

func (m *manifest) add(l lineRow, origin []byte) {
	o := object{"found_at": when(l.foundAt), "outcome": text(l.outcome), "provenance": text(l.id), "seq": decimal(l.seq)}
	if len(origin) > 0 {
		o["origin"] = origin
	}
	if l.reason != "" {
		o["reason"] = text(l.reason)
	}
	m.tally.Found++
	switch archive.Outcome(l.outcome) {
	case archive.OutcomeReceived:
		m.tally.Received++
	case archive.OutcomeDuplicate:
		m.tally.Duplicates++
	case archive.OutcomeSkipped:
		m.tally.Skipped++
	case archive.OutcomeFailed:
		m.tally.Failed++
	}
	if l.outcome == string(archive.OutcomeReceived) || l.outcome == string(archive.OutcomeDuplicate) {
		m.tally.Bytes += l.size
		o["item"], o["sha256"], o["size"] = text(l.item.String), text(hex.EncodeToString(l.digest)), decimal(l.size)
	}
	m.line(o)
}

func (m *manifest) end() {
	t := m.tally
	m.line(object{"found": decimal(t.Found), "received": decimal(t.Received), "duplicates": decimal(t.Duplicates), "skipped": decimal(t.Skipped),
		"failed": decimal(t.Failed), "bytes": decimal(t.Bytes), "end": text("zapis manifest")})
}

// text writes a JSON string; codes and identifiers only, so nothing needs escaping but what JSON itself asks.
func text(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return b
}

func decimal(n int64) []byte { return text(strconv.FormatInt(n, 10)) }

func when(micro int64) []byte { return text(archive.FormatTime(time.UnixMicro(micro))) }

// receipt is what is read of a receipt, see docs/design/receipt.md.
type receipt struct {
	Note    string `json:"note"`
	Receipt struct {
		Accession  string `json:"accession"`
		Checkpoint string `json:"checkpoint"`
		Files      struct {
			Count string `json:"count"`
			List  string `json:"list_sha256"`
			Root  string `json:"root"`
		} `json:"files"`
		Manifest struct {
			Object string `json:"object"`
			SHA256 string `json:"sha256"`
		} `json:"manifest"`
		Tally    map[string]string `json:"tally"`
		Vault    string            `json:"vault"`
		Verifier string            `json:"verifier"`
	} `json:"receipt"`
	raw json.RawMessage
}

func parseReceipt(b []byte) (r receipt, problem string) {
	var outer struct {
		Receipt json.RawMessage `json:"receipt"`
	}
	if json.Unmarshal(b, &outer) != nil || json.Unmarshal(b, &r) != nil || len(outer.Receipt) == 0 {
		return r, "it cannot be read"
	}
	r.raw = outer.Receipt
	return r, ""
}

// receipt holds the receipt of a closed accession against what is in the catalogue. Its checkpoint is checked with the
// record. After an erasure the list of digests cannot be made again, and the manifest may be a newer one: the record vouches
// for that.
func (c *checker) receipt(a accessionRow, digests [][]byte, erased bool) {
	bad := func(format string, v ...any) { c.r.fail("receipt-differs", a.id, "its receipt: "+format, v...) }
	if len(a.receipt) == 0 {
		c.r.fail("receipt-missing", a.id, "it is closed and has no receipt")
		return
	}
	r, problem := parseReceipt(a.receipt)
	if problem != "" {
		bad("%s", problem)
		return
	}
	sum := sha256.Sum256(r.raw)
	want := "zapis receipt v1\n" + a.id + "\n" + hex.EncodeToString(sum[:]) + "\n"
	if body, problem := c.d.Key.Signed([]byte(r.Note)); problem != "" {
		bad("%s", problem)
	} else if string(body) != want {
		bad("what was signed is not what it says")
	}
	v := r.Receipt
	slices.SortFunc(digests, bytes.Compare)
	list := sha256.New()
	for _, d := range digests {
		fmt.Fprintf(list, "%x\n", d)
	}
	root := merkle(digests)
	t := map[string]string{
		"found": strconv.FormatInt(a.tally.Found, 10), "received": strconv.FormatInt(a.tally.Received, 10),
		"duplicates": strconv.FormatInt(a.tally.Duplicates, 10), "skipped": strconv.FormatInt(a.tally.Skipped, 10),
		"failed": strconv.FormatInt(a.tally.Failed, 10), "bytes": strconv.FormatInt(a.tally.Bytes, 10),
	}
	for _, p := range []struct {
		what       string
		have, want string
	}{
		{"accession", v.Accession, a.id},
		{"vault", v.Vault, c.d.Vault.ID()},
		{"verifier key", v.Verifier, c.d.Key.Text()},
		{"number of files", v.Files.Count, strconv.Itoa(len(digests))},
		{"manifest", v.Manifest.Object, a.manifest},
		{"digest of the manifest", v.Manifest.SHA256, hex.EncodeToString(a.sha256)},
		{"list of digests", v.Files.List, hex.EncodeToString(list.Sum(nil))},
		{"root of digests", v.Files.Root, hex.EncodeToString(root[:])},
	} {
		if p.have != p.want && !(erased && changedByErasure(p.what)) {
			bad("the %s in it is not that of the catalogue", p.what)
		}
	}
	if !maps.Equal(t, v.Tally) {
		bad("the tally in it is not that of the catalogue")
	}
}

// changedByErasure says which parts of a receipt an erasure changes.
func changedByErasure(what string) bool {
	return strings.Contains(what, "manifest") || strings.Contains(what, "digests")
}

// merkle is the Merkle Tree Hash of RFC 6962 section 2.1.
func merkle(leaves [][]byte) [sha256.Size]byte {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		left, right := merkle(leaves[:k]), merkle(leaves[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"zapis/internal/archive"
)

// encodeOrigin gives the canonical JSON of an origin, which is what is sealed in provenance and, opened again, what
// the manifest carries. Every field that archive.Origin marks omitempty is left out when empty.
func encodeOrigin(o archive.Origin) []byte {
	v := object{
		"root": base64.StdEncoding.EncodeToString(o.Root), "path": base64.StdEncoding.EncodeToString(o.Path),
		"name": o.Name, "mode": uint64(o.Mode), "uid": o.UID, "gid": o.GID, "owner": o.Owner, "device": o.Device,
		"inode": o.Inode, "links": o.Links, "modified_at": o.ModifiedAt, "changed_at": o.ChangedAt,
	}
	if o.BornAt != 0 {
		v["born_at"] = o.BornAt
	}
	if o.Sparse {
		v["sparse"] = true
	}
	if len(o.Target) > 0 {
		v["target"] = base64.StdEncoding.EncodeToString(o.Target)
	}
	if o.Extension != "" {
		v["extension"] = o.Extension
	}
	return canonical(v)
}

// manifestWriter writes a manifest as docs/design/manifest.md has it, and sums up what a receipt says of it.
type manifestWriter struct {
	w       io.Writer
	vault   string
	tally   archive.Tally
	next    int64
	digests [][sha256.Size]byte
}

func newManifestWriter(w io.Writer, vault string, a archive.Accession) (*manifestWriter, error) {
	m := &manifestWriter{w: w, vault: vault, next: 1}
	return m, m.line(object{
		"accession": a.ID, "format": "zapis manifest", "opened_at": archive.FormatTime(a.CreatedAt),
		"reference": "Z" + strconv.FormatInt(a.Number, 10), "vault": vault, "version": "1",
	})
}

func (m *manifestWriter) line(o object) error {
	_, err := m.w.Write(append(canonical(o), '\n'))
	return err
}

// add writes one line. origin is the opened provenance; digest is the SHA-256 of the bytes for outcomes that have
// them, else nil.
func (m *manifestWriter) add(p archive.Provenance, origin []byte, digest []byte) error {
	if p.Seq != m.next {
		return fmt.Errorf("manifest line %d: %w: line %d was expected", p.Seq, archive.ErrIntegrity, m.next)
	}
	m.next++
	o := object{
		"found_at": archive.FormatTime(p.FoundAt), "outcome": string(p.Outcome), "provenance": p.ID,
		"seq": strconv.FormatInt(p.Seq, 10),
	}
	if len(origin) > 0 {
		o["origin"] = raw(origin)
	}
	if p.Reason != "" {
		o["reason"] = p.Reason
	}
	m.tally.Found++
	held := false
	switch p.Outcome {
	case archive.OutcomeReceived:
		m.tally.Received, held = m.tally.Received+1, true
	case archive.OutcomeDuplicate:
		m.tally.Duplicates, held = m.tally.Duplicates+1, true
	case archive.OutcomeSkipped:
		m.tally.Skipped++
	case archive.OutcomeFailed:
		m.tally.Failed++
	default:
		return fmt.Errorf("manifest line %d: %w: outcome not known", p.Seq, archive.ErrIntegrity)
	}
	if held {
		if len(digest) != sha256.Size || p.Item == "" {
			return fmt.Errorf("manifest line %d: %w: held without a digest", p.Seq, archive.ErrIntegrity)
		}
		o["item"], o["sha256"], o["size"] = p.Item, hex.EncodeToString(digest), strconv.FormatInt(p.Size, 10)
		m.tally.Bytes += p.Size
		m.digests = append(m.digests, [sha256.Size]byte(digest))
	}
	return m.line(o)
}

// erased writes what is left of the line of an erased item.
func (m *manifestWriter) erased(p archive.Provenance) error {
	if p.Seq != m.next {
		return fmt.Errorf("manifest line %d: %w: line %d was expected", p.Seq, archive.ErrIntegrity, m.next)
	}
	m.next++
	m.tally.Found++
	m.tally.Bytes += p.Size
	switch p.Outcome {
	case archive.OutcomeReceived:
		m.tally.Received++
	case archive.OutcomeDuplicate:
		m.tally.Duplicates++
	default:
		return fmt.Errorf("manifest line %d: %w: an item was erased that it does not hold", p.Seq, archive.ErrIntegrity)
	}
	return m.line(object{"item": p.Item, "outcome": "erased", "provenance": p.ID, "seq": strconv.FormatInt(p.Seq, 10)})
}

// end writes the last line and gives the tally and the digests of all files, sorted.
func (m *manifestWriter) end() (archive.Tally, FileSet, error) {
	t := m.tally
	o := tallyObject(t)
	o["end"] = "zapis manifest"
	return t, NewFileSet(m.digests), m.line(o)
}

func tallyObject(t archive.Tally) object {
	dec := func(n int64) string { return strconv.FormatInt(n, 10) }
	return object{
		"found": dec(t.Found), "received": dec(t.Received), "duplicates": dec(t.Duplicates), "skipped": dec(t.Skipped),
		"failed": dec(t.Failed), "bytes": dec(t.Bytes),
	}
}

// FileSet stands for the SHA-256 digests of all files of an accession, one for each file that was read whole (so a
// file found twice counts twice), sorted. Whoever has the files can compute the same three values without Zapis.
type FileSet struct {
	Count int64
	List  [sha256.Size]byte // SHA-256 of the sorted digests as lower-case hex, each followed by a line feed
	Root  [sha256.Size]byte // RFC 6962 Merkle tree hash over the 32-byte digests in that order
}

// NewFileSet sorts digests in place and sums them up.
func NewFileSet(digests [][sha256.Size]byte) FileSet {
	slices.SortFunc(digests, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	line := make([]byte, 2*sha256.Size+1)
	line[2*sha256.Size] = '\n'
	for _, d := range digests {
		hex.Encode(line, d[:])
		h.Write(line)
	}
	return FileSet{Count: int64(len(digests)), List: [sha256.Size]byte(h.Sum(nil)), Root: merkleRoot(digests)}
}

// merkleRoot is the Merkle tree hash of RFC 6962 section 2.1 over leaves of 32 bytes.
func merkleRoot(leaves [][sha256.Size]byte) [sha256.Size]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0][:]...))
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := merkleRoot(leaves[:k]), merkleRoot(leaves[k:])
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

// ReadDigests reads a list of digests: the first 64 characters of each line, as sha256sum, `openssl dgst -r` and
// Zapis itself write them. Empty lines are passed over.
func ReadDigests(r io.Reader) ([][sha256.Size]byte, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var out [][sha256.Size]byte
	for n, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimPrefix(line, []byte(`\`)) // sha256sum puts one before a line whose name it had to escape
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var d [sha256.Size]byte
		if len(line) < 64 || (len(line) > 64 && line[64] != ' ' && line[64] != '\r') {
			return nil, fmt.Errorf("line %d: %w: 64 hexadecimal characters were expected", n+1, archive.ErrInvalid)
		}
		if _, err := hex.Decode(d[:], bytes.ToLower(line[:64])); err != nil {
			return nil, fmt.Errorf("line %d: %w: 64 hexadecimal characters were expected", n+1, archive.ErrInvalid)
		}
		out = append(out, d)
	}
	return out, nil
}

// decodeOrigin reads what encodeOrigin wrote.
func decodeOrigin(text []byte) (archive.Origin, error) {
	var o archive.Origin
	if err := json.Unmarshal(text, &o); err != nil {
		return o, fmt.Errorf("read origin: %w", archive.ErrIntegrity) // the cause could quote a name
	}
	return o, nil
}

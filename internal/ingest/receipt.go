package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/tlog"
)

// ErrReceipt: a receipt is not well formed, or what it says does not hold together.
var ErrReceipt = fmt.Errorf("receipt does not hold: %w", archive.ErrIntegrity)

// Receipt is what whoever handed material over gets when an accession is closed (docs/design/receipt.md). It names
// no person, no file and not the title: it may be found in the wrong hands.
type Receipt struct {
	Vault, Accession, Reference string // Reference as in "Z3"
	Tool                        string
	OpenedAt, ClosedAt          time.Time
	Tally                       archive.Tally
	Files                       FileSet

	ManifestObject string
	ManifestSHA256 [sha256.Size]byte
	ManifestSize   int64

	// The closing as an event of the custody record, with what proves that it is in the tree of the checkpoint.
	Event      []byte // canonical bytes
	Salt       []byte
	Index      int64
	Proof      []tlog.Hash
	Checkpoint []byte // signed note
	Verifier   string // verifier key text of the archive; proves nothing by itself, see VerifyReceipt
}

const (
	receiptDomain = "zapis receipt v1\n" // first line of what is signed: no checkpoint can be taken for a receipt
	leafDomain    = "zapis.custody.leaf.v1\x00"
)

func (r Receipt) object() object {
	proof := make([]string, len(r.Proof))
	for i, h := range r.Proof {
		proof[i] = base64.StdEncoding.EncodeToString(h[:])
	}
	dec := func(n int64) string { return strconv.FormatInt(n, 10) }
	return object{
		"accession": r.Accession, "checkpoint": string(r.Checkpoint), "closed_at": archive.FormatTime(r.ClosedAt),
		"closing": object{
			"event": string(r.Event), "index": dec(r.Index), "proof": proof, "salt": hex.EncodeToString(r.Salt),
		},
		"files": object{
			"count": dec(r.Files.Count), "list_sha256": hex.EncodeToString(r.Files.List[:]), "root": hex.EncodeToString(r.Files.Root[:]),
		},
		"format": "zapis receipt",
		"manifest": object{
			"object": r.ManifestObject, "sha256": hex.EncodeToString(r.ManifestSHA256[:]), "size": dec(r.ManifestSize),
		},
		"opened_at": archive.FormatTime(r.OpenedAt), "reference": r.Reference, "tally": tallyObject(r.Tally),
		"tool": r.Tool, "vault": r.Vault, "verifier": r.Verifier, "version": "1",
	}
}

// signedText is what the signature of a receipt covers: the domain line, the accession, the SHA-256 of the canonical
// bytes of the receipt, each on a line of its own.
func signedText(accession string, body []byte) string {
	sum := sha256.Sum256(body)
	return receiptDomain + accession + "\n" + hex.EncodeToString(sum[:]) + "\n"
}

// Seal gives the receipt as it is stored and handed out: canonical JSON with the receipt and a signed note over it.
func (r Receipt) Seal(s tlog.Signer) ([]byte, error) {
	text := signedText(r.Accession, canonical(r.object()))
	sig, err := s.Sign([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("sign receipt of %s: %w", r.Accession, err)
	}
	// The form of C2SP signed-note: text, empty line, "— name base64(key number || signature)".
	return canonical(object{"note": text + "\n— " + s.Name() + " " + noteSignature(s.KeyHash(), sig) + "\n", "receipt": r.object()}), nil
}

func noteSignature(key uint32, sig []byte) string {
	return base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, key), sig...))
}

// VerifyReceipt checks a receipt against a verifier key that was got from elsewhere than the receipt: its own
// signature, the signature of its checkpoint, that the closing it tells of is in the tree of that checkpoint, and that
// closing and receipt say the same. A line feed at the end is allowed. ErrReceipt says what does not hold.
func VerifyReceipt(text []byte, verifierKey string) (Receipt, error) {
	v, err := tlog.NewVerifier(verifierKey)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: the verifier key is not well formed", archive.ErrInvalid)
	}
	r, note, err := ParseReceipt(text)
	if err != nil {
		return Receipt{}, err
	}
	bad := func(what string) (Receipt, error) { return Receipt{}, fmt.Errorf("%w: %s", ErrReceipt, what) }
	want := signedText(r.Accession, canonical(r.object()))
	signature, ok := strings.CutPrefix(note, want+"\n")
	if !ok {
		return bad("the signed digest is not that of the receipt")
	}
	if !signedBy(want, signature, v) {
		return bad("it is not signed with this key")
	}
	if r.Verifier != strings.TrimSpace(verifierKey) {
		return bad("it names another key than the one that signed it")
	}
	c, err := tlog.Open(r.Checkpoint, v)
	if err != nil {
		return bad("its checkpoint is not signed with this key")
	}
	h := sha256.New()
	h.Write([]byte(leafDomain))
	h.Write(r.Salt)
	h.Write(r.Event)
	if err := tlog.CheckInclusion(r.Proof, c.Size, c.Root, r.Index, tlog.LeafHash(h.Sum(nil))); err != nil {
		return bad("the closing is not in the tree of its checkpoint")
	}
	e, err := archive.ParseEvent(r.Event)
	if err != nil {
		return bad("the closing is not a well-formed event")
	}
	about := len(e.Subjects) > 0 && e.Subjects[0] == archive.Subject{Role: "about", Kind: "accession", ID: r.Accession}
	if !about || e.Type != archive.EventAccessionClosing || e.Outcome != archive.Success || !e.Time.Equal(r.ClosedAt) || e.Tool != r.Tool {
		return bad("the event in it is not the closing of this accession")
	}
	for k, v := range closingDetail(r) {
		if e.Detail[k] != v {
			return bad("closing and receipt differ in " + k)
		}
	}
	return r, nil
}

// closingDetail is what a receipt and the closing event in it have in common.
func closingDetail(r Receipt) map[string]string {
	d := map[string]string{
		"object": r.ManifestObject, "sha256": hex.EncodeToString(r.ManifestSHA256[:]),
		"size": strconv.FormatInt(r.ManifestSize, 10), "files": strconv.FormatInt(r.Files.Count, 10),
		"files_list_sha256": hex.EncodeToString(r.Files.List[:]), "files_root_sha256": hex.EncodeToString(r.Files.Root[:]),
	}
	for k, v := range tallyObject(r.Tally) {
		d[k] = v.(string)
	}
	return d
}

func signedBy(text, signature string, v tlog.Verifier) bool {
	line, ok := strings.CutSuffix(signature, "\n")
	if !ok || strings.Contains(line, "\n") {
		return false
	}
	b64, ok := strings.CutPrefix(line, "— "+v.Name()+" ")
	if !ok {
		return false
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(b64)
	return err == nil && len(sig) > 4 && binary.BigEndian.Uint32(sig) == v.KeyHash() && v.Verify([]byte(text), sig[4:])
}

// ParseReceipt reads a receipt without checking any signature, and gives its note beside it.
func ParseReceipt(text []byte) (Receipt, string, error) {
	v, err := parseCanonical(bytes.TrimSuffix(text, []byte("\n")))
	if err != nil {
		return Receipt{}, "", fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	p := receiptParser{}
	top := p.fields(v, "note", "receipt")
	body := p.object(top, "receipt")
	o := p.fields(body, "accession", "checkpoint", "closed_at", "closing", "files", "format", "manifest", "opened_at", "reference",
		"tally", "tool", "vault", "verifier", "version")
	if p.text(o, "format") != "zapis receipt" || p.text(o, "version") != "1" {
		p.bad("format or version is not known")
	}
	r := Receipt{
		Vault: p.id(o, "vault", archive.PrefixVault), Accession: p.id(o, "accession", archive.PrefixAccession),
		Reference: p.text(o, "reference"), Tool: p.text(o, "tool"), OpenedAt: p.time(o, "opened_at"), ClosedAt: p.time(o, "closed_at"),
		Checkpoint: []byte(p.text(o, "checkpoint")), Verifier: p.text(o, "verifier"),
	}
	c := p.fields(p.object(o, "closing"), "event", "index", "proof", "salt")
	r.Event, r.Index, r.Salt = []byte(p.text(c, "event")), p.number(c, "index"), p.hex(c, "salt", 32)
	r.Proof = p.hashes(c, "proof")
	f := p.fields(p.object(o, "files"), "count", "list_sha256", "root")
	r.Files = FileSet{Count: p.number(f, "count")}
	copy(r.Files.List[:], p.hex(f, "list_sha256", sha256.Size))
	copy(r.Files.Root[:], p.hex(f, "root", sha256.Size))
	m := p.fields(p.object(o, "manifest"), "object", "sha256", "size")
	r.ManifestObject, r.ManifestSize = p.id(m, "object", archive.PrefixObject), p.number(m, "size")
	copy(r.ManifestSHA256[:], p.hex(m, "sha256", sha256.Size))
	t := p.fields(p.object(o, "tally"), "bytes", "duplicates", "failed", "found", "received", "skipped")
	r.Tally = archive.Tally{
		Found: p.number(t, "found"), Received: p.number(t, "received"), Duplicates: p.number(t, "duplicates"),
		Skipped: p.number(t, "skipped"), Failed: p.number(t, "failed"), Bytes: p.number(t, "bytes"),
	}
	if r.Tally.Received+r.Tally.Duplicates+r.Tally.Skipped+r.Tally.Failed != r.Tally.Found || r.Files.Count != r.Tally.Received+r.Tally.Duplicates {
		p.bad("the counts do not add up")
	}
	note := p.text(top, "note")
	if p.err != nil {
		return Receipt{}, "", p.err
	}
	return r, note, nil
}

// receiptParser keeps the first thing that was wrong.
type receiptParser struct{ err error }

func (p *receiptParser) bad(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s", ErrReceipt, what)
	}
}

func (p *receiptParser) fields(v map[string]any, names ...string) map[string]any {
	for _, n := range names {
		if _, ok := v[n]; !ok {
			p.bad("the field " + n + " is missing")
		}
	}
	if len(v) > len(names) {
		p.bad("it has a field that is not known")
	}
	return v
}

func (p *receiptParser) object(v map[string]any, name string) map[string]any {
	o, ok := v[name].(map[string]any)
	if !ok {
		p.bad("the field " + name + " is not an object")
	}
	return o
}

func (p *receiptParser) text(v map[string]any, name string) string {
	s, ok := v[name].(string)
	if !ok {
		p.bad("the field " + name + " is not text")
	}
	return s
}

func (p *receiptParser) id(v map[string]any, name, prefix string) string {
	s := p.text(v, name)
	if archive.CheckID(prefix, s) != nil {
		p.bad("the field " + name + " is not an identifier")
	}
	return s
}

func (p *receiptParser) number(v map[string]any, name string) int64 {
	s := p.text(v, name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		p.bad("the field " + name + " is not a number")
		return 0
	}
	return n
}

func (p *receiptParser) time(v map[string]any, name string) time.Time {
	t, err := time.Parse(archive.TimeFormat, p.text(v, name))
	if err != nil {
		p.bad("the field " + name + " is not a time")
	}
	return t.UTC()
}

func (p *receiptParser) hex(v map[string]any, name string, n int) []byte {
	s := p.text(v, name)
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != n || hex.EncodeToString(b) != s {
		p.bad("the field " + name + " is not a hexadecimal value of its length")
		return nil
	}
	return b
}

func (p *receiptParser) hashes(v map[string]any, name string) []tlog.Hash {
	list, ok := v[name].([]any)
	if !ok || len(list) > 64 {
		p.bad("the field " + name + " is not a proof")
		return nil
	}
	var out []tlog.Hash
	for _, e := range list {
		s, _ := e.(string)
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || len(b) != tlog.HashSize {
			p.bad("the field " + name + " is not a proof")
			return nil
		}
		out = append(out, tlog.Hash(b))
	}
	return out
}

// Text gives the receipt for reading and printing, in plain English.
func (r Receipt) Text() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-22s %s\n", name, value) }
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	b.WriteString("RECEIPT\n\nThe files counted below were received, sealed, written to disk and read back.\n\n")
	line("Accession", r.Reference+"  "+r.Accession)
	line("Archive", r.Vault)
	line("Opened", r.OpenedAt.Format("2006-01-02 15:04:05 UTC"))
	line("Closed", r.ClosedAt.Format("2006-01-02 15:04:05 UTC"))
	b.WriteByte('\n')
	line("Files held", n(r.Files.Count)+" ("+n(r.Tally.Duplicates)+" of them with bytes that were held already)")
	line("Bytes", n(r.Tally.Bytes))
	line("Could not be read", n(r.Tally.Failed))
	line("Without bytes", n(r.Tally.Skipped)+" (links, pipes, devices, empty folders)")
	b.WriteByte('\n')
	line("Digest of all files", hex.EncodeToString(r.Files.List[:]))
	line("Tree root of all files", hex.EncodeToString(r.Files.Root[:]))
	line("Digest of the manifest", hex.EncodeToString(r.ManifestSHA256[:]))
	b.WriteByte('\n')
	line("Custody record entry", n(r.Index))
	line("Key of the archive", r.Verifier)
	b.WriteString("\nCheckpoint of the custody record:\n\n")
	for l := range strings.Lines(string(r.Checkpoint)) {
		b.WriteString("    " + l)
	}
	b.WriteString(`
To check with nothing but common tools that every file you handed over is among them, run in the folder:

    find . -type f -print0 | xargs -0 sha256sum | sed 's/^\\//' | cut -c1-64 | LC_ALL=C sort | sha256sum

and compare with "Digest of all files". To check the signatures: zapis receipt verify FILE.json --key KEY
Whoever holds this receipt can show that an accession of this size was made. Keep it as carefully as the files.
`)
	return b.String()
}

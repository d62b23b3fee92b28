package vault

import (
	"encoding/hex"
	"fmt"

	"filippo.io/age"

	"zapis/internal/archive"
)

// maxEnvelope bounds what is read as an envelope: 40 GB in segments of 64 MiB take 120 KiB, ten thousand small
// objects 6 MiB.
const maxEnvelope = 64 << 20

// Object says where the bytes of one object lie and what they are, without its key.
type Object struct {
	ID       string
	Envelope string
	Size     int64    // plaintext bytes
	SHA256   [32]byte // of the plaintext
	Segments []Segment
}

// Segment is one age file inside a blob.
type Segment struct {
	Index       int
	Blob        string // identifier; BlobName gives the place
	Offset      int64  // of the age file in the blob
	Length      int64  // of the age file
	PlainLength int64
	PlainSHA256 [32]byte // of the object's plaintext from its first byte to the end of this segment
}

// Blob is one file of sealed bytes.
type Blob struct {
	Name   string // identifier, bl_…; BlobName gives the place
	Size   int64
	SHA256 [32]byte // of the sealed bytes
}

// entry is an object with its key.
type entry struct {
	Object
	identity string
}

// String and GoString leave the key out.
func (e entry) String() string   { return "[object " + e.ID + " with key]" }
func (e entry) GoString() string { return e.String() }

// envelope is what a file under envelope/ holds when opened.
type envelope struct {
	id      string
	blobs   []Blob
	entries []entry
	erased  []string
}

type envelopeJSON struct {
	Format   int          `json:"format"`
	Vault    string       `json:"vault"`
	Envelope string       `json:"envelope"`
	Blobs    []blobJSON   `json:"blobs"`
	Objects  []objectJSON `json:"objects"`
	Erased   []string     `json:"erased"`
}

type blobJSON struct {
	Blob   string `json:"blob"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type objectJSON struct {
	Object   string        `json:"object"`
	Identity string        `json:"identity"`
	Size     int64         `json:"size"`
	SHA256   string        `json:"sha256"`
	Segments []segmentJSON `json:"segments"`
}

type segmentJSON struct {
	Blob        string `json:"blob"`
	Offset      int64  `json:"offset"`
	Length      int64  `json:"length"`
	PlainLength int64  `json:"plain_length"`
	PlainSHA256 string `json:"plain_sha256"`
}

func (e *envelope) encode(vault string) []byte {
	out := envelopeJSON{
		Format: formatVersion, Vault: vault, Envelope: e.id,
		Blobs: make([]blobJSON, 0, len(e.blobs)), Objects: make([]objectJSON, 0, len(e.entries)),
		Erased: append([]string{}, e.erased...),
	}
	for _, b := range e.blobs {
		out.Blobs = append(out.Blobs, blobJSON{b.Name, b.Size, hex.EncodeToString(b.SHA256[:])})
	}
	for _, o := range e.entries {
		oj := objectJSON{o.ID, o.identity, o.Size, hex.EncodeToString(o.SHA256[:]), make([]segmentJSON, 0, len(o.Segments))}
		for _, s := range o.Segments {
			oj.Segments = append(oj.Segments, segmentJSON{s.Blob, s.Offset, s.Length, s.PlainLength, hex.EncodeToString(s.PlainSHA256[:])})
		}
		out.Objects = append(out.Objects, oj)
	}
	return canonical(out)
}

// parseEnvelope accepts exactly what encode writes and checks every number that a reader will rely on, because
// whoever knows the vault's recipient can seal an envelope.
func parseEnvelope(data []byte, h Header, id string) (*envelope, error) {
	var in envelopeJSON
	if err := strict(data, &in); err != nil {
		return nil, fmt.Errorf("%w: envelope %s: %w", ErrFormat, id, err)
	}
	bad := func(what string) error { return fmt.Errorf("%w: envelope %s: %s", ErrFormat, id, what) }
	if in.Format != formatVersion {
		return nil, bad("unknown format")
	}
	if in.Vault != h.Vault || in.Envelope != id {
		return nil, fmt.Errorf("%w: envelope %s names itself otherwise", ErrForeign, id)
	}
	if in.Blobs == nil || in.Objects == nil || in.Erased == nil {
		return nil, bad("a list is missing")
	}
	e := &envelope{id: id}
	sizes := make(map[string]int64, len(in.Blobs))
	for _, b := range in.Blobs {
		sum, ok := parseSum(b.SHA256)
		if archive.CheckID(archive.PrefixBlob, b.Blob) != nil || !ok || b.Size < 0 {
			return nil, bad("a blob is not well formed")
		}
		if _, twice := sizes[b.Blob]; twice {
			return nil, bad("a blob is listed twice")
		}
		sizes[b.Blob] = b.Size
		e.blobs = append(e.blobs, Blob{b.Blob, b.Size, sum})
	}
	seen := make(map[string]bool, len(in.Objects))
	for _, o := range in.Objects {
		sum, ok := parseSum(o.SHA256)
		if archive.CheckID(archive.PrefixObject, o.Object) != nil || !ok || seen[o.Object] || len(o.Segments) == 0 {
			return nil, bad("an object is not well formed")
		}
		seen[o.Object] = true
		ob := Object{ID: o.Object, Envelope: id, Size: o.Size, SHA256: sum, Segments: make([]Segment, 0, len(o.Segments))}
		var total int64
		for i, s := range o.Segments {
			sum, ok := parseSum(s.PlainSHA256)
			size, known := sizes[s.Blob]
			last := i == len(o.Segments)-1
			if !ok || !known || s.Offset < 0 || s.Length < 0 || s.Offset > size || s.Length > size-s.Offset ||
				s.PlainLength < 0 || s.PlainLength > s.Length || s.PlainLength > h.SegmentSize ||
				(!last && s.PlainLength != h.SegmentSize) || (s.PlainLength == 0 && len(o.Segments) > 1) {
				return nil, bad("a segment is not well formed")
			}
			total += s.PlainLength
			ob.Segments = append(ob.Segments, Segment{i, s.Blob, s.Offset, s.Length, s.PlainLength, sum})
		}
		if total != o.Size {
			return nil, bad("an object's size is not that of its segments")
		}
		if ob.Segments[len(ob.Segments)-1].PlainSHA256 != ob.SHA256 {
			return nil, bad("the last segment does not end with the object's digest")
		}
		e.entries = append(e.entries, entry{ob, o.Identity})
	}
	for _, ob := range in.Erased {
		if archive.CheckID(archive.PrefixObject, ob) != nil || seen[ob] {
			return nil, bad("an erased object is not well formed")
		}
		seen[ob] = true
	}
	e.erased = in.Erased
	return e, nil
}

// key parses the object's key; done when the object is read, since an envelope can list thousands.
func (e entry) key() (*age.HybridIdentity, error) {
	id, err := age.ParseHybridIdentity(e.identity)
	if err != nil {
		return nil, fmt.Errorf("%w: the key of object %s", ErrFormat, e.ID)
	}
	return id, nil
}

func parseSum(text string) (sum [32]byte, ok bool) {
	if len(text) != 64 {
		return sum, false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return sum, false
		}
	}
	_, err := hex.Decode(sum[:], []byte(text))
	return sum, err == nil
}

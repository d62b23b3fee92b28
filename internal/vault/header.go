package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"

	"zapis/internal/archive"
)

const (
	formatVersion = 1
	chunkSize     = 64 << 10 // plaintext bytes of one authenticated chunk of age

	// DefaultSegmentSize is the plaintext length of a segment, in bytes. Also the largest that is allowed.
	DefaultSegmentSize = 64 << 20
	minSegmentSize     = chunkSize
)

// Header is vault.json: what can be known without a key.
type Header struct {
	Format      int    `json:"format"`       // version of the layout; 1
	Vault       string `json:"vault"`        // va_…
	Created     string `json:"created"`      // RFC 3339, UTC, whole seconds
	SegmentSize int64  `json:"segment_size"` // plaintext bytes of every segment but an object's last
	Recipient   string `json:"recipient"`    // age1pq1…: whom envelopes and secrets are sealed to
}

func (h Header) encode() []byte { return canonical(h) }

// binding is the part of the header that never changes; it is sealed together with the key, so that a changed
// header is noticed when the vault is opened.
func (h Header) binding() string {
	return fmt.Sprintf("%s%d %s %s %d", keyLinePrefix, h.Format, h.Vault, h.Created, h.SegmentSize)
}

// parseHeader accepts exactly the bytes that encode gives: an unknown field, another order, a doubled key or a
// stray space is an error, because nothing but this program writes the file.
func parseHeader(data []byte) (Header, error) {
	var probe struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &probe); err != nil {
		return Header{}, fmt.Errorf("%w: vault.json is not JSON", ErrFormat)
	}
	if probe.Format != formatVersion {
		return Header{}, fmt.Errorf("%w: vault.json has format %d, this version knows %d", ErrFormat, probe.Format, formatVersion)
	}
	var h Header
	if err := strict(data, &h); err != nil {
		return Header{}, fmt.Errorf("%w: vault.json: %w", ErrFormat, err)
	}
	if err := archive.CheckID(archive.PrefixVault, h.Vault); err != nil {
		return Header{}, fmt.Errorf("%w: vault.json: %w", ErrFormat, err)
	}
	created, err := time.Parse(time.RFC3339, h.Created)
	if err != nil || created.UTC().Format(time.RFC3339) != h.Created {
		return Header{}, fmt.Errorf("%w: vault.json: created is not a UTC time in whole seconds", ErrFormat)
	}
	if err := checkSegmentSize(h.SegmentSize); err != nil {
		return Header{}, fmt.Errorf("%w: vault.json: %w", ErrFormat, err)
	}
	if _, err := age.ParseHybridRecipient(h.Recipient); err != nil {
		return Header{}, fmt.Errorf("%w: vault.json: the recipient is not a hybrid age recipient", ErrFormat)
	}
	return h, nil
}

func checkSegmentSize(n int64) error {
	if n < minSegmentSize || n > DefaultSegmentSize || n%chunkSize != 0 {
		return fmt.Errorf("%w: a segment has 64 KiB to 64 MiB in steps of 64 KiB", archive.ErrInvalid)
	}
	return nil
}

// Inspect reads vault.json: ErrNotVault, ErrFormat. It needs no key and proves nothing: what it returns is only
// compared with the sealed key by Open.
func Inspect(ctx context.Context, b Backend) (Header, error) {
	data, err := readSmall(ctx, b, headerName, 64<<10)
	if errors.Is(err, ErrNotFound) {
		return Header{}, ErrNotVault
	}
	if err != nil {
		return Header{}, fmt.Errorf("read vault.json: %w", err)
	}
	return parseHeader(data)
}

// canonical gives the one form in which the vault writes JSON: fields in the stated order, no spaces, no HTML escaping,
// one newline at the end.
func canonical(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("vault: encode own type: %v", err)) // only strings, integers and slices of them
	}
	return buf.Bytes()
}

// strict decodes data into v and demands that data is what canonical(v) gives.
func strict[T any](data []byte, v *T) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		// The text of the decoder's error quotes the input, which may be a key.
		return errors.New("not the expected JSON")
	}
	if !bytes.Equal(canonical(*v), data) {
		return errors.New("not in canonical form")
	}
	return nil
}

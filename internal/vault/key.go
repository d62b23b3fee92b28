package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"filippo.io/age"
)

const (
	keyLinePrefix = "# zapis vault key "

	// DefaultWorkFactor is the scrypt cost (log2 N) of the passphrase: about half a second and 128 MiB.
	DefaultWorkFactor = 17
	// A header made by somebody else must not make us allocate gigabytes.
	maxWorkFactor = 20
	// More identities than rotation ever leaves mean that the file is not ours.
	maxIdentities = 16
)

// Key is the opened identity of a vault, newest first; more than one while a rotation is under way. It never
// prints itself.
type Key struct {
	ids   []*age.HybridIdentity
	lines []string // the same in text
}

// String says nothing.
func (Key) String() string { return "[vault key]" }

// GoString says nothing.
func (Key) GoString() string { return "[vault key]" }

// LogValue says nothing.
func (Key) LogValue() slog.Value { return slog.StringValue("[vault key]") }

// MarshalText refuses: a key is never written by chance.
func (Key) MarshalText() ([]byte, error) { return nil, errors.New("a vault key is not written") }

func (k Key) identities() []age.Identity {
	out := make([]age.Identity, len(k.ids))
	for i, id := range k.ids {
		out[i] = id
	}
	return out
}

// text is what every file under key/ holds when opened: an age identity file, its first line a comment that binds
// it to the header.
func (k Key) text(h Header) []byte {
	return []byte(h.binding() + "\n" + strings.Join(k.lines, "\n") + "\n")
}

// parseKeyText checks the binding before anything else is believed.
func parseKeyText(text []byte, h Header) (Key, error) {
	first, rest, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(first, keyLinePrefix) || !strings.HasSuffix(rest, "\n") {
		return Key{}, fmt.Errorf("%w: the sealed key is not a vault key", ErrFormat)
	}
	if first != h.binding() {
		return Key{}, fmt.Errorf("%w: vault.json and the sealed key disagree", ErrForeign)
	}
	var k Key
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		id, err := age.ParseHybridIdentity(line)
		if err != nil || len(k.ids) == maxIdentities {
			return Key{}, fmt.Errorf("%w: the sealed key is not a vault key", ErrFormat)
		}
		k.ids, k.lines = append(k.ids, id), append(k.lines, line)
	}
	for _, id := range k.ids {
		if id.Recipient().String() == h.Recipient {
			return k, nil
		}
	}
	// Without this comparison a changed header would make us seal to somebody else.
	return Key{}, fmt.Errorf("%w: the recipient in vault.json is not ours", ErrForeign)
}

// Unlock is a way to open a vault: [Passphrase] or [KeyFile].
type Unlock interface {
	// slotText opens the first matching file under key/.
	slotText(ctx context.Context, b Backend) ([]byte, error)
}

type passphrase []byte

// Passphrase opens a vault with its passphrase.
func Passphrase(p []byte) Unlock { return passphrase(bytes.Clone(p)) }

func (p passphrase) String() string   { return "[passphrase]" }
func (p passphrase) GoString() string { return "[passphrase]" }

func (p passphrase) slotText(ctx context.Context, b Backend) ([]byte, error) {
	id, err := age.NewScryptIdentity(string(p))
	if err != nil {
		return nil, fmt.Errorf("%w: the passphrase is empty", ErrCannotOpen)
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	text, err := openSlot(ctx, b, passphraseAt, id)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: this vault has no passphrase", ErrCannotOpen)
	}
	return text, err
}

type keyFile []byte

// KeyFile opens a vault with the text of an age identity file (AGE-SECRET-KEY-PQ-1… or AGE-SECRET-KEY-1…; comments
// allowed).
func KeyFile(identity []byte) Unlock { return keyFile(bytes.Clone(identity)) }

func (keyFile) String() string   { return "[key file]" }
func (keyFile) GoString() string { return "[key file]" }

func (f keyFile) slotText(ctx context.Context, b Backend) ([]byte, error) {
	ids, err := age.ParseIdentities(bytes.NewReader(f))
	if err != nil {
		// The parser's error may quote the line.
		return nil, fmt.Errorf("%w: the key file is not an age identity file", ErrCannotOpen)
	}
	for _, id := range ids {
		var recipient string
		switch id := id.(type) {
		case *age.HybridIdentity:
			recipient = id.Recipient().String()
		case *age.X25519Identity:
			recipient = id.Recipient().String()
		default:
			continue
		}
		text, err := openSlot(ctx, b, keyFileSlot(recipient), id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		return text, err
	}
	return nil, fmt.Errorf("%w: the vault knows no such key file", ErrCannotOpen)
}

// Fingerprint names the recipient of a key file: 16 hex characters of the SHA-256 of its text.
func Fingerprint(recipient string) string {
	sum := sha256.Sum256([]byte(recipient))
	return hex.EncodeToString(sum[:8])
}

func keyFileSlot(recipient string) string {
	return keyPrefix + "file-" + Fingerprint(recipient) + ageSuffix
}

func openSlot(ctx context.Context, b Backend, name string, id age.Identity) ([]byte, error) {
	sealed, err := readSmall(ctx, b, name, 64<<10)
	if err != nil {
		return nil, err
	}
	text, err := unseal(sealed, id)
	if err != nil {
		if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
			return nil, fmt.Errorf("%w: %s", ErrCannotOpen, name)
		}
		// What exactly age disliked is of no use to an honest caller, so the cause is flattened.
		return nil, corrupt("%s is damaged", name)
	}
	return text, nil
}

// slots are the files under key/ that a set of passphrase and key files calls for.
type slot struct {
	name      string
	recipient age.Recipient
}

func makeSlots(pass []byte, keyFiles []string, workFactor int) ([]slot, error) {
	var slots []slot
	if len(pass) > 0 {
		r, err := age.NewScryptRecipient(string(pass))
		if err != nil {
			return nil, errors.New("the passphrase cannot be used")
		}
		if workFactor == 0 {
			workFactor = DefaultWorkFactor
		}
		if workFactor < 1 || workFactor > maxWorkFactor {
			return nil, fmt.Errorf("a work factor is 1 to %d", maxWorkFactor)
		}
		r.SetWorkFactor(workFactor)
		slots = append(slots, slot{passphraseAt, r})
	}
	for _, text := range keyFiles {
		r, err := parseRecipient(text)
		if err != nil {
			return nil, err
		}
		slots = append(slots, slot{keyFileSlot(fmt.Sprint(r)), r})
	}
	if len(slots) == 0 {
		return nil, errors.New("a vault needs a passphrase or a key file")
	}
	return slots, nil
}

func parseRecipient(text string) (age.Recipient, error) {
	text = strings.TrimSpace(text)
	if r, err := age.ParseHybridRecipient(text); err == nil {
		return r, nil
	}
	if r, err := age.ParseX25519Recipient(text); err == nil {
		return r, nil
	}
	return nil, errors.New("the recipient of a key file begins with age1pq1 or age1")
}

// seal makes one age file in memory.
func seal(plain []byte, to age.Recipient) ([]byte, error) {
	var buf bytes.Buffer
	w, err := age.Encrypt(&buf, to)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return buf.Bytes(), nil
}

// unseal opens one age file in memory.
func unseal(sealed []byte, ids ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// readSmall reads a whole file that is expected to be small; a longer one is not ours.
func readSmall(ctx context.Context, b Backend, name string, limit int64) ([]byte, error) {
	r, err := b.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return readAllOf(r, limit)
}

func readAllOf(r BlobReader, limit int64) (data []byte, err error) {
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	if r.Size() > limit {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrFormat, limit)
	}
	data = make([]byte, r.Size())
	n, err := r.ReadAt(data, 0)
	if n == len(data) {
		return data, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

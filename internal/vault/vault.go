package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"filippo.io/age"

	"zapis/internal/archive"
)

// Vault is an opened vault. It is safe for concurrent use; a Batch and a Reader are not, except where said.
type Vault struct {
	b    Backend
	now  func() time.Time
	rand io.Reader

	// mu orders what rewrites files: secrets, erasure, rotation.
	mu sync.Mutex

	state struct { // changed only by Rekey
		sync.RWMutex
		header    Header
		key       Key
		recipient *age.HybridRecipient
	}
	cache envelopeCache
}

// bufferSize is the unit in which bytes travel between the stages of sealing and opening.
const bufferSize = 1 << 20

type buffer = *[bufferSize]byte

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// CreateOptions says how a new vault is locked. At least one of Passphrase and KeyFileRecipients is needed.
type CreateOptions struct {
	Passphrase        []byte
	KeyFileRecipients []string // age1pq1… or age1…
	SegmentSize       int64    // bytes; 0: DefaultSegmentSize
	WorkFactor        int      // log2 N of scrypt; 0: DefaultWorkFactor
	Rand              io.Reader
	Now               func() time.Time
}

// Create makes a vault in an empty place: ErrExists if anything is there. vault.json is written last, so that an
// interrupted Create leaves a place that Open refuses (ErrNotVault) and that must be emptied by hand: a vault is
// never completed by guessing.
func Create(ctx context.Context, b Backend, o CreateOptions) (*Vault, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	if err := checkSegmentSize(o.SegmentSize); err != nil {
		return nil, fmt.Errorf("create vault: %w", err)
	}
	slots, err := makeSlots(o.Passphrase, o.KeyFileRecipients, o.WorkFactor)
	if err != nil {
		return nil, fmt.Errorf("create vault: %w: %w", archive.ErrInvalid, err)
	}
	for _, err := range b.List(ctx, "") { // one entry is enough
		if err != nil {
			return nil, fmt.Errorf("create vault: %w", err)
		}
		return nil, fmt.Errorf("create vault: the place is not empty: %w", ErrExists)
	}
	v := &Vault{b: b, now: o.Now, rand: o.Rand}
	v.defaults()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("create vault: %w", err)
	}
	h := Header{
		Format: formatVersion, Vault: v.newID(archive.PrefixVault), Created: v.now().UTC().Format(time.RFC3339),
		SegmentSize: o.SegmentSize, Recipient: id.Recipient().String(),
	}
	k := Key{[]*age.HybridIdentity{id}, []string{id.String()}}
	v.set(h, k)
	header := h.encode()
	lines := []sumLine{{headerName, sha256.Sum256(header)}}
	for _, s := range slots {
		sealed, err := seal(k.text(h), s.recipient)
		if err != nil {
			return nil, fmt.Errorf("create vault: %w", err)
		}
		if err := b.Replace(ctx, s.name, sealed); err != nil {
			return nil, fmt.Errorf("create vault: %s: %w", s.name, err)
		}
		lines = append(lines, sumLine{s.name, sha256.Sum256(sealed)})
	}
	if err := b.Replace(ctx, vaultSums, encodeSums(lines)); err != nil {
		return nil, fmt.Errorf("create vault: %s: %w", vaultSums, err)
	}
	if err := b.Replace(ctx, headerName, header); err != nil {
		return nil, fmt.Errorf("create vault: %s: %w", headerName, err)
	}
	return v, nil
}

// Open opens a vault: ErrNotVault, ErrFormat, ErrCannotOpen (wrong passphrase or key file), ErrForeign (header and
// sealed key disagree), ErrCorrupt (the sealed key is damaged).
func Open(ctx context.Context, b Backend, u Unlock) (*Vault, error) {
	h, err := Inspect(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	text, err := u.slotText(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	k, err := parseKeyText(text, h)
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	v := &Vault{b: b}
	v.defaults()
	v.set(h, k)
	return v, nil
}

func (v *Vault) defaults() {
	if v.now == nil {
		v.now = time.Now
	}
	if v.rand == nil {
		v.rand = rand.Reader
	}
}

func (v *Vault) set(h Header, k Key) {
	r, err := age.ParseHybridRecipient(h.Recipient)
	if err != nil {
		panic("vault: recipient was checked before") // parseHeader and Create
	}
	v.state.Lock()
	defer v.state.Unlock()
	v.state.header, v.state.key, v.state.recipient = h, k, r
}

func (v *Vault) header() Header {
	v.state.RLock()
	defer v.state.RUnlock()
	return v.state.header
}

func (v *Vault) key() Key {
	v.state.RLock()
	defer v.state.RUnlock()
	return v.state.key
}

func (v *Vault) recipient() *age.HybridRecipient {
	v.state.RLock()
	defer v.state.RUnlock()
	return v.state.recipient
}

func (v *Vault) newID(prefix string) string { return archive.NewIDFrom(prefix, v.now(), v.rand) }

// ID is the vault's identifier, va_….
func (v *Vault) ID() string { return v.header().Vault }

// Recipient is whom envelopes and secrets are sealed to, age1pq1…. It is public.
func (v *Vault) Recipient() string { return v.header().Recipient }

// SegmentSize is the plaintext length of every segment but the last, in bytes.
func (v *Vault) SegmentSize() int64 { return v.header().SegmentSize }

// Backend is the storage that the vault lies on.
func (v *Vault) Backend() Backend { return v.b }

// String names the vault and nothing else.
func (v *Vault) String() string { return v.ID() }

// Secret opens a named secret: ErrNotFound, ErrCorrupt.
func (v *Vault) Secret(ctx context.Context, name string) ([]byte, error) {
	at, err := secretName(name)
	if err != nil {
		return nil, err
	}
	sealed, err := readSmall(ctx, v.b, at, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	plain, err := unseal(sealed, v.key().identities()...)
	if err != nil {
		return nil, corrupt("secret %s does not open", name)
	}
	return plain, nil
}

// PutSecret keeps a small secret (at most 64 KiB) under a name: ErrExists if the name is taken. It is durable and read
// back when PutSecret returns nil.
func (v *Vault) PutSecret(ctx context.Context, name string, secret []byte) error {
	at, err := secretName(name)
	if err != nil {
		return err
	}
	if len(secret) > 64<<10 {
		return fmt.Errorf("%w: a secret has at most 64 KiB", archive.ErrInvalid)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	sealed, err := seal(secret, v.recipient())
	if err != nil {
		return fmt.Errorf("put secret %s: %w", name, err)
	}
	// Replace, so that a crash leaves no half secret under the name; that it is free is looked up, which suffices
	// because secrets are made once, by the process that creates the vault.
	if _, err := v.b.Stat(ctx, at); err == nil {
		return fmt.Errorf("put secret %s: %w", name, ErrExists)
	} else if !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("put secret %s: %w", name, err)
	}
	if err := v.b.Replace(ctx, at, sealed); err != nil {
		return fmt.Errorf("put secret %s: %w", name, err)
	}
	if err := readBackSmall(ctx, v.b, at, sealed); err != nil {
		return fmt.Errorf("put secret %s: %w", name, err)
	}
	if err := v.checkRecipient(ctx); err != nil {
		return fmt.Errorf("put secret %s: %w", name, err)
	}
	return v.writeVaultSums(ctx)
}

// writeVaultSums lists what is outside the envelopes: the header, the sealed keys, the secrets.
func (v *Vault) writeVaultSums(ctx context.Context) error {
	lines, err := vaultLines(ctx, v.b)
	if err != nil {
		return fmt.Errorf("write %s: %w", vaultSums, err)
	}
	if err := v.b.Replace(ctx, vaultSums, encodeSums(lines)); err != nil {
		return fmt.Errorf("write %s: %w", vaultSums, err)
	}
	return nil
}

func vaultLines(ctx context.Context, b Backend) ([]sumLine, error) {
	names := []string{headerName}
	for _, prefix := range []string{keyPrefix, secretPrefix} {
		for info, err := range b.List(ctx, prefix) {
			if err != nil {
				return nil, err
			}
			names = append(names, info.Name)
		}
	}
	slices.Sort(names)
	var lines []sumLine
	for _, name := range names {
		data, err := readSmall(ctx, b, name, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		lines = append(lines, sumLine{name, sha256.Sum256(data)})
	}
	return lines, nil
}

// checkRecipient makes sure that what was just sealed was sealed to whom the vault says now. A rotation in another
// process writes vault.json first and lists the envelopes afterwards; whoever sees the former recipient here
// has therefore written before the listing, and is found by it.
func (v *Vault) checkRecipient(ctx context.Context) error {
	h, err := Inspect(ctx, v.b)
	if err != nil {
		return err
	}
	if h != v.header() {
		return fmt.Errorf("%w: vault.json has changed since the vault was opened", ErrForeign)
	}
	return nil
}

// Envelopes yields the identifiers of all envelopes.
func (v *Vault) Envelopes(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range v.b.List(ctx, envPrefix) {
			if err != nil {
				yield("", fmt.Errorf("list envelopes: %w", err))
				return
			}
			if id, ok := idOf(info.Name, archive.PrefixEnvelope, EnvelopeName); ok && !yield(id, nil) {
				return
			}
		}
	}
}

// Blobs yields all blobs with their size; the digests are zero, since only sums and envelopes know them.
func (v *Vault) Blobs(ctx context.Context) iter.Seq2[Blob, error] {
	return func(yield func(Blob, error) bool) {
		for info, err := range v.b.List(ctx, blobPrefix) {
			if err != nil {
				yield(Blob{}, fmt.Errorf("list blobs: %w", err))
				return
			}
			if id, ok := idOf(info.Name, archive.PrefixBlob, BlobName); ok && !yield(Blob{Name: id, Size: info.Size}, nil) {
				return
			}
		}
	}
}

// Describe lists the objects of an envelope from the vault alone: ErrNotFound, ErrCorrupt, ErrFormat, ErrForeign.
func (v *Vault) Describe(ctx context.Context, envelope string) ([]Object, error) {
	e, err := v.readEnvelope(ctx, envelope)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(e.entries))
	for i, en := range e.entries {
		out[i] = en.Object
	}
	return out, nil
}

// DescribeCommit is Describe with everything else that an envelope says: the blobs of the commit, and the digest that
// the envelope has now (it changes when an object is erased or the vault's key is rotated).
func (v *Vault) DescribeCommit(ctx context.Context, id string) (Commit, error) {
	e, sealed, err := v.openEnvelope(ctx, id)
	if err != nil {
		return Commit{}, err
	}
	c := Commit{Envelope: id, EnvelopeSHA256: sha256.Sum256(sealed), EnvelopeSize: int64(len(sealed)), Blobs: e.blobs}
	for _, en := range e.entries {
		c.Objects = append(c.Objects, en.Object)
	}
	return c, nil
}

// openEnvelope reads and opens an envelope, past every cache of ours.
func (v *Vault) openEnvelope(ctx context.Context, id string) (*envelope, []byte, error) {
	if err := archive.CheckID(archive.PrefixEnvelope, id); err != nil {
		return nil, nil, err
	}
	sealed, err := readSmall(ctx, v.b, EnvelopeName(id), maxEnvelope)
	if err != nil {
		return nil, nil, fmt.Errorf("read envelope %s: %w", id, err)
	}
	e, err := v.unsealEnvelope(id, sealed)
	return e, sealed, err
}

func (v *Vault) unsealEnvelope(id string, sealed []byte) (*envelope, error) {
	plain, err := unseal(sealed, v.key().identities()...)
	if err != nil {
		if _, foreign := errors.AsType[*age.NoIdentityMatchError](err); foreign {
			// Damage in the stanza looks the same as another vault's envelope; both end the reading.
			return nil, corrupt("envelope %s does not open with this vault's key", id)
		}
		return nil, corrupt("envelope %s does not open", id)
	}
	e, err := parseEnvelope(plain, v.header(), id)
	clear(plain)
	return e, err
}

// openCold opens past the page cache where the storage can.
func openCold(ctx context.Context, b Backend, name string) (BlobReader, error) {
	if c, ok := b.(ColdOpener); ok {
		return c.OpenCold(ctx, name)
	}
	return b.Open(ctx, name)
}

// readBackSmall compares a small file with what was written.
func readBackSmall(ctx context.Context, b Backend, name string, want []byte) error {
	r, err := openCold(ctx, b, name)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	got, err := readAllOf(r, int64(len(want)))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(got, want) {
		return corrupt("read back differs from what was written")
	}
	return nil
}

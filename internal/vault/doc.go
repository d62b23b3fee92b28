// Package vault is the sealed, range-readable storage of originals and working copies.
//
// # What it guarantees
//
//   - What [Batch.Commit] acknowledged is on the device: every blob, the envelope and the sums were synced together
//     with their folders, then read back past the page cache and compared, before Commit returned nil.
//   - Nothing readable ever touches the storage: bytes are sealed with age (hybrid ML-KEM-768 and X25519) before
//     they leave memory; keys lie there only sealed to the vault, and the vault's key only sealed to a passphrase
//     or a key file.
//   - Every byte that a [Reader] returns is authenticated; damage gives [ErrCorrupt] with the object and the
//     segment, never wrong bytes.
//   - Each object has a key of its own, so [Vault.Erase] takes one object away for good and leaves its neighbours.
//   - Anyone can check a copy without keys and without a database ([CheckSums], or sha256sum -c), and anyone with
//     the key can open everything with the stock age command (docs/design/vault-format.md).
//   - Memory does not grow with the size of an object.
//
// # What it does not do
//
// It does not hide sizes, counts or times of commits. It does not authenticate who wrote: whoever may write to the
// storage can add sealed things, therefore the catalogue keeps the digest of each object and of each envelope, and
// compares. It keeps no names and no types of what it holds. It does not stop two processes from erasing or
// rotating keys at the same time; the caller holds a lock for these ([Vault.Erase], [Vault.Rekey]).
// Erasure destroys a key; what flash storage keeps of overwritten places is outside its reach.
//
// # Operations
//
// Backends are localdisk (a folder) and s3 (any S3-compatible store). Each needs a folder or prefix of its own,
// read and write rights, and, on disk, a file system whose fsync is honest. No temporary space is used
// elsewhere. Layout: vault.json, key/, secret/, blob/, envelope/, sums/.
package vault

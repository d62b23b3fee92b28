package vault

import (
	"fmt"
	"strings"

	"zapis/internal/archive"
)

const (
	headerName   = "vault.json"
	vaultSums    = "sums/vault"
	passphraseAt = "key/passphrase.age"
	keyPrefix    = "key/"
	secretPrefix = "secret/"
	blobPrefix   = "blob/"
	envPrefix    = "envelope/"
	sumsPrefix   = "sums/"
	ageSuffix    = ".age"
)

// BlobName gives the storage name of a blob: "blob/3f/bl_…".
func BlobName(id string) string { return blobPrefix + archive.Shard(id) + "/" + id }

// EnvelopeName gives the storage name of an envelope: "envelope/3f/en_….age".
func EnvelopeName(id string) string { return envPrefix + archive.Shard(id) + "/" + id + ageSuffix }

// SumsName gives the storage name of the sums of an envelope: "sums/3f/en_…".
func SumsName(envelope string) string { return sumsPrefix + archive.Shard(envelope) + "/" + envelope }

// idOf takes the identifier out of a storage name and says whether the name is exactly the one that build gives.
func idOf(name, prefix string, build func(string) string) (string, bool) {
	id := name[strings.LastIndexByte(name, '/')+1:]
	id = strings.TrimSuffix(id, ageSuffix)
	if archive.CheckID(prefix, id) != nil || build(id) != name {
		return "", false
	}
	return id, true
}

func secretName(name string) (string, error) {
	if len(name) == 0 || len(name) > 64 {
		return "", fmt.Errorf("%w: a secret's name has 1 to 64 characters", archive.ErrInvalid)
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return "", fmt.Errorf("%w: a secret's name has the characters a-z, 0-9 and -", archive.ErrInvalid)
		}
	}
	return secretPrefix + name + ageSuffix, nil
}

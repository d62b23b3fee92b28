package account

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
)

// MinPassword and MaxPassword bound the length of a password in characters. The upper bound only keeps one request
// from hashing a book.
const (
	MinPassword = 12
	MaxPassword = 256
)

// Argon are the costs of Argon2id (RFC 9106).
type Argon struct {
	Memory  uint32 // KiB
	Time    uint32
	Threads uint8
}

// DefaultArgon is the second recommended choice of RFC 9106 section 4: 64 MiB, three passes, four lanes.
var DefaultArgon = Argon{Memory: 64 << 10, Time: 3, Threads: 4}

const (
	saltSize = 16
	hashSize = 32
)

// CheckPassword refuses a password that is too short, too long, not text, or one character again and again.
func CheckPassword(password string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: the password is not valid UTF-8", archive.ErrInvalid)
	case n < MinPassword:
		return ErrPasswordShort
	case n > MaxPassword:
		return ErrPasswordLong
	}
	distinct := map[rune]struct{}{}
	for _, r := range password {
		distinct[r] = struct{}{}
	}
	if len(distinct) < 5 || wellKnown(password) {
		return ErrPasswordKnown
	}
	return nil
}

// triedFirst are what well-known long passwords are put together from: words of the lists that leak again and again, and rows
// of the keyboard, Latin and Cyrillic.
var triedFirst = []string{
	"password", "passw0rd", "letmein", "welcome", "iloveyou", "administrator", "admin", "zapis", "qwertyuiop", "qwerty",
	"asdfghjkl", "zxcvbnm", "1q2w3e4r5t6y", "1q2w3e4r", "q1w2e3r4", "1qaz2wsx", "abcdefghijkl", "abcdef", "abc", "1234567890", "0987654321",
	"123456789", "12345678", "1234567", "123456", "12345", "1234", "123", "пароль", "йцукенгшщзхъ", "йцукен", "фывапролджэ", "ячсмить",
	"changeme", "secret", "monkey", "dragon", "football", "master", "login", "test",
}

// wellKnown says whether a password is nothing but such pieces, figures of years and signs at the end.
func wellKnown(password string) bool {
	rest := strings.ToLower(password)
	for _, piece := range triedFirst { // longer pieces come before those that they hold
		rest = strings.ReplaceAll(rest, piece, "")
	}
	rest = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, rest)
	return utf8.RuneCountInString(rest) < 4
}

// hashPassword gives the PHC string of a password: $argon2id$v=19$m=…,t=…,p=…$salt$hash. The password is brought
// to Unicode form NFC first, so that one typed on another keyboard is still the same.
func hashPassword(password string, cost Argon, random io.Reader) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	sum := argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, cost.Time, cost.Memory, cost.Threads, hashSize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, cost.Memory, cost.Time, cost.Threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// verifyPassword says whether password is the one that phc was made from. A malformed phc is archive.ErrIntegrity.
func verifyPassword(password, phc string) (bool, error) {
	cost, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	sum := argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, cost.Time, cost.Memory, cost.Threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(sum, want) == 1, nil
}

// parsePHC reads what hashPassword wrote. Costs are bounded, since a damaged row must not exhaust the machine.
func parsePHC(phc string) (cost Argon, salt, sum []byte, err error) {
	bad := fmt.Errorf("password hash: %w", archive.ErrIntegrity)
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return cost, nil, nil, bad
	}
	for _, kv := range strings.Split(part[3], ",") {
		k, v, _ := strings.Cut(kv, "=")
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return cost, nil, nil, bad
		}
		switch k {
		case "m":
			cost.Memory = uint32(n)
		case "t":
			cost.Time = uint32(n)
		case "p":
			if n > 16 {
				return cost, nil, nil, bad
			}
			cost.Threads = uint8(n)
		default:
			return cost, nil, nil, bad
		}
	}
	if cost.Memory < 8 || cost.Memory > 1<<20 || cost.Time < 1 || cost.Time > 64 || cost.Threads < 1 {
		return cost, nil, nil, bad
	}
	if salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil || len(salt) < 8 || len(salt) > 64 {
		return cost, nil, nil, bad
	}
	if sum, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(sum) < 16 || len(sum) > 64 {
		return cost, nil, nil, bad
	}
	return cost, salt, sum, nil
}

// tokenSize is the randomness of a sign-in link in bytes.
const tokenSize = 32

// newToken gives the secret part of a link: 256 random bits, base64url without padding.
func newToken(random io.Reader) (string, error) {
	raw := make([]byte, tokenSize)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// hashToken is what the database keeps of a link. The token carries 256 random bits, so that a plain hash cannot
// be guessed.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte("zapis sign-in link v1\x00" + token))
	return sum[:]
}

// recovery codes: ten of 80 bits each, Crockford base 32 in four groups of four.
const recoveryCodes = 10

var recoveryAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newRecoveryCodes(random io.Reader) ([]string, error) {
	out := make([]string, recoveryCodes)
	for i := range out {
		var raw [10]byte
		if _, err := io.ReadFull(random, raw[:]); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
		s := recoveryAlphabet.EncodeToString(raw[:])
		out[i] = s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
	}
	return out, nil
}

// normalRecovery brings a typed code to the stored form: lower case, no separators, o read as 0, i and l as 1.
func normalRecovery(code string) string {
	return strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1").Replace(strings.ToLower(strings.TrimSpace(code)))
}

func hashRecovery(account, code string) []byte {
	sum := sha256.Sum256([]byte("zapis recovery code v1\x00" + account + "\x00" + normalRecovery(code)))
	return sum[:]
}

// CheckName refuses a display name that is empty, too long, or has characters that do not show.
func CheckName(name string) (string, error) {
	name = norm.NFC.String(strings.Join(strings.Fields(name), " "))
	if n := utf8.RuneCountInString(name); n == 0 || n > 60 || !utf8.ValidString(name) {
		return "", ErrName
	}
	for _, r := range name {
		// Control and format characters (among them the ones that turn the direction of text) could
		// make one name look like another.
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x200b && r <= 0x200f) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2060 && r <= 0x206f) || r == 0xfeff || r == utf8.RuneError {
			return "", ErrName
		}
	}
	return name, nil
}

// nameKey is the form in which names are compared: NFKC, case folded.
func nameKey(name string) []byte {
	return bytes.ToLower(norm.NFKC.Bytes([]byte(strings.Join(strings.Fields(name), " "))))
}

var defaultRandom io.Reader = rand.Reader

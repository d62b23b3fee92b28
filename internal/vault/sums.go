package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const sumsSelf = "# sha256 of the lines above: "

// sumLine is one line of a sums file: a storage name and the SHA-256 of its bytes.
type sumLine struct {
	name string
	sum  [32]byte
}

// encodeSums writes the format of sha256sum (two spaces, names relative to the vault's root, newline), then a comment
// with the digest of the lines, so that damage to the sums themselves is told from damage to what they list.
func encodeSums(lines []sumLine) []byte {
	var buf bytes.Buffer
	for _, l := range lines {
		buf.WriteString(hex.EncodeToString(l.sum[:]))
		buf.WriteString("  ")
		buf.WriteString(l.name)
		buf.WriteByte('\n')
	}
	self := sha256.Sum256(buf.Bytes())
	buf.WriteString(sumsSelf + hex.EncodeToString(self[:]) + "\n")
	return buf.Bytes()
}

// parseSums accepts exactly what encodeSums writes.
func parseSums(data []byte) ([]sumLine, error) {
	text := string(data)
	at := strings.LastIndex(text, sumsSelf)
	if at < 0 || !strings.HasSuffix(text, "\n") {
		return nil, corrupt("a sums file without its last line")
	}
	self, ok := parseSum(strings.TrimSuffix(text[at+len(sumsSelf):], "\n"))
	if !ok || sha256.Sum256(data[:at]) != self {
		return nil, corrupt("a sums file does not agree with its last line")
	}
	var lines []sumLine
	for line := range strings.Lines(text[:at]) {
		line = strings.TrimSuffix(line, "\n")
		digest, name, ok := strings.Cut(line, "  ")
		sum, good := parseSum(digest)
		if !ok || !good || !plainName(name) {
			return nil, fmt.Errorf("%w: a line of a sums file", ErrFormat)
		}
		lines = append(lines, sumLine{name, sum})
	}
	return lines, nil
}

// plainName says whether name can be a storage name: it must never lead outside the vault.
func plainName(name string) bool {
	if name == "" || len(name) > 200 {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' {
			return false
		}
		for _, c := range []byte(part) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
				return false
			}
		}
	}
	return true
}

func envelopeSums(blobs []Blob, envelope string, envelopeSum [32]byte) []byte {
	lines := make([]sumLine, 0, len(blobs)+1)
	for _, b := range blobs {
		lines = append(lines, sumLine{BlobName(b.Name), b.SHA256})
	}
	return encodeSums(append(lines, sumLine{EnvelopeName(envelope), envelopeSum}))
}

package release

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
)

// needle is something that must not be found in any file of a bundle.
type needle struct {
	kind  string // "digest", "trace", "agent", "machine", "identifier"
	bytes []byte
	fold  bool // letters of either case
	word  bool // only with no letter or digit before and after it
}

// blockSize is how long a run of bytes is compared: twice as many that a file of a bundle has in common with an original are always found.
// Tables of coders that every encoder writes are shorter.
const blockSize = 1024

// digestNeedles gives every usual spelling of a digest, and its bytes.
func digestNeedles(sum []byte) []needle {
	text := []string{
		base64.StdEncoding.EncodeToString(sum), base64.RawStdEncoding.EncodeToString(sum), base64.URLEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum),
		base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum),
	}
	out := []needle{{kind: "digest", bytes: sum}, {kind: "digest", bytes: []byte(hex.EncodeToString(sum)), fold: true}}
	for _, s := range text {
		out = append(out, needle{kind: "digest", bytes: []byte(s)})
	}
	return out
}

// wordNeedles gives the spellings of a word of a trace in UTF-8 (both normal forms) and UTF-16. Words of fewer than four letters would be found
// everywhere.
func wordNeedles(kind, s string) []needle {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) < 4 || !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return nil
	}
	var out []needle
	seen := map[string]bool{}
	add := func(b string, fold, word bool) {
		if !seen[b] {
			seen[b] = true
			out = append(out, needle{kind: kind, bytes: []byte(b), fold: fold, word: word})
		}
	}
	for _, f := range []norm.Form{norm.NFC, norm.NFD} {
		for _, v := range []string{f.String(s), strings.ToLower(f.String(s)), strings.ToUpper(f.String(s))} {
			add(v, true, true)
		}
	}
	for _, big := range []bool{true, false} {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		add(string(b), false, false)
	}
	return out
}

// lower folds ASCII letters only, so that positions stay.
func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

func wordByte(c byte) bool {
	return c >= 0x80 || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '_'
}

// found says whether b holds the needle; folded is b with small letters.
func (n needle) found(b, folded []byte) bool {
	in, want := b, n.bytes
	if n.fold {
		in, want = folded, lower(n.bytes)
	}
	for from := 0; ; {
		i := bytes.Index(in[from:], want)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(want)
		if !n.word || (i == 0 || !wordByte(b[i-1])) && (end == len(b) || !wordByte(b[end])) {
			return true
		}
		from = i + 1
	}
}

// search reads a file to its end and gives the kinds of needles found in it, each once.
func search(r io.Reader, needles []needle) ([]string, error) {
	longest := 0
	for _, n := range needles {
		longest = max(longest, len(n.bytes))
	}
	keep := longest + 1 // with the byte before
	buf := make([]byte, 0, 1<<20+keep)
	var out []string
	seen := map[string]bool{}
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		folded := lower(buf)
		for _, x := range needles {
			if !seen[x.kind] && x.found(buf, folded) {
				seen[x.kind] = true
				out = append(out, x.kind)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		tail := min(keep, len(buf))
		copy(buf, buf[len(buf)-tail:])
		buf = buf[:tail]
	}
}

// blocks is the set of runs of a bundle, by a sum that rolls.
type blocks struct {
	sums map[uint64]struct{}
	seen [1 << 16]bool // of the low bits: most positions of an original need no look at the map
}

const rollBase = 0x9e3779b97f4a7c15 | 1

// rollOut is rollBase to the power of blockSize.
var rollOut = func() uint64 {
	p := uint64(1)
	for range blockSize {
		p *= rollBase
	}
	return p
}()

func slot(sum uint64) uint16 { return uint16(sum >> 40) }

// add reads a file and takes in its runs, one after the other. Runs of few different bytes are left out: every file has such.
func (s *blocks) add(r io.Reader) error {
	if s.sums == nil {
		s.sums = map[uint64]struct{}{}
	}
	buf := make([]byte, blockSize)
	for {
		_, err := io.ReadFull(r, buf)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var has [256]bool
		kinds := 0
		for _, c := range buf {
			if !has[c] {
				has[c] = true
				kinds++
			}
		}
		if kinds < 24 {
			continue
		}
		var sum uint64
		for _, c := range buf {
			sum = sum*rollBase + uint64(c) + 1
		}
		s.sums[sum] = struct{}{}
		s.seen[slot(sum)] = true
	}
}

// original is what one pass over an original gives.
type original struct {
	sha256 [32]byte
	sha1   [20]byte
	md5    [16]byte
	shared bool // a run of it is in the bundle
}

// readOriginal reads an original to its end.
func readOriginal(ctx context.Context, r io.Reader, s *blocks) (o original, err error) {
	hs, h1, h5 := sha256.New(), sha1.New(), md5.New() //nolint:gosec // to look for them, not to rely on them
	var sum uint64
	var window [blockSize]byte
	var n int64
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return o, err
		}
		k, err := r.Read(buf)
		b := buf[:k]
		_, _ = hs.Write(b) // a hash gives no error
		_, _ = h1.Write(b)
		_, _ = h5.Write(b)
		if len(s.sums) > 0 && !o.shared {
			at := int(n % blockSize)
			for _, c := range b {
				old := uint64(window[at]) + 1
				if n < blockSize {
					old = 0
				}
				sum = sum*rollBase + uint64(c) + 1 - old*rollOut
				window[at] = c
				if at++; at == blockSize {
					at = 0
				}
				n++
				if s.seen[slot(sum)] && n >= blockSize {
					if _, hit := s.sums[sum]; hit {
						o.shared = true
						break
					}
				}
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return o, fmt.Errorf("read original: %w", err)
		}
	}
	o.sha256, o.sha1, o.md5 = [32]byte(hs.Sum(nil)), [20]byte(h1.Sum(nil)), [16]byte(h5.Sum(nil))
	return o, nil
}

// pictureProblem says why a JPEG or PNG may not leave: it must be made of picture data alone, with nothing after its end. Empty: nothing.
func pictureProblem(name string, b []byte) string {
	if strings.HasSuffix(name, ".png") {
		return pngProblem(b)
	}
	return jpegProblem(b)
}

func jpegProblem(b []byte) string {
	if len(b) < 4 || b[0] != 0xff || b[1] != 0xd8 {
		return "no JPEG"
	}
	i := 2
	for i+4 <= len(b) {
		if b[i] != 0xff {
			return "damaged"
		}
		m := b[i+1]
		size := int(b[i+2])<<8 | int(b[i+3])
		if size < 2 || i+2+size > len(b) {
			return "damaged"
		}
		switch {
		case m == 0xdb, m == 0xc4, m == 0xc0, m == 0xc1, m == 0xc2, m == 0xdd: // tables, frame, restart interval
		case m == 0xe0 && size == 16 && bytes.HasPrefix(b[i+4:], []byte("JFIF\x00")): // without a thumbnail
		case m == 0xda:
			i += 2 + size
			// Entropy-coded data up to the next marker that is no restart and no stuffed byte.
			for i+1 < len(b) && (b[i] != 0xff || b[i+1] == 0 || b[i+1] >= 0xd0 && b[i+1] <= 0xd7) {
				i++
			}
			if i+2 == len(b) && b[i] == 0xff && b[i+1] == 0xd9 {
				return ""
			}
			if i+1 < len(b) && b[i+1] == 0xd9 {
				return "bytes after the end"
			}
			continue
		default:
			return "a segment that is no picture"
		}
		i += 2 + size
	}
	return "no end"
}

func pngProblem(b []byte) string {
	const head = "\x89PNG\r\n\x1a\n"
	if !bytes.HasPrefix(b, []byte(head)) {
		return "no PNG"
	}
	for i := len(head); i+12 <= len(b); {
		size := int(b[i])<<24 | int(b[i+1])<<16 | int(b[i+2])<<8 | int(b[i+3])
		if size < 0 || size > len(b)-i-12 {
			return "damaged"
		}
		switch string(b[i+4 : i+8]) {
		case "IHDR", "PLTE", "tRNS", "IDAT":
		case "IEND":
			if i+12+size != len(b) || size != 0 {
				return "bytes after the end"
			}
			return ""
		default:
			return "a chunk that is no picture"
		}
		i += 12 + size
	}
	return "no end"
}

// is says whether what was read is the item.
func (o original) is(it archive.Item) bool { return bytes.Equal(o.sha256[:], it.SHA256) }

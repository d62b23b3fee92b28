package erase

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/tlog"
	"zapis/internal/vault"
)

// maxLine bounds a line of a manifest: two paths of at most some kilobytes, in base64, and their safe spelling.
const maxLine = 1 << 20

// canonical writes JSON as in RFC 8785. All keys are ASCII and all values text, so that sorting by bytes and leaving everything
// but quotes, backslashes and control characters alone is all that it asks.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write canonical text: %w", archive.ErrInvalid)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// reduce copies a manifest line by line, each byte as it was, but for the lines of one item, which keep nothing but their number,
// their identifier and that of the item, and for the first line, which gets a random number: without it somebody who knows all
// other lines could confirm a guess at what is erased later by the digest of this manifest. It gives how many lines it reduced.
func reduce(w io.Writer, r io.Reader, item string, nonce [32]byte) (lines int, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	first, ended := true, false
	for in.Scan() {
		raw := in.Bytes()
		var l struct{ Format, End, Item, Provenance, Seq, Outcome string }
		if err := json.Unmarshal(raw, &l); err != nil {
			return 0, fmt.Errorf("read manifest: %w: a line of it", archive.ErrIntegrity) // the cause could quote a name
		}
		var out []byte
		switch {
		case ended, first != (l.Format == "zapis manifest"):
			return 0, fmt.Errorf("read manifest: %w: its first or last line", archive.ErrIntegrity)
		case first:
			first = false
			var head map[string]string
			if err := json.Unmarshal(raw, &head); err != nil {
				return 0, fmt.Errorf("read manifest: %w: its first line", archive.ErrIntegrity)
			}
			head["nonce"] = hex.EncodeToString(nonce[:])
			if out, err = canonical(head); err != nil {
				return 0, err
			}
		case l.Item == item && l.Outcome != "erased":
			if out, err = canonical(map[string]string{"item": l.Item, "outcome": "erased", "provenance": l.Provenance, "seq": l.Seq}); err != nil {
				return 0, err
			}
			lines++
		default:
			out, ended = raw, l.End == "zapis manifest"
		}
		if _, err := w.Write(append(bytes.Clone(out), '\n')); err != nil {
			return 0, err
		}
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = archive.ErrIntegrity
		}
		return 0, fmt.Errorf("read manifest: %w", err)
	}
	if !ended {
		return 0, fmt.Errorf("read manifest: %w: it is cut off", archive.ErrIntegrity)
	}
	return lines, nil
}

// rewrite seals what is left of the manifest of an accession as a new object.
func (s *Service) rewrite(ctx context.Context, a archive.Accession, item string) (c vault.Commit, err error) {
	fail := func(err error) (vault.Commit, error) {
		return vault.Commit{}, fmt.Errorf("rewrite manifest of %s: %w", a.ID, err)
	}
	var nonce [32]byte
	if _, err := io.ReadFull(s.o.Rand, nonce[:]); err != nil {
		return fail(fmt.Errorf("read randomness: %w", err))
	}
	old, err := s.o.Vault.Reader(ctx, vault.Ref(a.Manifest))
	if err != nil {
		return fail(err)
	}
	defer old.Close()
	b := s.o.Vault.Begin(ctx)
	defer func() {
		if aerr := b.Abort(context.WithoutCancel(ctx)); aerr != nil && err == nil {
			err = aerr
		}
	}()
	h := sha256.New()
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	go func() {
		_, err := reduce(pw, io.TeeReader(old, h), item, nonce)
		_ = pw.CloseWithError(err)
		written <- err
	}()
	_, err = b.Add(ctx, pr, vault.AddOptions{})
	_ = pr.CloseWithError(io.ErrClosedPipe)
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return fail(werr)
	}
	if err != nil {
		return fail(err)
	}
	if !bytes.Equal(h.Sum(nil), a.ManifestSHA256) {
		return fail(fmt.Errorf("%w: the sealed manifest is not the one in the catalogue", archive.ErrIntegrity))
	}
	if c, err = b.Commit(ctx); err != nil {
		return fail(err)
	}
	return c, nil
}

// receiptFormat is what stands in the place of a receipt.
const receiptFormat = "zapis receipt after erasure"

// tombstone makes what takes the place of the receipt of an accession (docs/design/receipt.md): the tally stays; the digests over
// all files go, and the closing event with its salt. With them and all other files anybody could confirm a guess.
func (s *Service) tombstone(a archive.Accession, manifest vault.Object) ([]byte, error) {
	var was struct {
		Receipt struct {
			Checkpoint string `json:"checkpoint"`
			Tool       string `json:"tool"`
			Reference  string `json:"reference"`
			Vault      string `json:"vault"`
		} `json:"receipt"`
	}
	if err := json.Unmarshal(a.Receipt, &was); err != nil || was.Receipt.Checkpoint == "" {
		return nil, fmt.Errorf("receipt of %s: %w: it cannot be read", a.ID, archive.ErrIntegrity)
	}
	dec := func(n int64) string { return fmt.Sprint(n) }
	t := a.Tally
	body := map[string]any{
		"accession": a.ID, "checkpoint": was.Receipt.Checkpoint, "closed_at": archive.FormatTime(a.ClosedAt), "files": map[string]string{"count": dec(t.Received + t.Duplicates)},
		"format": receiptFormat, "manifest": map[string]string{"object": manifest.ID, "sha256": hex.EncodeToString(manifest.SHA256[:]), "size": dec(manifest.Size)},
		"opened_at": archive.FormatTime(a.CreatedAt), "reference": was.Receipt.Reference,
		"tally": map[string]string{"found": dec(t.Found), "received": dec(t.Received), "duplicates": dec(t.Duplicates), "skipped": dec(t.Skipped), "failed": dec(t.Failed), "bytes": dec(t.Bytes)},
		"tool":  was.Receipt.Tool, "vault": s.o.Vault.ID(), "verifier": strings.TrimSpace(s.o.Verifier), "version": "1",
	}
	raw, err := canonical(body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	text := "zapis receipt v1\n" + a.ID + "\n" + hex.EncodeToString(sum[:]) + "\n"
	note, err := tlog.SignText(text, s.o.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign what is left of the receipt of %s: %w", a.ID, err)
	}
	return canonical(map[string]any{"note": string(note), "receipt": body})
}

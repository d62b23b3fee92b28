package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"zapis/internal/app"
	"zapis/internal/ingest"
)

type receiptCmd struct {
	Verify receiptVerifyCmd `cmd:"" help:"Check the signatures of a receipt and, if asked, that it speaks of your files."`
}

type receiptVerifyCmd struct {
	File    string `arg:"" help:"The receipt as JSON."`
	Key     string `required:"" help:"Verifier key of the archive, or a file with it, got from elsewhere than the receipt."`
	Folder  string `xor:"files" help:"Folder that was handed over: every file in it must be in the receipt, and no other." placeholder:"DIR"`
	Digests string `xor:"files" help:"List of SHA-256 digests, as sha256sum writes it; - for standard input." placeholder:"FILE"`
}

func (c *receiptVerifyCmd) Run(k *call) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return withoutPath("read receipt", err)
	}
	key, err := keyText(c.Key)
	if err != nil {
		return err
	}
	r, err := ingest.VerifyReceipt(text, key)
	if err != nil {
		return err
	}
	files := "not compared"
	if c.Folder != "" || c.Digests != "" {
		digests, err := c.digests(k)
		if err != nil {
			return err
		}
		if got := ingest.NewFileSet(digests); got != r.Files {
			return fmt.Errorf("%w: the receipt speaks of %d files, here are %d, and the digests differ", app.ErrNotVerified, r.Files.Count, got.Count)
		}
		files = "the same"
	}
	if k.JSON {
		k.json(map[string]any{
			"ok": true, "vault": r.Vault, "accession": r.Accession, "reference": r.Reference, "closed_at": stamp(r.ClosedAt), "tally": tally(r.Tally),
			"files": r.Files.Count, "files_list_sha256": hex.EncodeToString(r.Files.List[:]), "manifest_sha256": hex.EncodeToString(r.ManifestSHA256[:]),
			"compared": files == "the same",
		})
		return nil
	}
	k.say("The receipt holds: signed by this key, and the closing it tells of is in the signed custody record.")
	k.say("%s of archive %s, closed %s: %d files, %s.", r.Reference, r.Vault, when(r.ClosedAt), r.Files.Count, size(r.Tally.Bytes))
	k.say("Your files: %s.", files)
	return nil
}

func (c *receiptVerifyCmd) digests(k *call) ([][sha256.Size]byte, error) {
	if c.Folder != "" {
		return hashFolder(k, c.Folder)
	}
	in := k.in
	if c.Digests != "-" {
		f, err := os.Open(c.Digests)
		if err != nil {
			return nil, withoutPath("open list of digests", err)
		}
		defer f.Close()
		in = f
	}
	return ingest.ReadDigests(in)
}

// hashFolder hashes every regular file below a folder.
func hashFolder(k *call, dir string) (out [][sha256.Size]byte, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, withoutPath("open folder", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if k.ctx.Err() != nil {
			return k.ctx.Err()
		}
		if !d.Type().IsRegular() {
			return nil
		}
		f, err := root.Open(filepath.FromSlash(path))
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		out = append(out, [sha256.Size]byte(h.Sum(nil)))
		return nil
	})
	if err != nil && !errors.Is(err, k.ctx.Err()) {
		return nil, withoutPath("read folder", err)
	}
	return out, err
}

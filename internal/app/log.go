package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/timestamp"
	"zapis/internal/vault/s3"
	"zapis/internal/web/asset"
)

// logName is the folder in the home folder with the checkpoints of the transparency log, in clear.
const logName = "log"

// LogDir holds the latest checkpoints of the transparency log outside the database.
func (h *Home) LogDir() string { return filepath.Join(h.Dir, logName) }

// openAnchor makes the room that keeps the transparency log.
func (a *App) openAnchor() (*anchor.Service, error) {
	c := a.Config
	hour, err := c.LogHour()
	if err != nil {
		return nil, err
	}
	o := anchor.Options{
		DB: a.DB, Secrets: a.Vault, Custody: a.Custody, Every: c.LogEvery, At: hour, Quorum: c.Quorum,
		Cosigner: &anchor.HTTPCosigner{}, Keeper: logKeeper{a.LogDir()}, CheckPage: asset.CheckPage(), Logger: a.Logger,
	}
	witnesses, err := c.LogWitnesses()
	if err != nil {
		return nil, err
	}
	for _, w := range witnesses {
		o.Witnesses = append(o.Witnesses, anchor.Witness{Name: w.Name, VerifierKey: w.VerifierKey, URL: w.URL})
	}
	roots, err := readRoots(c.TimeRoots)
	if err != nil {
		// Everything else goes on; without roots no stamp is called confirmed.
		a.Logger.Warn("root certificates of time authorities cannot be read", "error", err.Error())
	}
	authorities, err := c.LogAuthorities()
	if err != nil {
		return nil, err
	}
	for _, t := range authorities {
		o.Authorities = append(o.Authorities, anchor.TimeAuthority{Called: t.Name, Asks: timestamp.RFC3161{URL: t.URL, Roots: roots}})
	}
	calendars, err := c.LogCalendars()
	if err != nil {
		return nil, err
	}
	var headers timestamp.Headers
	if c.BlockHeaders != "" {
		headers = &blockHeaders{name: c.BlockHeaders}
	}
	for _, t := range calendars {
		o.Authorities = append(o.Authorities, anchor.TimeCalendar{Called: t.Name, Asks: timestamp.Calendar{URL: t.URL, Headers: headers}})
	}
	if c.Publish != "" {
		o.Publish = func(ctx context.Context) (anchor.Target, func() error, error) { return a.PublishTarget(ctx, c.Publish) }
	}
	return anchor.New(o)
}

// readRoots reads a file of PEM certificates; nil if none is named.
func readRoots(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, bare("read time_roots", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read time_roots: %w: no certificate in it", archive.ErrInvalid)
	}
	return pool, nil
}

// blockHeaders opens the file of Bitcoin block headers when a proof has reached a block, which is seldom: the whole chain is checked each
// time, so that a file which grew or was replaced meanwhile is believed for what it is now.
type blockHeaders struct{ name string }

// MerkleRoot implements timestamp.Headers.
func (b *blockHeaders) MerkleRoot(ctx context.Context, height int64) (root [32]byte, at time.Time, err error) {
	f, err := os.Open(b.name)
	if err != nil {
		return root, at, bare("read block_headers", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return root, at, bare("read block_headers", err)
	}
	h, err := timestamp.OpenHeaders(ctx, f, info.Size(), timestamp.Genesis)
	if err != nil {
		return root, at, err
	}
	return h.MerkleRoot(ctx, height)
}

// PublishTarget opens a place for publishing, an absolute folder or s3://…, for this process alone: archive.ErrBusy while another
// one publishes. Neither the vault nor its replica can be the place.
func (a *App) PublishTarget(ctx context.Context, place string) (anchor.Target, func() error, error) {
	if place == "" {
		return nil, nil, fmt.Errorf("%w: a folder or s3://… is needed", ErrUsage)
	}
	if !isS3(place) && !filepath.IsAbs(place) {
		return nil, nil, fmt.Errorf("%w: an absolute path or s3://… is needed", ErrUsage)
	}
	if !isS3(place) {
		place = filepath.Clean(place)
	}
	for _, own := range append([]string{a.vaultPlace(), a.Config.Replica}, a.Own()...) {
		// A folder in the home folder is as good as any; the home folder itself, or one around it, is not.
		if own != "" && (within(own, place) || own != a.Dir && within(place, own)) {
			return nil, nil, fmt.Errorf("%w: the transparency log cannot be published into the archive itself", ErrUsage)
		}
	}
	l, err := a.lock("publish", false)
	if err != nil {
		return nil, nil, err
	}
	if isS3(place) {
		b, err := OpenStorage(ctx, place)
		if err != nil {
			return nil, nil, errors.Join(err, l.Close())
		}
		return anchor.NewBucket(b), l.Close, nil
	}
	t, folder, err := anchor.OpenFolder(place)
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return t, func() error { return errors.Join(folder.Close(), l.Close()) }, nil
}

// within says whether one place is another or lies in it.
func within(place, in string) bool {
	if isS3(place) != isS3(in) {
		return false
	}
	if isS3(place) {
		p, err := s3.ParseURL(place)
		q, qerr := s3.ParseURL(in)
		if err != nil || qerr != nil || p.Bucket != q.Bucket || p.Endpoint != q.Endpoint {
			return false
		}
		place, in = "/"+p.Prefix, "/"+q.Prefix
	}
	return place == in || strings.HasPrefix(place, strings.TrimRight(in, "/")+"/")
}

// logKeeper keeps the checkpoints of the transparency log as files, each under its size. A database that is put back to an
// older state does not agree with them.
type logKeeper struct{ dir string }

var _ anchor.Keeper = logKeeper{}

// mostKept is how many of the newest are kept; one would do, the rest is for people.
const mostKept = 64

// Keep implements anchor.Keeper.
func (k logKeeper) Keep(note []byte) error {
	_, rest, _ := strings.Cut(string(note), "\n")
	size, _, ok := strings.Cut(rest, "\n")
	if !ok || size == "" || len(size) > 16 || strings.Trim(size, "0123456789") != "" {
		return fmt.Errorf("keep checkpoint: %w", archive.ErrInvalid)
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return bare("keep checkpoint", err)
	}
	name := strings.Repeat("0", 16-len(size)) + size + ".txt"
	if _, err := os.Stat(filepath.Join(k.dir, name)); err == nil {
		return writeOnce(filepath.Join(k.dir, name), note) // compares
	}
	if err := writeOnce(filepath.Join(k.dir, name), note); err != nil {
		return err
	}
	if err := syncDir(k.dir); err != nil {
		return err
	}
	names, err := k.names()
	if err != nil {
		return err
	}
	for len(names) > mostKept {
		if err := os.Remove(filepath.Join(k.dir, names[0])); err != nil {
			return bare("keep checkpoint", err)
		}
		names = names[1:]
	}
	return nil
}

// Kept implements anchor.Keeper.
func (k logKeeper) Kept() ([]byte, error) {
	names, err := k.names()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(k.dir, names[len(names)-1]))
	if err != nil {
		return nil, bare("read kept checkpoint", err)
	}
	return text, nil
}

// names lists the kept files by size, smallest first.
func (k logKeeper) names() ([]string, error) {
	entries, err := os.ReadDir(k.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, bare("read kept checkpoints", err)
	}
	var out []string
	for _, e := range entries {
		if n, ok := strings.CutSuffix(e.Name(), ".txt"); ok && len(n) == 16 && strings.Trim(n, "0123456789") == "" {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

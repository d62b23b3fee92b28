package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	ours "zapis/internal/tlog"
)

// What can come of watching a log, for errors.Is, besides those of Cosign.
var (
	// ErrPublication: what is published does not fit together (tiles that do not lead to the signed root). It may be half
	// copied; it is no evidence against the log.
	ErrPublication = errors.New("what is published does not fit together")
	// ErrForked: the published tree contradicts what was accepted; an incident says how.
	ErrForked = errors.New("published tree is another one")
	// ErrRolledBack: the published tree is smaller than what was accepted.
	ErrRolledBack = errors.New("published tree was put back")
)

const (
	checkpointFile = "checkpoint"
	tileBytes      = ours.TileWidth * ours.HashSize
)

// Watched is what came of looking at one log.
type Watched struct {
	Origin string
	Size   int64 // accepted afterwards
	Err    error // nil: grown or the same
}

// source is where a log is published.
type source interface {
	// get reads a file of at most limit bytes; fs.ErrNotExist if it is not there.
	get(ctx context.Context, name string, limit int64) ([]byte, error)
}

// openSource understands http and https addresses and folders.
func openSource(at string, h *http.Client) (source, error) {
	if u, ok := address(at); ok {
		if u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("address of a log: %w", ErrMalformed)
		}
		if h == nil {
			h = defaultHTTP
		}
		return webSource{h, strings.TrimRight(u.String(), "/")}, nil
	}
	if path, ok := strings.CutPrefix(at, "file://"); ok {
		at = path
	}
	if at == "" || strings.Contains(at, "://") {
		return nil, fmt.Errorf("address of a log: neither http, https nor a folder: %w", ErrMalformed)
	}
	return folderSource(at), nil
}

type folderSource string

func (s folderSource) get(_ context.Context, name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(string(s)) // anew each time: a stick may have been put in meanwhile
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
	}
	defer root.Close()
	if info, err := root.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a file", ErrUnreachable)
	}
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
	}
	defer f.Close() // only read
	return limited(f, limit)
}

type webSource struct {
	h    *http.Client
	base string
}

func (s webSource) get(ctx context.Context, name string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/"+name, nil)
	if err != nil {
		return nil, ErrUnreachable
	}
	req.Header.Set("User-Agent", "")
	resp, err := s.h.Do(req)
	if err != nil { // the cause carries the address
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, ErrUnreachable
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return limited(resp.Body, limit)
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden: // stores of objects say 403 for what is not there
		return nil, fs.ErrNotExist
	}
	return nil, fmt.Errorf("%w: status %d", ErrUnreachable, resp.StatusCode)
}

func limited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: cut off", ErrUnreachable)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: a file is too long", ErrPublication)
	}
	return data, nil
}

// tiles reads hashes of a published tree; the arithmetic of golang.org/x/mod checks each against the signed root.
type tiles struct {
	ctx context.Context
	s   source
}

func (t tiles) Height() int                     { return ours.TileHeight }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	for i, one := range want {
		name, err := ours.TilePath(one.L, one.N, one.W)
		if err != nil {
			return nil, err
		}
		data, err := t.s.get(t.ctx, name, tileBytes)
		if errors.Is(err, fs.ErrNotExist) && one.W < ours.TileWidth {
			// A log may take partial tiles away when the full one is there.
			name, err = ours.TilePath(one.L, one.N, ours.TileWidth)
			if err != nil {
				return nil, err
			}
			data, err = t.s.get(t.ctx, name, tileBytes)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: a tile is missing", ErrPublication)
		}
		if err != nil {
			return nil, err
		}
		if len(data) < one.W*ours.HashSize {
			return nil, fmt.Errorf("%w: a tile is too short", ErrPublication)
		}
		out[i] = data[:one.W*ours.HashSize]
	}
	return out, nil
}

// Watch looks at the published checkpoint of every log that has a URL, proves from its tiles that it contains what was
// accepted, and accepts it if so. Forks and rollbacks are kept as incidents. h is used for http; nil: a client with
// limits. The result has one entry for each log with a URL.
func (w *Witness) Watch(ctx context.Context, h *http.Client) []Watched {
	var out []Watched
	for _, l := range w.Status().Logs {
		if l.URL == "" {
			continue
		}
		err := ctx.Err()
		if err == nil {
			err = w.watch(ctx, l, h)
		}
		w.mu.Lock()
		size := w.logs[l.Origin].latest.Size
		w.mu.Unlock()
		if err != nil {
			err = fmt.Errorf("watch log: %w", err)
		}
		out = append(out, Watched{Origin: l.Origin, Size: size, Err: err})
	}
	return out
}

func (w *Witness) watch(ctx context.Context, l LogStatus, h *http.Client) error {
	s, err := openSource(l.URL, h)
	if err != nil {
		return err
	}
	signed, err := s.get(ctx, checkpointFile, maxNote)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: no checkpoint is published", ErrUnreachable)
	}
	if err != nil {
		return err
	}
	c, _, note, err := w.read(signed)
	if err != nil {
		return err
	}
	if c.Origin != l.Origin {
		return fmt.Errorf("%w: another log is published there", ErrPublication)
	}
	if c.Size <= l.Size && l.Note != "" {
		return w.watchOld(c, note)
	}
	reader := tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tiles{ctx, s})
	root := func(size int64) (ours.Hash, error) {
		h, err := ours.Root(size, reader)
		if err != nil && !errors.Is(err, ErrUnreachable) && ctx.Err() == nil {
			err = fmt.Errorf("size %d of %d: %w", size, c.Size, ErrPublication)
		}
		return h, err
	}
	if c.Size == 0 {
		return w.follow(c, note, 0, nil)
	}
	// Even what is seen for the first time has to be all there.
	if whole, err := root(c.Size); err != nil || whole != c.Root {
		return errors.Join(err, ErrPublication)
	}
	if err := w.watchNew(l, c, note, root, reader); err != nil {
		return err
	}
	return w.resolve(c, note, root, reader)
}

// watchOld compares a published checkpoint that is not larger than what was accepted.
func (w *Witness) watchOld(c ours.Checkpoint, note string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.logs[c.Origin]
	forked, err := w.compare(l, c, note)
	switch {
	case err != nil:
		return err
	case forked:
		return fmt.Errorf("size %d: %w", c.Size, ErrForked)
	case c.Size < l.latest.Size:
		return fmt.Errorf("size %d after %d: %w", c.Size, l.latest.Size, ErrRolledBack)
	}
	return nil
}

// watchNew proves that what was accepted is in a larger published tree, or that it is not.
func (w *Witness) watchNew(l LogStatus, c ours.Checkpoint, note string, root func(int64) (ours.Hash, error), reader tlog.HashReader) error {
	var proof []ours.Hash
	if l.Size > 0 {
		then, err := root(l.Size)
		if err != nil {
			return err
		}
		proof, err = ours.Consistency(l.Size, c.Size, reader)
		if err != nil {
			return fmt.Errorf("size %d of %d: %w", l.Size, c.Size, ErrPublication)
		}
		if then != l.Root {
			w.mu.Lock()
			defer w.mu.Unlock()
			return errors.Join(fmt.Errorf("size %d of %d: %w", l.Size, c.Size, ErrForked),
				w.keep(w.logs[c.Origin], Incident{Kind: KindFork, Size: l.Size, Held: l.Note, Shown: note, Root: &then, Proof: proof}))
		}
	}
	return w.follow(c, note, l.Size, proof)
}

// follow accepts without signing.
func (w *Witness) follow(c ours.Checkpoint, note string, old int64, proof []ours.Hash) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.accept(c, note, old, proof)
	if errors.Is(err, ErrConflict) && w.logs[c.Origin].latest.Size != old {
		return nil // it has grown while we read; the next look will tell
	}
	return err
}

// resolve looks up in the published tree, which is accepted by now, what incidents left open: a checkpoint that was shown
// without a proof is part of it, or it is the other side of a fork.
func (w *Witness) resolve(c ours.Checkpoint, note string, root func(int64) (ours.Hash, error), reader tlog.HashReader) error {
	w.mu.Lock()
	open := slices.Clone(w.logs[c.Origin].incidents)
	w.mu.Unlock()
	for _, i := range open {
		// A rollback may have been cleared by growth, and still have shown another tree.
		if i.Kind == KindFork || i.Kind == KindUnproven && !i.Open() || i.Size < 1 || i.Size >= c.Size {
			continue
		}
		_, shown, err := openText(i.Shown)
		if err != nil {
			return err
		}
		w.mu.Lock()
		p, known := w.logs[c.Origin].seen[i.Size]
		w.mu.Unlock()
		if known && p.root == shown.Root && !i.Open() {
			continue
		}
		then, err := root(i.Size)
		if err != nil {
			return err
		}
		w.mu.Lock()
		l := w.logs[c.Origin]
		if then == shown.Root {
			err = w.settle(l, func(one Incident) bool { return one.File == i.File })
		} else {
			proof, perr := ours.Consistency(i.Size, c.Size, reader)
			err = errors.Join(fmt.Errorf("size %d of %d: %w", i.Size, c.Size, ErrForked), perr)
			if perr == nil {
				err = errors.Join(err, w.keep(l, Incident{Kind: KindFork, Size: i.Size, Held: i.Shown, Shown: note, Root: &then, Proof: proof}),
					w.settle(l, func(one Incident) bool { return one.File == i.File }))
			}
		}
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNotThere is what a Store answers about a file that it does not hold.
var ErrNotThere = errors.New("not there")

// Store is a place for a site that holds files by name, such as a bucket. Names are relative, with slashes.
type Store interface {
	// Get reads a small file: ErrNotThere.
	Get(ctx context.Context, name string) ([]byte, error)
	// Put writes a file so that readers get the former one or the new one. kind is its media type, cache how long it may be kept.
	Put(ctx context.Context, name, kind, cache string, size int64, from io.Reader) error
	// Remove takes a file away; one that is not there is no error.
	Remove(ctx context.Context, name string) error
	// Empty says whether the place holds nothing at all.
	Empty(ctx context.Context) (bool, error)
}

// Sent says what Publish or Rsync did.
type Sent struct {
	Files   int `json:"files"`   // of the site
	Written int `json:"written"` // sent now
	Removed int `json:"removed"`
}

// ErrNotRemoved says that a place still holds files that are no longer part of the site, perhaps of a withdrawn release. Everything else was done; the
// next call tries again.
var ErrNotRemoved = errors.New("files that should be gone are still there")

// ErrChanged says that a site is not what Build made: somebody changed its files, or a build is under way.
var ErrChanged = errors.New("the site was changed since it was built")

// Publish sends the site that Build made in a folder to a store: what changed only, by the list of files that stands there. Media of
// withdrawn releases go first, so that nothing can hold that up; then pictures and clips come, then pages, then what is no longer part of the
// site goes. A file leaves only if it has the digest that the build gave it: ErrChanged. A call that is cut short is finished by the next one.
// ErrNotOurs if the store holds anything that Publish did not put there, ErrNotRemoved if it keeps what should go.
func Publish(ctx context.Context, dir string, to Store) (Sent, error) {
	root, m, err := openBuilt(dir)
	if err != nil {
		return Sent{}, err
	}
	defer root.Close() // only read
	there, err := storeList(ctx, to)
	if err != nil {
		return Sent{}, err
	}
	s := Sent{Files: len(m.Files)}
	// What does not go at the first attempt must not keep the rest there, nor the pages that say that it was withdrawn away.
	stuck := map[string]bool{}
	var trouble error
	drop := func(media bool) {
		for _, name := range slices.Sorted(mapKeys(there)) {
			if _, stays := m.Files[name]; stays || strings.HasPrefix(name, "media/") != media || ctx.Err() != nil {
				continue
			}
			if err := to.Remove(ctx, name); err != nil {
				stuck[name], trouble = true, err
				continue
			}
			s.Removed++
		}
	}
	left := func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(stuck) == 0 {
			return nil
		}
		return fmt.Errorf("%w: %d: %w", ErrNotRemoved, len(stuck), trouble)
	}
	if drop(true); ctx.Err() != nil {
		return s, ctx.Err()
	}
	// Until everything is sent, the list names what may be there, so that nothing is forgotten: without digests, so that all of it is sent again.
	both := manifest{Format: manifestFormat, Packed: m.Packed, Files: map[string]fileName{}}
	changed := map[string]bool{}
	for name, f := range m.Files {
		both.Files[name] = f
		if there[name] != f {
			changed[name] = true
			both.Files[name] = fileName{}
		}
	}
	for name := range there {
		if _, stays := m.Files[name]; !stays && (!strings.HasPrefix(name, "media/") || stuck[name]) {
			both.Files[name] = fileName{}
		}
	}
	if err := putList(ctx, to, both); err != nil {
		return s, errors.Join(err, left())
	}
	names := slices.Sorted(mapKeys(changed))
	slices.SortStableFunc(names, func(a, b string) int { return stage(a) - stage(b) })
	for _, name := range names {
		if err := putFile(ctx, to, root, name, m.Files[name]); err != nil {
			return s, errors.Join(fmt.Errorf("send a file of the site: %w", bare(err)), left())
		}
		s.Written++
	}
	if drop(false); ctx.Err() != nil {
		return s, ctx.Err()
	}
	for name := range stuck {
		m.Files[name] = fileName{}
	}
	return s, errors.Join(putList(ctx, to, m), left())
}

// stage orders what is sent: first what pages refer to, last what leads to them.
func stage(name string) int {
	switch {
	case strings.HasPrefix(name, "media/") || strings.HasPrefix(name, "style.") || name == "mark.svg":
		return 0
	case strings.Contains(name, "/r/") || strings.HasPrefix(name, "embed/"):
		return 1
	case path.Base(name) != "index.html" && path.Ext(name) == ".html":
		return 2
	}
	return 3
}

func openBuilt(dir string) (*os.Root, manifest, error) {
	var m manifest
	root, _, err := openCurrent(dir)
	if err != nil {
		return nil, m, fmt.Errorf("open the site: it is not built: %w", bare(err))
	}
	raw, err := root.ReadFile(nameManifest)
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err == nil && m.Format != manifestFormat {
		err = ErrChanged
	}
	if err != nil {
		return nil, m, errors.Join(fmt.Errorf("read the list of files of the site: %w", bare(err)), root.Close())
	}
	return root, m, nil
}

func storeList(ctx context.Context, to Store) (map[string]fileName, error) {
	raw, err := to.Get(ctx, nameManifest)
	if errors.Is(err, ErrNotThere) {
		empty, err := to.Empty(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at the place of the site: %w", err)
		}
		if !empty {
			return nil, ErrNotOurs
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what is published: %w", err)
	}
	var m manifest
	if json.Unmarshal(raw, &m) != nil || m.Format != manifestFormat {
		return nil, ErrNotOurs
	}
	for name := range m.Files {
		if path.Clean("/"+name) != "/"+name || name == nameManifest {
			return nil, ErrNotOurs // whoever may write there must not make us remove something else
		}
	}
	return m.Files, nil
}

func putList(ctx context.Context, to Store, m manifest) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := to.Put(ctx, nameManifest, types[".json"], cacheOf(nameManifest), int64(len(raw)), bytes.NewReader(raw)); err != nil {
		return fmt.Errorf("send the list of files: %w", err)
	}
	return nil
}

func putFile(ctx context.Context, to Store, root *os.Root, name string, is fileName) error {
	f, info, err := open(root, name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != is.SHA256 || info.Size() != is.Bytes {
		return ErrChanged
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	kind := types[path.Ext(name)]
	if kind == "" {
		kind = "text/plain; charset=utf-8" // _headers
	}
	return to.Put(ctx, name, kind, cacheOf(name), is.Bytes, f)
}

// cacheOf says how long a file may be kept by those between: media short enough for a withdrawal to be seen.
func cacheOf(name string) string {
	switch {
	case strings.HasPrefix(name, "media/"):
		return "max-age=600"
	case strings.HasPrefix(name, "style."):
		return "max-age=31536000, immutable"
	}
	return "max-age=60"
}

// checkTree compares every file of a tree with its list, so that what somebody changed on this machine does not spread to others.
func checkTree(ctx context.Context, root *os.Root, m manifest) error {
	want := maps.Clone(m.Files)
	maps.Copy(want, m.Packed)
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() || name == nameManifest:
			return nil
		}
		is, ok := want[name]
		delete(want, name)
		if !ok || !d.Type().IsRegular() {
			return ErrChanged
		}
		f, info, err := open(root, name)
		if err != nil {
			return err
		}
		defer f.Close() // only read
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		if info.Size() != is.Bytes || hex.EncodeToString(sum.Sum(nil)) != is.SHA256 {
			return ErrChanged
		}
		return nil
	})
	if err == nil && len(want) > 0 {
		err = ErrChanged
	}
	return err
}

// Rsync sends the site that Build made in a folder with the program rsync, which must be installed, to a folder or to host:folder. Media of
// withdrawn releases go first, in a run of their own; then new files come and take their names together at the end; what is no longer part of the
// site is removed. ErrChanged if the site is not what Build made, ErrNotOurs if the place holds something and no site; a place that holds a site is
// the site's alone. A call that is cut short is finished by the next one. What rsync writes is not passed on, since it names places.
func Rsync(ctx context.Context, dir, to string) (Sent, error) {
	if to == "" || strings.HasPrefix(to, "-") || strings.ContainsAny(to, "\x00\n") {
		return Sent{}, fmt.Errorf("%w: a place for rsync was expected", ErrConfig)
	}
	root, m, err := openBuilt(dir)
	if err != nil {
		return Sent{}, err
	}
	defer root.Close() // only read
	if err := checkTree(ctx, root, m); err != nil {
		return Sent{}, fmt.Errorf("read the site: %w", bare(err))
	}
	r := rsync{to: strings.TrimRight(to, "/") + "/"}
	if r.tool, err = exec.LookPath("rsync"); err != nil {
		return Sent{}, errors.New("rsync is not installed")
	}
	real, err := filepath.EvalSymlinks(filepath.Join(dir, nameCurrent))
	if err != nil {
		return Sent{}, fmt.Errorf("open the site: %w", bare(err))
	}
	r.from = real + "/"
	state, err := r.look(ctx)
	switch {
	case err != nil:
		return Sent{}, err
	case state == placeOther:
		return Sent{}, ErrNotOurs
	case state == placeEmpty:
		// The list comes first, so that a call that is cut short leaves a place that the next one knows.
		if _, err := r.run(ctx, "-t", "--chmod=D755,F644", "--", r.from+nameManifest, r.to); err != nil {
			return Sent{}, err
		}
	}
	s := Sent{Files: len(m.Files) + len(m.Packed) + 1} // and the list
	for _, args := range [][]string{
		{"-r", "--delete", "--existing", "--ignore-existing", "--include=/media/", "--include=/media/**", "--exclude=*"},
		{"-rtO", "--chmod=D755,F644", "--checksum", "--delay-updates", "--delete-delay"},
	} {
		out, err := r.run(ctx, append(args, "--out-format=%o %n", "--", r.from, r.to)...)
		if err != nil {
			return Sent{}, err
		}
		for line := range strings.Lines(out) {
			switch what, name, _ := strings.Cut(strings.TrimRight(line, "\n"), " "); {
			case strings.HasSuffix(name, "/"): // a folder
			case what == "send":
				s.Written++
			case what == "del.":
				s.Removed++
			}
		}
	}
	return s, nil
}

type rsync struct{ tool, from, to string }

func (r rsync) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.tool, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C") // its words are read below
	return cmd
}

func (r rsync) run(ctx context.Context, args ...string) (string, error) {
	out, err := r.command(ctx, args...).Output()
	if err != nil {
		return "", fmt.Errorf("rsync: %w", exitOnly(err))
	}
	return string(out), nil
}

// What a place holds.
const (
	placeEmpty = iota
	placeOurs
	placeOther
)

// look says what the place holds. Anything but a clear answer is an error: a place that cannot be seen may be somebody else's.
func (r rsync) look(ctx context.Context) (int, error) {
	cmd := r.command(ctx, "--list-only", "--", r.to)
	var said bytes.Buffer
	cmd.Stderr = &said
	listed, err := cmd.Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok && (e.ExitCode() == 23 || e.ExitCode() == 3) && bytes.Contains(said.Bytes(), []byte("No such file or directory")) {
			return placeEmpty, nil
		}
		return 0, fmt.Errorf("rsync does not reach the place: %w", exitOnly(err))
	}
	state := placeEmpty
	for line := range strings.Lines(string(listed)) {
		switch fields := strings.Fields(line); {
		case len(fields) == 0 || fields[len(fields)-1] == ".":
		case len(fields) == 5 && fields[4] == nameManifest:
			return placeOurs, nil
		default:
			state = placeOther
		}
	}
	return state, nil
}

// exitOnly keeps the number with which a program ended, and nothing that it wrote.
func exitOnly(err error) error {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("exit status %d", e.ExitCode())
	}
	return errors.New("it did not run")
}

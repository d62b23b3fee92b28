package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Publish sends the site that Build made in a folder to a store: what changed only, by the list of files that stands there. Media of
// withdrawn releases go first, so that nothing can hold that up; then pictures and clips come, then pages, then what is no longer part of the
// site goes. A call that is cut short is finished by the next one. ErrNotOurs if the store holds anything that Publish did not put there.
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
	drop := func(media bool) error {
		for _, name := range slices.Sorted(mapKeys(there)) {
			if _, stays := m.Files[name]; !stays && strings.HasPrefix(name, "media/") == media {
				if err := to.Remove(ctx, name); err != nil {
					return fmt.Errorf("remove a file of the site: %w", err)
				}
				s.Removed++
			}
		}
		return nil
	}
	if err := drop(true); err != nil {
		return s, err
	}
	// Until everything is sent, the list names what may be there, so that nothing is forgotten: without digests, so that all of it is sent again.
	both := manifest{Format: manifestFormat, Files: map[string]fileName{}}
	changed := map[string]bool{}
	for name, f := range m.Files {
		both.Files[name] = f
		if there[name] != f {
			changed[name] = true
			both.Files[name] = fileName{}
		}
	}
	for name := range there {
		if _, stays := m.Files[name]; !stays && !strings.HasPrefix(name, "media/") {
			both.Files[name] = fileName{}
		}
	}
	if err := putList(ctx, to, both); err != nil {
		return s, err
	}
	names := slices.Sorted(mapKeys(changed))
	slices.SortStableFunc(names, func(a, b string) int { return stage(a) - stage(b) })
	for _, name := range names {
		if err := putFile(ctx, to, root, name, m.Files[name].Bytes); err != nil {
			return s, fmt.Errorf("send a file of the site: %w", bare(err))
		}
		s.Written++
	}
	if err := drop(false); err != nil {
		return s, err
	}
	return s, putList(ctx, to, m)
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
	to, err := os.Readlink(filepath.Join(dir, nameCurrent))
	if err != nil {
		return nil, m, fmt.Errorf("open the site: it is not built: %w", bare(err))
	}
	root, err := os.OpenRoot(filepath.Join(dir, filepath.Base(to)))
	if err != nil {
		return nil, m, fmt.Errorf("open the site: %w", bare(err))
	}
	raw, err := root.ReadFile(nameManifest)
	if err == nil {
		err = json.Unmarshal(raw, &m)
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

func putFile(ctx context.Context, to Store, root *os.Root, name string, size int64) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	kind := types[path.Ext(name)]
	if kind == "" {
		kind = "text/plain; charset=utf-8" // _headers
	}
	return to.Put(ctx, name, kind, cacheOf(name), size, f)
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

// Rsync sends the site that Build made in a folder with the program rsync, which must be installed, to a folder or to host:folder. New files
// come first and take their names together at the end; what is no longer part of the site is removed. ErrNotOurs if the
// place holds something and no site. What rsync writes is not passed on, since it names places.
func Rsync(ctx context.Context, dir, to string) (Sent, error) {
	root, m, err := openBuilt(dir)
	if err != nil {
		return Sent{}, err
	}
	defer root.Close() // only asked whether it is there
	if to == "" || strings.HasPrefix(to, "-") || strings.ContainsAny(to, "\x00\n") {
		return Sent{}, fmt.Errorf("%w: a place for rsync was expected", ErrConfig)
	}
	to = strings.TrimRight(to, "/") + "/"
	tool, err := exec.LookPath("rsync")
	if err != nil {
		return Sent{}, errors.New("rsync is not installed")
	}
	listed, err := exec.CommandContext(ctx, tool, "--list-only", "--", to).Output()
	if err == nil {
		ours, other := false, false
		for line := range strings.Lines(string(listed)) {
			fields := strings.Fields(line)
			name := ""
			if len(fields) > 0 {
				name = fields[len(fields)-1]
			}
			ours = ours || name == nameManifest
			other = other || name != "" && name != "."
		}
		if other && !ours {
			return Sent{}, ErrNotOurs
		}
	} else if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 23 && e.ExitCode() != 3 { // 23 and 3: it is not there yet
		return Sent{}, fmt.Errorf("rsync does not reach the place: %w", exitOnly(err))
	}
	real, err := filepath.EvalSymlinks(filepath.Join(dir, nameCurrent))
	if err != nil {
		return Sent{}, fmt.Errorf("open the site: %w", bare(err))
	}
	out, err := exec.CommandContext(ctx, tool, "-rlt", "--chmod=D755,F644", "--checksum", "--delay-updates", "--delete-delay", "--out-format=%o", "--", real+"/", to).Output()
	if err != nil {
		return Sent{}, fmt.Errorf("rsync: %w", exitOnly(err))
	}
	s := Sent{Files: len(m.Files)}
	for line := range strings.Lines(string(out)) {
		switch strings.TrimSpace(line) {
		case "send":
			s.Written++
		case "del.":
			s.Removed++
		}
	}
	return s, nil
}

// exitOnly keeps the number with which a program ended, and nothing that it wrote.
func exitOnly(err error) error {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("exit status %d", e.ExitCode())
	}
	return errors.New("it did not run")
}

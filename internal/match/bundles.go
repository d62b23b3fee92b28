package match

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/release/bundle"
)

// Problem is a folder that looks like a bundle and could not be used.
type Problem struct {
	Folder string // as named under the root, with slashes
	Err    error
}

// deepest is how far below the root a bundle may lie: root/slug/v1.
const deepest = 3

// mostFolders bounds a walk through a folder that is none of bundles.
const mostFolders = 100_000

// folder is one bundle on a disk.
type folder struct {
	dir     string
	release bundle.Release
	sums    bundle.Sums
}

// folders finds the bundles under root, which may be one itself. A folder whose release.json is not one of its format is a problem and not an
// end.
func folders(root fs.FS) (out []folder, problems []Problem, err error) {
	seen := 0
	err = fs.WalkDir(root, ".", func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			if at == "." {
				return err
			}
			problems = append(problems, Problem{at, err})
			return fs.SkipDir
		}
		if !e.IsDir() {
			return nil
		}
		if seen++; seen > mostFolders {
			return fmt.Errorf("%w: more than %d folders", archive.ErrInvalid, mostFolders)
		}
		if at != "." && (strings.Count(at, "/") >= deepest || strings.HasPrefix(e.Name(), ".")) {
			return fs.SkipDir
		}
		f, there, err := readFolder(root, at)
		if err != nil {
			problems = append(problems, Problem{at, err})
		}
		if there {
			if err == nil {
				out = append(out, f)
			}
			return fs.SkipDir // bundles do not lie within each other
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look for bundles: %w", err)
	}
	return out, problems, nil
}

func readFolder(root fs.FS, at string) (f folder, there bool, err error) {
	raw, err := limited(root, path.Join(at, bundle.FileRelease), bundle.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err != nil {
		return f, true, err
	}
	f.dir = at
	if f.release, err = bundle.Parse(raw); err != nil {
		return f, true, err
	}
	if raw, err = limited(root, path.Join(at, bundle.FileSums), 1<<16); err != nil {
		return f, true, err
	}
	f.sums, err = bundle.ParseSums(raw)
	return f, true, err
}

// plain opens a plain file. What is none is not even opened: a pipe would never answer. Errors come without the path, which may name
// somebody.
func plain(root fs.FS, name string) (fs.File, int64, error) {
	info, err := fs.Stat(root, name)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return nil, 0, pathless(err)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, 0, pathless(err)
	}
	// Once more, of what was opened.
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return nil, 0, errors.Join(pathless(err), f.Close())
	}
	return f, info.Size(), nil
}

var errNotPlain = fmt.Errorf("%w: no plain file", archive.ErrInvalid)

func pathless(err error) error {
	if at := new(fs.PathError); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// limited reads a small file.
func limited(root fs.FS, name string, limit int64) ([]byte, error) {
	f, _, err := plain(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: too long", bundle.ErrFormat)
	}
	return b, err
}

// footage is the digest of the largest file of the clip, by which clips are known.
func (f folder) footage() (sum [32]byte, ok bool) {
	if f.release.Clip == nil || len(f.release.Clip.Files) == 0 {
		return sum, false
	}
	raw, err := hex.DecodeString(f.release.Clip.Files[0].SHA256)
	if err != nil || len(raw) != len(sum) {
		return sum, false
	}
	return [32]byte(raw), true
}

func (f folder) titles() map[string]string {
	out := map[string]string{}
	for lang, t := range f.release.Text {
		out[lang] = t.Title
	}
	return out
}

func (f folder) published() time.Time {
	t, _ := time.Parse(time.RFC3339, f.release.Published) // Parse has seen that it is one
	return t
}

// appearance of one file of the bundle.
func (f folder) appearance(name string) Appearance {
	r := f.release
	return Appearance{Release: r.ID, Slug: r.Slug, Version: r.Release, Name: name, Published: f.published(), Withdrawn: r.State == bundle.Withdrawn, Title: f.titles()}
}

// told are the files of a bundle by which it may be known: its media. Texts and proofs may be alike in several, and are not footage.
func told(name string) bool {
	switch path.Ext(name) {
	case ".mp4", ".jpg", ".png":
		return true
	}
	return false
}

// files gives the files of the bundle with their digests. The largest file of the clip comes first.
func (f folder) files() map[[32]byte][]file {
	out := map[[32]byte][]file{}
	sum, ok := f.footage()
	if !ok {
		return out
	}
	first := f.release.Clip.Files[0].Name
	for name, digest := range f.sums {
		if told(name) {
			out[digest] = append(out[digest], file{f.appearance(name), sum})
		}
	}
	// What release.json says of its clips counts as well as what SHA256SUMS says of them; they were held against each other when it was
	// made, and are not here.
	if !slices.ContainsFunc(out[sum], func(x file) bool { return x.Name == first }) {
		out[sum] = append(out[sum], file{f.appearance(first), sum})
	}
	return out
}

// smallest is the clip that is decoded for a fingerprint: all of them show the same, and it is read fastest. Its bytes must be those that
// the bundle says.
func (f folder) smallest() (name, sum string) {
	list := f.release.Clip.Files
	last := list[len(list)-1]
	return last.Name, last.SHA256
}

// fingerprint makes the fingerprint of the clip of a bundle. archive.ErrIntegrity if its file is not the one that release.json names.
func (f folder) fingerprint(ctx context.Context, root fs.FS, t Media) (raw []byte, runs []fingerprint.Run, length time.Duration, err error) {
	name, want := f.smallest()
	src, err := openSource(root, path.Join(f.dir, name))
	if err != nil {
		return nil, nil, 0, err
	}
	defer src.Close() // only read
	sum, err := Digest(src)
	if err != nil {
		return nil, nil, 0, err
	}
	if key(sum) != want {
		return nil, nil, 0, fmt.Errorf("%s: %w: not the file that release.json names", name, archive.ErrIntegrity)
	}
	return printOf(ctx, t, src, nil)
}

// source is an open file of a folder.
type source struct {
	fs.File
	io.ReaderAt
	n int64
}

func (s source) Size() int64 { return s.n }

func openSource(root fs.FS, name string) (source, error) {
	f, size, err := plain(root, name)
	if err != nil {
		return source{}, err
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return source{}, errors.Join(errNotPlain, f.Close())
	}
	return source{f, at, size}, nil
}

// Bundles is a folder of release bundles, as anybody may have downloaded them: no archive is needed. Give it the FS of an os.Root, which
// does not follow links out of the folder; that of os.DirFS would.
type Bundles struct {
	root    fs.FS
	folders []folder
	library *Library
}

// OpenBundles finds the bundles under root, which may be one itself, up to three folders deep. Nothing is decoded yet. Problems are folders
// that look like bundles and are none; ErrEmpty if there is no other.
func OpenBundles(root fs.FS) (*Bundles, []Problem, error) {
	list, problems, err := folders(root)
	if err != nil {
		return nil, problems, err
	}
	b := &Bundles{root: root, library: NewLibrary()}
	files := map[[32]byte][]file{}
	gone := withdrawn(list)
	for _, f := range list {
		for sum, named := range f.files() {
			for i := range named {
				named[i].Withdrawn = named[i].Version <= gone[named[i].Release]
			}
			files[sum] = append(files[sum], named...)
		}
		if f.release.Clip != nil {
			b.folders = append(b.folders, f)
		}
	}
	if len(b.folders) == 0 {
		return nil, problems, fmt.Errorf("look for bundles: %w", ErrEmpty)
	}
	b.library.out(files)
	return b, problems, nil
}

// withdrawn gives of each release the newest version in the place of which a tombstone stands: that one and those before it are withdrawn. A
// later one may be out, with another clip.
func withdrawn(list []folder) map[string]int {
	out := map[string]int{}
	for _, f := range list {
		if r := f.release; r.State == bundle.Withdrawn {
			out[r.ID] = max(out[r.ID], r.Release)
		}
	}
	return out
}

// Len is how many bundles with a clip there are.
func (b *Bundles) Len() int { return len(b.folders) }

// Match says which release a file is from. If its digest does not say, the clips of all bundles are decoded, which takes some seconds for
// each; done is told after each of them. Problems are bundles whose clip is not what it should be: the file was not held against them.
func (b *Bundles) Match(ctx context.Context, tools func() (Media, error), src media.Source, beat func(seconds float64), done func(n, of int)) (Result, []Problem, error) {
	sum, err := Digest(src)
	if err != nil {
		return Result{}, nil, fmt.Errorf("match file: %w", err)
	}
	if h, ok := b.library.byDigest(sum); ok {
		return Result{SHA256: sum, Bytes: src.Size(), Compared: NotNeeded, Clips: len(b.folders), Hits: []Hit{h}}, nil, nil
	}
	t, err := tools()
	if err != nil {
		return Result{}, nil, fmt.Errorf("match file: %w", err)
	}
	var problems []Problem
	for i, f := range b.folders {
		sum, ok := f.footage()
		if !ok || b.library.holds(sum) {
			continue
		}
		raw, runs, length, err := f.fingerprint(ctx, b.root, t)
		switch {
		case ctx.Err() != nil:
			return Result{}, problems, fmt.Errorf("match file: %w", context.Cause(ctx))
		case errors.Is(err, fingerprint.ErrShort):
			b.library.add(sum, clip{length: time.Duration(f.release.Clip.MS) * time.Millisecond}, nil)
		case err != nil:
			problems = append(problems, Problem{f.dir, err})
		default:
			b.library.add(sum, clip{length: length, print: func(context.Context) ([]byte, error) { return raw, nil }}, runs)
		}
		if done != nil {
			done(i+1, len(b.folders))
		}
	}
	out, err := b.library.Find(ctx, func() (Media, error) { return t, nil }, src, nil, beat)
	return out, problems, err
}

func (l *Library) holds(sum [32]byte) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.clips[key(sum)] != nil
}

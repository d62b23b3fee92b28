package anchor

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// memory shows files to be published as a file system, so that they can be verified before anybody else sees them.
type memory map[string][]byte

var _ fs.ReadDirFS = memory{}

type memoryInfo struct {
	name string
	size int64
	dir  bool
}

func (i memoryInfo) Name() string               { return i.name }
func (i memoryInfo) Size() int64                { return i.size }
func (i memoryInfo) ModTime() time.Time         { return time.Time{} }
func (i memoryInfo) IsDir() bool                { return i.dir }
func (i memoryInfo) Sys() any                   { return nil }
func (i memoryInfo) Type() fs.FileMode          { return i.Mode().Type() }
func (i memoryInfo) Info() (fs.FileInfo, error) { return i, nil }
func (i memoryInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

type memoryFile struct {
	*bytes.Reader
	info memoryInfo
}

func (f memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f memoryFile) Close() error               { return nil }

// Open implements fs.FS.
func (m memory) Open(name string) (fs.File, error) {
	if data, ok := m[name]; ok {
		return memoryFile{bytes.NewReader(data), memoryInfo{path.Base(name), int64(len(data)), false}}, nil
	}
	if name != "." {
		if list, err := m.ReadDir(name); err != nil || len(list) == 0 {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
	}
	return memoryFile{bytes.NewReader(nil), memoryInfo{name: path.Base(name), dir: true}}, nil
}

// ReadDir implements fs.ReadDirFS.
func (m memory) ReadDir(name string) ([]fs.DirEntry, error) {
	prefix := name + "/"
	if name == "." {
		prefix = ""
	}
	found := map[string]memoryInfo{}
	for n, data := range m {
		rest, ok := strings.CutPrefix(n, prefix)
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		found[first] = memoryInfo{first, int64(len(data)), deeper}
	}
	var out []fs.DirEntry
	for _, i := range found {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"zapis/internal/vault"
)

// Memory is a storage in memory. A file is visible, empty, from Create on and complete from Close on, so that it is as bad
// as the port allows.
type Memory struct {
	mu      sync.Mutex
	files   map[string][]byte
	version int
	vers    map[string]int
}

// NewMemory makes an empty storage.
func NewMemory() *Memory { return &Memory{files: map[string][]byte{}, vers: map[string]int{}} }

func (m *Memory) put(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	m.files[name], m.vers[name] = data, m.version
}

// Create implements vault.Backend.
func (m *Memory) Create(ctx context.Context, name string) (vault.BlobWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	_, there := m.files[name]
	m.mu.Unlock()
	if there {
		return nil, vault.ErrExists
	}
	m.put(name, nil)
	return &memoryWriter{m: m, name: name, created: true}, nil
}

// Overwrite implements vault.Backend.
func (m *Memory) Overwrite(ctx context.Context, name string) (vault.BlobWriter, error) {
	return &memoryWriter{m: m, name: name}, ctx.Err()
}

type memoryWriter struct {
	m       *Memory
	name    string
	created bool
	buf     bytes.Buffer
	ended   bool
}

func (w *memoryWriter) Write(p []byte) (int, error) { return w.buf.Write(p) }

func (w *memoryWriter) Close() error {
	if !w.ended {
		w.ended = true
		w.m.put(w.name, w.buf.Bytes())
	}
	return nil
}

func (w *memoryWriter) Abort() error {
	if !w.ended && w.created {
		w.m.mu.Lock()
		delete(w.m.files, w.name)
		w.m.mu.Unlock()
	}
	w.ended = true
	return nil
}

// Open implements vault.Backend.
func (m *Memory) Open(ctx context.Context, name string) (vault.BlobReader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, vault.ErrNotFound
	}
	return memoryReader{bytes.NewReader(data)}, nil
}

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

// WriteTo of bytes.Reader shares a position; hide it.
func (r memoryReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(r.Reader, 0, r.Size()))
}

// Stat implements vault.Backend.
func (m *Memory) Stat(ctx context.Context, name string) (vault.Info, error) {
	if err := ctx.Err(); err != nil {
		return vault.Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return vault.Info{}, vault.ErrNotFound
	}
	return vault.Info{Name: name, Size: int64(len(data)), Version: fmt.Sprint(m.vers[name])}, nil
}

// List implements vault.Backend.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		m.mu.Lock()
		var names []string
		for name := range m.files {
			if strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
		m.mu.Unlock()
		slices.Sort(names)
		for _, name := range names {
			info, err := m.Stat(ctx, name)
			if errors.Is(err, vault.ErrNotFound) {
				continue
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// Remove implements vault.Backend.
func (m *Memory) Remove(ctx context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	return ctx.Err()
}

// Replace implements vault.Backend.
func (m *Memory) Replace(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.put(name, bytes.Clone(data))
	return nil
}

// Sync implements vault.Backend.
func (m *Memory) Sync(ctx context.Context, _ ...string) error { return ctx.Err() }

// Free implements vault.Backend.
func (m *Memory) Free(context.Context) (free, total uint64, known bool) { return 0, 0, false }

// Properties implements vault.Backend.
func (m *Memory) Properties() vault.Properties { return vault.Properties{Kind: "memory", Cold: true} }

// ErrInjected is what a Faulty storage gives at the chosen call.
var ErrInjected = errors.New("injected fault")

// Mode says how a call fails.
type Mode int

// The two ways in which a call to a remote storage fails.
const (
	Lost      Mode = iota // without effect
	Persisted             // with its effect, although an error came back
)

func (m Mode) String() string { return [...]string{"lost", "persisted"}[m] }

// Faulty makes one call of a storage fail. Calls are counted from 1: those of the port and those of its writers and
// readers.
type Faulty struct {
	vault.Backend

	mu    sync.Mutex
	calls int
	at    int
	mode  Mode
	dead  bool // every call from at on fails, as when the process dies there
	hit   string
}

// FailCall chooses the call that fails; stay lets all later ones fail, too, without effect.
func (f *Faulty) FailCall(k int, mode Mode, stay bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.at, f.mode, f.dead, f.hit = 0, k, mode, stay, ""
}

// Hit names the call that failed; empty if there were not so many.
func (f *Faulty) Hit() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// Calls is the number of calls since FailCall.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *Faulty) call(what string, do func() error) error {
	f.mu.Lock()
	f.calls++
	hit := f.at > 0 && f.calls == f.at
	dead := f.at > 0 && f.dead && f.calls > f.at
	mode := f.mode
	if hit {
		f.hit = what
	}
	f.mu.Unlock()
	if dead || (hit && mode == Lost) {
		return fmt.Errorf("%s: %w", what, ErrInjected)
	}
	err := do()
	if hit && err == nil {
		return fmt.Errorf("%s: %w", what, ErrInjected)
	}
	return err
}

// Create implements vault.Backend.
func (f *Faulty) Create(ctx context.Context, name string) (w vault.BlobWriter, err error) {
	err = f.call("create", func() (err error) { w, err = f.Backend.Create(ctx, name); return err })
	return f.writer(w, err)
}

// Overwrite implements vault.Backend.
func (f *Faulty) Overwrite(ctx context.Context, name string) (w vault.BlobWriter, err error) {
	err = f.call("overwrite", func() (err error) { w, err = f.Backend.Overwrite(ctx, name); return err })
	return f.writer(w, err)
}

func (f *Faulty) writer(w vault.BlobWriter, err error) (vault.BlobWriter, error) {
	if err != nil {
		return nil, err
	}
	return &faultyWriter{f, w}, nil
}

type faultyWriter struct {
	f *Faulty
	w vault.BlobWriter
}

func (w *faultyWriter) Write(p []byte) (n int, err error) {
	err = w.f.call("write", func() (err error) { n, err = w.w.Write(p); return err })
	return n, err
}

func (w *faultyWriter) Close() error { return w.f.call("close", w.w.Close) }

func (w *faultyWriter) Abort() error { return w.f.call("abort", w.w.Abort) }

// Open implements vault.Backend.
func (f *Faulty) Open(ctx context.Context, name string) (r vault.BlobReader, err error) {
	err = f.call("open", func() (err error) { r, err = f.Backend.Open(ctx, name); return err })
	if err != nil {
		return nil, err
	}
	return &faultyReader{r, f}, nil
}

type faultyReader struct {
	vault.BlobReader
	f *Faulty
}

func (r *faultyReader) ReadAt(p []byte, off int64) (n int, err error) {
	var end error
	err = r.f.call("read", func() error {
		n, end = r.BlobReader.ReadAt(p, off)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, end
}

// Stat implements vault.Backend.
func (f *Faulty) Stat(ctx context.Context, name string) (i vault.Info, err error) {
	err = f.call("stat", func() (err error) { i, err = f.Backend.Stat(ctx, name); return err })
	return i, err
}

// List implements vault.Backend.
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		if err := f.call("list", func() error { return nil }); err != nil {
			yield(vault.Info{}, err)
			return
		}
		f.Backend.List(ctx, prefix)(yield)
	}
}

// Remove implements vault.Backend.
func (f *Faulty) Remove(ctx context.Context, name string) error {
	return f.call("remove", func() error { return f.Backend.Remove(ctx, name) })
}

// Replace implements vault.Backend.
func (f *Faulty) Replace(ctx context.Context, name string, data []byte) error {
	return f.call("replace", func() error { return f.Backend.Replace(ctx, name, data) })
}

// Sync implements vault.Backend.
func (f *Faulty) Sync(ctx context.Context, names ...string) error {
	return f.call("sync", func() error { return f.Backend.Sync(ctx, names...) })
}

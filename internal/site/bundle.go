package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"zapis/verify"
)

// Refusal is a release that was left out, and why. Reason names no text of the bundle.
type Refusal struct {
	Slug   string `json:"slug"`
	Reason string `json:"reason"`
}

// held is one bundle that was read and checked. It is kept between builds, as long as nothing of its folder changes.
type held struct {
	Stat    string            `json:"stat"`   // of the folder and everything in it
	Digest  string            `json:"digest"` // over SHA256SUMS, so over everything
	Release Release           `json:"release"`
	Sizes   map[string]int64  `json:"sizes"`
	Sums    map[string]string `json:"sums"`
	Facts   facts             `json:"facts"`
}

// facts is what the proof of a bundle showed when it was checked without keys from elsewhere.
type facts struct {
	Origin       string `json:"origin"`
	Key          string `json:"key"` // verifier key, the last one of the log
	Print        string `json:"print"`
	Clip         string `json:"clip"` // digest of the clip that it is about
	StatedOn     string `json:"stated_on"`
	Number       int64  `json:"number"`
	Cosignatures int    `json:"cosignatures"`
	Stamps       int    `json:"stamps"`
	Whole        bool   `json:"whole"` // the proof names every file of the rendering, not the largest clip alone
}

func (h *held) folder() string { return h.Release.Slug + "/v" + strconv.Itoa(h.Release.Release) }

// Covered gives the file of the clip that the proof is about; nil once the release is withdrawn.
func (h *held) Covered() *File {
	if h.Release.Clip != nil {
		for _, f := range h.Release.Clip.Files {
			if f.SHA256 == h.Facts.Clip {
				return &f
			}
		}
	}
	return nil
}

var (
	versionForm = regexp.MustCompile(`^v([1-9][0-9]{0,4})$`)
	sumForm     = regexp.MustCompile(`^([0-9a-f]{64})  (\S+)$`)
)

const (
	largestProof = 16 << 20
	largestSums  = 1 << 16
	largestWords = 8 << 20 // a file of text or captions
)

// readAll reads every release of a folder, the newest version of each, using what an earlier build held where nothing changed.
// Releases come sorted by slug.
func readAll(ctx context.Context, dir string, before map[string]*held) ([]*held, []Refusal, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the folder of releases: %w", bare(err))
	}
	defer root.Close() // only read
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, nil, fmt.Errorf("list releases: %w", bare(err))
	}
	var slugs []string
	for _, e := range entries {
		if isSlug(e.Name()) {
			slugs = append(slugs, e.Name())
		}
	}
	all, errs := make([]*held, len(slugs)), make([]error, len(slugs))
	parallel(len(slugs), func(i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			all[i], errs[i] = readRelease(root, slugs[i], before[slugs[i]])
		}
	})
	var refused []Refusal
	var out []*held
	for i, err := range errs {
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case errors.Is(err, ErrBundle):
			refused = append(refused, Refusal{Slug: slugs[i], Reason: strings.TrimPrefix(err.Error(), ErrBundle.Error()+": ")})
		case err != nil:
			return nil, nil, fmt.Errorf("read release %s: %w", slugs[i], bare(err))
		case all[i] != nil:
			out = append(out, all[i])
		}
	}
	return out, refused, nil
}

// parallel calls f for 0 to n-1, on as many processors as there are.
func parallel(n int, f func(i int)) {
	var wait sync.WaitGroup
	var next atomic.Int64
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wait.Wait()
}

// bare drops the path that errors of package os carry.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// readRelease reads the newest version of a release; nil if the folder holds none.
func readRelease(root *os.Root, slug string, before *held) (*held, error) {
	info, err := root.Lstat(slug)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, nil
	}
	versions, err := fs.ReadDir(root.FS(), slug)
	if err != nil {
		return nil, err
	}
	newest := 0
	for _, v := range versions {
		if m := versionForm.FindStringSubmatch(v.Name()); m != nil {
			n, _ := strconv.Atoi(m[1]) // the form allows digits only
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return nil, nil
	}
	at := slug + "/v" + strconv.Itoa(newest)
	stat, names, err := statBundle(root, at)
	if err != nil {
		return nil, err
	}
	if before != nil && before.Stat == stat {
		return before, nil
	}
	sub, err := root.OpenRoot(at)
	if err != nil {
		return nil, err
	}
	defer sub.Close() // only read
	h, err := checkBundle(sub, names, slug, newest)
	if err != nil {
		return nil, err
	}
	h.Stat = stat
	return h, nil
}

// statBundle describes a folder so that a change of anything in it changes the description, and lists its files.
func statBundle(root *os.Root, at string) (string, map[string]int64, error) {
	info, err := root.Lstat(at)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return "", nil, refuse("the version is not a folder")
	}
	entries, err := fs.ReadDir(root.FS(), at)
	if err != nil {
		return "", nil, err
	}
	if len(entries) > 200 {
		return "", nil, refuse("too many files")
	}
	sum, names := sha256.New(), map[string]int64{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return "", nil, err
		}
		if !info.Mode().IsRegular() {
			return "", nil, refuse("something that is not a file")
		}
		names[e.Name()] = info.Size()
		inode, changed := int64(0), int64(0)
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			inode, changed = int64(s.Ino), s.Ctim.Nano()
		}
		fmt.Fprintf(sum, "%s %d %d %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano(), inode, changed)
	}
	return at + " " + hex.EncodeToString(sum.Sum(nil)), names, nil
}

// checkBundle reads everything of a bundle: its files are exactly those that belong to it, each has its digest, and the proof holds for
// the clip.
func checkBundle(root *os.Root, names map[string]int64, slug string, version int) (*held, error) {
	raw, err := readSome(root, "release.json", largestRelease)
	if err != nil {
		return nil, err
	}
	r, err := ParseRelease(raw)
	if err != nil {
		return nil, err
	}
	if r.Slug != slug || r.Release != version {
		return nil, refuse("release.json is about another release or version than its folder")
	}
	sums, err := readSome(root, "SHA256SUMS", largestSums)
	if err != nil {
		return nil, err
	}
	h := &held{Release: r, Sizes: names, Sums: map[string]string{}}
	for line := range strings.Lines(string(sums)) {
		m := sumForm.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil || h.Sums[m[2]] != "" {
			return nil, refuse("SHA256SUMS: a line has another form")
		}
		h.Sums[m[2]] = m[1]
	}
	want := r.files()
	for name := range names {
		if name != "SHA256SUMS" && !slices.Contains(want, name) {
			return nil, refuse("a file that release.json does not name")
		}
	}
	if len(h.Sums) != len(want) {
		return nil, refuse("SHA256SUMS and release.json name different files")
	}
	for _, name := range want {
		if _, there := names[name]; !there {
			return nil, refuse("%s is missing", name)
		}
		if err := checkFile(root, name, h.Sums[name]); err != nil {
			return nil, err
		}
	}
	d := sha256.Sum256(sums)
	h.Digest = hex.EncodeToString(d[:])
	if err := h.checkClip(); err != nil {
		return nil, err
	}
	return h, h.checkProof(root)
}

// files lists what lies in a bundle beside SHA256SUMS.
func (r Release) files() []string {
	out := []string{"release.json", r.Proof.File, r.Proof.Scope}
	if c := r.Clip; c != nil {
		for _, f := range c.Files {
			out = append(out, f.Name)
		}
		out = append(append(out, c.Poster, c.Drawing), c.Stills...)
		for _, name := range c.Captions {
			out = append(out, name)
		}
		for _, lang := range r.Languages {
			out = append(out, "text."+lang+".txt")
		}
	}
	return out
}

func (h *held) checkClip() error {
	if h.Release.Clip == nil {
		return nil
	}
	for _, f := range h.Release.Clip.Files {
		if h.Sizes[f.Name] != f.Bytes || h.Sums[f.Name] != f.SHA256 {
			return refuse("%s is not the file of release.json", f.Name)
		}
	}
	return nil
}

// heads are the first bytes of pictures; a browser is told not to guess, and a file is what its name says.
var heads = map[string]string{"jpg": "\xff\xd8\xff", "png": "\x89PNG\r\n\x1a\n", "vtt": "WEBVTT"}

func checkFile(root *os.Root, name, sum string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	_, ext, _ := strings.Cut(name[strings.LastIndexByte(name, '.'):], ".")
	head := make([]byte, len(heads[ext]))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != heads[ext] {
		return refuse("%s does not begin as such a file does", name)
	}
	d := sha256.New()
	d.Write(head)
	if _, err := io.Copy(d, f); err != nil {
		return err
	}
	if hex.EncodeToString(d.Sum(nil)) != sum {
		return refuse("%s has another digest than SHA256SUMS says", name)
	}
	return nil
}

func readSome(root *os.Root, name string, most int64) ([]byte, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("%s is missing", name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	b, err := readMost(f, most)
	if err == nil && int64(len(b)) > most {
		err = refuse("%s is too long", name)
	}
	return b, err
}

// readMost reads one byte more than is allowed, so that whoever asked sees that it is too long.
func readMost(r io.Reader, most int64) ([]byte, error) { return io.ReadAll(io.LimitReader(r, most+1)) }

// checkProof checks the proof of the clip, against the clip itself while there is one, and the proof of the scope.
func (h *held) checkProof(root *os.Root) error {
	raw, err := readSome(root, h.Release.Proof.File, largestProof)
	if err != nil {
		return err
	}
	b, _, err := verify.Parse(raw)
	if err != nil {
		return refuse("the proof of the clip: %s", "it is not a proof bundle")
	}
	o := verify.Options{}
	if b.Kind != verify.KindClip {
		return refuse("the proof of the clip is about something else")
	}
	var clip *os.File
	first := verify.Verify(raw, o)
	if first.OK && h.Release.Clip != nil {
		for _, f := range h.Release.Clip.Files {
			if f.SHA256 == first.Facts.Clip.SHA256 {
				if clip, err = root.Open(f.Name); err != nil {
					return err
				}
				defer clip.Close() // only read
				o.File = clip
			}
		}
		if clip == nil {
			return refuse("the proof is about another clip")
		}
		first = verify.Verify(raw, o)
	}
	if !first.OK {
		return refuse("the proof of the clip does not hold: step %s", first.Failed)
	}
	f := first.Facts
	key := f.Keys[len(f.Keys)-1]
	h.Facts = facts{Origin: f.Origin, Key: key.VerifierKey, Print: key.Fingerprint, Clip: f.Clip.SHA256, StatedOn: f.Clip.StatedOn, Number: f.Clip.Number}
	for _, c := range f.Checkpoints {
		h.Facts.Cosignatures, h.Facts.Stamps = h.Facts.Cosignatures+len(c.Cosignatures), h.Facts.Stamps+len(c.Stamps)
	}
	if h.Facts.Whole, err = h.checkNamed(f.Clip); err != nil {
		return err
	}
	if h.Release.Origin != f.Origin {
		return refuse("the proof is of another transparency log")
	}
	if raw, err = readSome(root, h.Release.Proof.Scope, largestProof); err != nil {
		return err
	}
	scope := verify.Verify(raw, verify.Options{})
	if !scope.OK || scope.Kind != verify.KindScope || scope.Facts.Origin != f.Origin {
		return refuse("the proof of the whole does not hold")
	}
	if whole, s := scope.Facts.Scope, h.Release.Proof.Share; s.OfFiles != whole.Files || s.OfBytes != whole.Bytes || s.OfMS != whole.Milliseconds {
		return refuse("the share is of another whole than the one that is proven")
	}
	return nil
}

// checkNamed holds the files of the rendering against those that the proof names beside the clip: where it names any, it has to name all, or a picture
// that nobody stated would stand beside a proof. False: it names none.
func (h *held) checkNamed(clip *verify.ClipFact) (bool, error) {
	if len(clip.Files) == 0 {
		return false, nil
	}
	named := map[string]int64{clip.SHA256: clip.Bytes}
	for _, f := range clip.Files {
		named[f.SHA256] = f.Bytes
	}
	if c := h.Release.Clip; c != nil {
		rendered := append([]string{c.Poster, c.Drawing}, c.Stills...)
		for _, f := range c.Files {
			rendered = append(rendered, f.Name)
		}
		for _, name := range rendered {
			if bytes, ok := named[h.Sums[name]]; !ok || bytes != h.Sizes[name] {
				return false, refuse("the proof does not name %s", name)
			}
		}
	}
	return true, nil
}

// digestOf makes one digest of several texts; their lengths are in it.
func digestOf(parts ...string) string {
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "%d:%s,", len(p), p)
	}
	d := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(d[:16])
}

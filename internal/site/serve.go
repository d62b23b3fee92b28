package site

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// shared are the headers of every answer. What a page may load stands in the page as well; who may show it in a frame only here.
var shared = [][2]string{
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Permissions-Policy", "camera=(), microphone=(), geolocation=()"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
}

var policyForm = regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)

// checkPolicy is the policy that the check page brings with it; it names its own script by its digest.
func checkPolicy(page []byte) string {
	if m := policyForm.FindSubmatch(page); m != nil {
		return string(m[1]) + "; frame-ancestors 'none'"
	}
	return policy + "; frame-ancestors 'none'"
}

// headers writes _headers, in the form that several static hosts read; the guide says the same for nginx.
func (s *site) headers() []byte {
	var b strings.Builder
	b.WriteString("/*\n")
	for _, h := range shared {
		fmt.Fprintf(&b, "  %s: %s\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "  Content-Security-Policy: %s; frame-ancestors 'none'\n\n", policy)
	fmt.Fprintf(&b, "/embed/*\n  ! Content-Security-Policy\n  Content-Security-Policy: %s; frame-ancestors *\n\n", policy)
	fmt.Fprintf(&b, "/check.html\n  ! Content-Security-Policy\n  Content-Security-Policy: %s\n\n", checkPolicy(s.o.CheckPage))
	b.WriteString("/media/*\n  Cache-Control: max-age=600\n\n/style.*\n  Cache-Control: max-age=31536000, immutable\n")
	return []byte(b.String())
}

// types are named here, because what the system knows differs between machines.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg",
	".mp4": "video/mp4", ".vtt": "text/vtt; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".json": "application/json", ".atom": "application/atom+xml",
	".xml": "application/xml", ".zip": "application/zip", ".csv": "text/csv; charset=utf-8",
}

// Handler serves the site that Build made in a folder: GET and HEAD, ranges, packed files to whoever takes them. It writes down nobody's
// address and nothing that was asked for, sets no cookie, lists no folder and follows no link out of the site.
func Handler(dir string) http.Handler { return &handler{dir: dir, current: openCurrent} }

type handler struct {
	dir     string
	current func(dir string) (*os.Root, string, error)
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	for _, s := range shared {
		head.Set(s[0], s[1])
	}
	frames := "'none'"
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if strings.HasPrefix(name, "embed/") {
		frames = "*"
	}
	head.Set("Content-Security-Policy", policy+"; frame-ancestors "+frames)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	if name == "" || strings.HasSuffix(r.URL.Path, "/") {
		name = path.Join(name, "index.html")
	}
	for tree := ""; ; {
		root, now, err := h.current(h.dir)
		if err != nil {
			http.Error(w, "the site is not built", http.StatusServiceUnavailable)
			return
		}
		done := h.from(w, r, root, name)
		if !done && now == tree { // the same tree as before: it is not there
			h.missing(w, r, root)
			done = true
		}
		_ = root.Close() // only read
		if done {
			return
		}
		tree = now // a build may have turned to the other tree in between: look once more
	}
}

// openCurrent opens the tree that readers see, and names it.
func openCurrent(dir string) (*os.Root, string, error) {
	to, err := os.Readlink(filepath.Join(dir, nameCurrent))
	if err != nil {
		return nil, "", err
	}
	if !slices.Contains(treeNames, to) {
		return nil, "", ErrNotOurs
	}
	root, err := os.OpenRoot(filepath.Join(dir, to))
	return root, to, err
}

// from answers out of one tree. False: it has no such file.
func (h *handler) from(w http.ResponseWriter, r *http.Request, root *os.Root, name string) bool {
	if h.file(w, r, root, name) {
		return true
	}
	// A folder without its slash: relative links would lead astray.
	if info, err := root.Stat(name); err == nil && info.IsDir() {
		if _, err := root.Stat(path.Join(name, "index.html")); err == nil {
			w.Header().Set("Location", path.Base(name)+"/")
			w.WriteHeader(http.StatusMovedPermanently)
			return true
		}
	}
	return false
}

// file serves a file, packed if it is there packed and the reader takes that. False: there is none.
func (h *handler) file(w http.ResponseWriter, r *http.Request, root *os.Root, name string) bool {
	head, kind := w.Header(), types[path.Ext(name)]
	if kind == "" {
		return false
	}
	f, info, err := open(root, name)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	head.Set("Content-Type", kind)
	head.Set("Cache-Control", cacheOf(name))
	if name == "check.html" {
		page, err := io.ReadAll(io.LimitReader(f, 4096))
		if err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		if err != nil {
			return false
		}
		head.Set("Content-Security-Policy", checkPolicy(page))
	}
	if packs(name) {
		head.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			if z, zinfo, err := open(root, name+".gz"); err == nil {
				defer z.Close() // only read
				head.Set("Content-Encoding", "gzip")
				http.ServeContent(w, r, "", zinfo.ModTime(), z)
				return true
			}
		}
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
	return true
}

func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" {
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}

func open(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func (h *handler) missing(w http.ResponseWriter, r *http.Request, root *os.Root) {
	b, err := root.ReadFile("404.html")
	if err != nil {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", types[".html"])
	w.WriteHeader(http.StatusNotFound)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b) // the reader may have gone
	}
}

// Server gives an HTTP server for the site in a folder, with limits for readers that send nothing or never end. What goes wrong with single
// readers is not written down, because it would carry their addresses.
func Server(dir string) *http.Server {
	return &http.Server{
		Handler: Handler(dir), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: 60 * time.Second,
		WriteTimeout: 30 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
}

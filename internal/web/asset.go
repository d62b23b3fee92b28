package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"zapis/internal/archive"
)

// embedded is the built web part, below asset/dist; before the first build only the placeholder is there.
//
//go:embed all:asset
var embedded embed.FS

// assets are the built files in memory, under the names that carry their digest.
type assets struct {
	files map[string]asset
	// addresses lead from plain names ("archive.js") to addresses; empty when the web part is not built.
	addresses map[string]string
}

type asset struct {
	mediaType   string
	plain, gzip []byte // gzip is nil where it does not pay
}

// mediaTypes of built files. What is not here is not served.
var mediaTypes = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2",
	".png": "image/png", ".json": "application/json",
}

// needed are the plain names that pages ask for.
var needed = []string{"zapis.css", "note.css", "catalogue.css", "base.js", "archive.js", "item.js", "live.js", "mask.js", "passkey.js", "plan.css", "icons.svg", "mark.svg"}

// loadAssets reads dist and its manifest. No manifest means that the web part is not built; one that lacks a file that pages ask
// for means that it is built by half, which is an error. (The bundler also names scripts that came out empty and that it did not
// write, such as the one of a style sheet.)
func loadAssets(files fs.FS) (*assets, error) {
	a := &assets{files: map[string]asset{}, addresses: map[string]string{}}
	body, err := fs.ReadFile(files, "dist/manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	var manifest map[string]string
	if err := json.Unmarshal(body, &manifest); err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	err = fs.WalkDir(files, "dist", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || at == "dist/manifest.json" {
			return err
		}
		t, ok := mediaTypes[path.Ext(at)]
		if !ok {
			return nil
		}
		body, err := fs.ReadFile(files, at)
		if err != nil {
			return err
		}
		one := asset{mediaType: t, plain: body}
		if path.Ext(at) != ".woff2" && path.Ext(at) != ".png" {
			var b bytes.Buffer
			w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
			_, _ = w.Write(body) // a bytes.Buffer takes everything
			_ = w.Close()
			if b.Len() < len(body) {
				one.gzip = b.Bytes()
			}
		}
		a.files[strings.TrimPrefix(at, "dist/")] = one
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	for name, file := range manifest {
		if _, ok := a.files[file]; ok {
			a.addresses[name] = "/asset/" + file
		}
	}
	for _, name := range needed {
		if a.addresses[name] == "" {
			return nil, fmt.Errorf("%s is not built: build the web part anew", name)
		}
	}
	return a, nil
}

// built says whether there is a web part.
func (a *assets) built() bool { return len(a.addresses) > 0 }

// showAsset serves GET /asset/{name...}. Names carry a digest of the bytes, so they never change.
func (s *Server) showAsset(w http.ResponseWriter, r *request) error {
	one, ok := s.assets.files[r.PathValue("name")]
	if !ok {
		return archive.ErrNotFound
	}
	h := w.Header()
	h.Set("Content-Type", one.mediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Add("Vary", "Accept-Encoding")
	body := one.plain
	if one.gzip != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = one.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the browser has gone: nothing to do about it
	}
	return nil
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000")
		}
	}
	return false
}

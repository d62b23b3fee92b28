package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"zapis/internal/tlog"
)

// maxBody bounds a request of add-checkpoint: a note and 63 hashes.
const maxBody = maxNote + 8<<10

// Handler serves a witness: POST /add-checkpoint as C2SP tlog-witness has it, and GET / for people. The logger is told the
// kind of what was refused and nothing of who asked.
func (w *Witness) Handler(logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+addPath, func(rw http.ResponseWriter, r *http.Request) { w.serveAdd(rw, r, logger) })
	mux.HandleFunc("GET /{$}", w.servePage)
	return mux
}

// NewServer gives an HTTP server with limits on time and size that says nothing about peers, ready for Serve.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// The server's own complaints name the addresses of peers.
		ErrorLog: stdlog.New(io.Discard, "", 0),
	}
}

func (w *Witness) serveAdd(rw http.ResponseWriter, r *http.Request, logger *slog.Logger) {
	head := rw.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	plain := func(status int, text string) {
		head.Set("Content-Type", "text/plain; charset=utf-8")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, text) // the peer may be gone
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		plain(http.StatusBadRequest, "request is too long or cut off\n")
		return
	}
	old, proof, checkpoint, err := parseRequest(body)
	if err != nil {
		plain(http.StatusBadRequest, ErrMalformed.Error()+"\n")
		return
	}
	cosignature, size, err := w.Cosign(old, proof, checkpoint)
	if err == nil {
		plain(http.StatusOK, cosignature)
		return
	}
	logger.WarnContext(r.Context(), "checkpoint refused", "error", err)
	switch {
	case errors.Is(err, ErrMalformed):
		plain(http.StatusBadRequest, ErrMalformed.Error()+"\n")
	case errors.Is(err, ErrUnknownLog):
		plain(http.StatusNotFound, ErrUnknownLog.Error()+"\n")
	case errors.Is(err, ErrKey):
		plain(http.StatusForbidden, ErrKey.Error()+"\n")
	case errors.Is(err, ErrConflict):
		head.Set("Content-Type", sizeType)
		rw.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(rw, strconv.FormatInt(size, 10)+"\n")
	case errors.Is(err, ErrProof):
		plain(http.StatusUnprocessableEntity, ErrProof.Error()+"\n")
	default:
		plain(http.StatusInternalServerError, "the witness cannot sign\n")
	}
}

// parseRequest reads the body of add-checkpoint: an old size, at most 63 hashes, an empty line, a signed checkpoint.
func parseRequest(body []byte) (old int64, proof []tlog.Hash, checkpoint []byte, err error) {
	head, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return 0, nil, nil, ErrMalformed
	}
	lines := strings.Split(string(head), "\n")
	text, ok := strings.CutPrefix(lines[0], "old ")
	old, err = strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || old < 0 || strconv.FormatInt(old, 10) != text || len(lines)-1 > maxProof {
		return 0, nil, nil, ErrMalformed
	}
	for _, l := range lines[1:] {
		raw, err := base64.StdEncoding.Strict().DecodeString(l)
		if err != nil || len(raw) != tlog.HashSize || strings.Contains(l, "\r") {
			return 0, nil, nil, ErrMalformed
		}
		proof = append(proof, tlog.Hash(raw))
	}
	return old, proof, checkpoint, nil
}

// servePage tells people whose witness this is and what it has seen.
func (w *Witness) servePage(rw http.ResponseWriter, _ *http.Request) {
	s := w.Status()
	head := rw.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	var b strings.Builder
	fmt.Fprintf(&b, "Witness of transparency logs (C2SP tlog-witness)\n\nverifier key  %s\n", s.VerifierKey)
	for _, l := range s.Logs {
		fmt.Fprintf(&b, "\nlog   %s\nstate %s\nsize  %d\nroot  %s\nsince %s\n", l.Origin, l.State, l.Size,
			base64.StdEncoding.EncodeToString(l.Root[:]), l.At.UTC().Format(time.RFC3339))
		for _, n := range l.Named() {
			b.WriteString(n + "\n")
		}
	}
	_, _ = io.WriteString(rw, b.String()) // the peer may be gone
}

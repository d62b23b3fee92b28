package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zapis/internal/tlog"
)

// What can come of asking a witness, for errors.Is.
var (
	// ErrUnreachable: no answer, or one that says nothing about the checkpoint. Worth asking again later.
	ErrUnreachable = errors.New("witness does not answer")
	// ErrRefused: the witness does not know the log or its key, or its answer is not a cosignature by its key. Asking
	// again changes nothing until a person does something.
	ErrRefused = errors.New("witness refuses")
	// ErrFork: the witness has seen another tree of this log, or a larger one: this log was rewritten, forked or put
	// back, or its key is used elsewhere.
	ErrFork = errors.New("witness has another tree of this log")
)

const (
	// maxProof is how many hashes a consistency proof may have in C2SP tlog-witness.
	maxProof = 63
	// sizeType is the content type of the answer that tells the size a witness has.
	sizeType   = "text/x.tlog.size"
	addPath    = "/add-checkpoint"
	maxAnswer  = 64 << 10
	askTimeout = 30 * time.Second
)

// Proof gives the consistency proof between two sizes of the log's own tree, 0 < from < to (tlog.Consistency).
type Proof func(ctx context.Context, from, to int64) ([]tlog.Hash, error)

// Client asks witnesses for cosignatures. The zero value is ready, and is safe for concurrent use.
type Client struct {
	// HTTP is used to reach witnesses; nil: one that gives up after 30 seconds and follows no redirections.
	HTTP *http.Client
}

var defaultHTTP = &http.Client{
	Timeout:       askTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Cosign asks the witness under address (the submission prefix of C2SP tlog-witness: http or https) to cosign a signed
// checkpoint. old is the size that it cosigned last as far as is known, or 0; if the witness says that it is another,
// it is asked once more with that one. The answer is verified with verifierKey before it is believed: line is one
// signature line with its line feed. Errors are ErrUnreachable, ErrRefused, ErrFork, or those of proof and ctx; they
// carry no address.
//
// Ask for the newest checkpoint only: an older one looks to a witness as if the log had been put back.
func (c *Client) Cosign(ctx context.Context, address, verifierKey string, old int64, proof Proof, checkpoint []byte) (line string, err error) {
	v, err := tlog.NewCosignVerifier(verifierKey)
	if err != nil {
		return "", fmt.Errorf("ask witness: %w", err)
	}
	text, _, err := tlog.SplitNote(checkpoint)
	if err != nil {
		return "", fmt.Errorf("ask witness: %w", err)
	}
	cp, err := tlog.ParseAnyCheckpoint(text)
	if err != nil {
		return "", fmt.Errorf("ask witness: %w", err)
	}
	target, err := submission(address)
	if err != nil {
		return "", err
	}
	// What we remember may be ahead of the checkpoint only if somebody put this log back.
	if old < 0 || old > cp.Size {
		return "", fmt.Errorf("ask witness: it has cosigned size %d, this is %d: %w", old, cp.Size, ErrFork)
	}
	for again := false; ; again = true {
		hashes, err := prove(ctx, proof, old, cp.Size)
		if err != nil {
			return "", err
		}
		status, kind, body, err := c.post(ctx, target, request(old, hashes, checkpoint))
		if err != nil {
			return "", err
		}
		switch status {
		case http.StatusOK:
			return pick(v, text, body)
		case http.StatusConflict:
			if kind != sizeType && old == cp.Size {
				return "", fmt.Errorf("ask witness about size %d: it has another root: %w", cp.Size, ErrFork)
			}
			size, err := sizeAnswer(kind, body)
			switch {
			case err != nil:
				return "", err
			case size > cp.Size || size == old:
				return "", fmt.Errorf("ask witness about size %d: it has size %d: %w", cp.Size, size, ErrFork)
			case again: // somebody else asks at the same time
				return "", fmt.Errorf("ask witness about size %d: its size keeps changing: %w", cp.Size, ErrUnreachable)
			}
			old = size
		case http.StatusUnprocessableEntity:
			return "", fmt.Errorf("ask witness about size %d: what it has at size %d is not in this tree: %w", cp.Size, old, ErrFork)
		case http.StatusNotFound:
			return "", fmt.Errorf("ask witness: it does not know this log: %w", ErrRefused)
		case http.StatusForbidden:
			return "", fmt.Errorf("ask witness: it has another key for this log: %w", ErrRefused)
		case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUnauthorized:
			return "", fmt.Errorf("ask witness: status %d: %w", status, ErrRefused)
		default:
			return "", fmt.Errorf("ask witness: status %d: %w", status, ErrUnreachable)
		}
	}
}

// submission gives the address of add-checkpoint below a submission prefix.
func submission(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("ask witness: its address is not one of http or https: %w", ErrRefused)
	}
	return strings.TrimRight(u.String(), "/") + addPath, nil
}

func prove(ctx context.Context, proof Proof, from, to int64) ([]tlog.Hash, error) {
	if from == 0 || from == to {
		return nil, nil
	}
	hashes, err := proof(ctx, from, to)
	if err != nil {
		return nil, fmt.Errorf("prove size %d within %d to witness: %w", from, to, err)
	}
	return hashes, nil
}

// request is the body of add-checkpoint.
func request(old int64, proof []tlog.Hash, checkpoint []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes()
}

func (c *Client) post(ctx context.Context, target string, body []byte) (status int, kind string, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, fmt.Errorf("ask witness: its address: %w", ErrRefused)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("User-Agent", "") // nothing about who asks
	h := c.HTTP
	if h == nil {
		h = defaultHTTP
	}
	resp, err := h.Do(req)
	if err != nil {
		// The cause carries the address, and often that of the machine.
		if ctx.Err() != nil {
			return 0, "", nil, fmt.Errorf("ask witness: %w", ctx.Err())
		}
		return 0, "", nil, fmt.Errorf("ask witness: %w", ErrUnreachable)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(answer) > maxAnswer {
		return 0, "", nil, fmt.Errorf("ask witness: its answer is cut off or too long: %w", ErrUnreachable)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer, nil
}

// sizeAnswer reads the size in an answer of 409.
func sizeAnswer(kind string, body []byte) (int64, error) {
	text, ok := strings.CutSuffix(string(body), "\n")
	n, err := strconv.ParseInt(text, 10, 64)
	if kind != sizeType || !ok || err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("ask witness: conflict without a size: %w", ErrUnreachable)
	}
	return n, nil
}

// pick finds the line by the right key among those of an answer; those by other keys are passed over.
func pick(v *tlog.CosignVerifier, text string, body []byte) (string, error) {
	for l := range strings.Lines(string(body)) {
		if !strings.HasSuffix(l, "\n") {
			break
		}
		if _, err := v.Check(text, l); err == nil {
			return l, nil
		}
	}
	return "", fmt.Errorf("ask witness: its answer has no cosignature by its key: %w", ErrRefused)
}

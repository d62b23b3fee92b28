package timestamp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	maxAnswer = 64 << 10
	patience  = 30 * time.Second
)

// transport honours the proxies of the environment. It keeps no connection, since it is used about once a day, and asks for no
// compression, so that an answer is as long as it looks.
var transport = sync.OnceValue(func() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 32 << 10,
		TLSHandshakeTimeout:    15 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
})

// question is one HTTP exchange.
type question struct {
	method, kind, accept string
	body                 []byte
}

// ask does it and gives status and body. It adds nothing that tells Zapis from others.
func ask(ctx context.Context, given *http.Client, address string, q question) (int, []byte, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Fragment != "" {
		return 0, nil, ErrSetting
	}
	client := http.Client{Transport: transport(), Timeout: patience}
	if given != nil {
		client.Timeout = given.Timeout
		if client.Timeout == 0 {
			client.Timeout = patience
		}
		if given.Transport != nil {
			client.Transport = given.Transport
		}
	}
	// A redirect would lead to an address that nobody configured.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(q.body))
	if err != nil {
		return 0, nil, ErrSetting
	}
	if q.kind != "" {
		req.Header.Set("Content-Type", q.kind)
	}
	req.Header.Set("Accept", q.accept)
	req.Header.Set("User-Agent", "") // none at all
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, unreachable(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, unreachable(ctx, err)
	}
	if len(body) > maxAnswer {
		return 0, nil, fmt.Errorf("%w: the answer is longer than 64 KiB", ErrRefused)
	}
	return res.StatusCode, body, nil
}

// unreachable names the cause without its text, which holds the address.
func unreachable(ctx context.Context, err error) error {
	if cause := ctx.Err(); errors.Is(cause, context.Canceled) {
		return cause
	}
	var timeout net.Error
	var name *net.DNSError
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: no answer in time", ErrUnreachable)
	case errors.As(err, &name):
		return fmt.Errorf("%w: its name is not known to the name service", ErrUnreachable)
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &unknown):
		return fmt.Errorf("%w: its TLS certificate is not accepted", ErrUnreachable)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: connection refused", ErrUnreachable)
	}
	return fmt.Errorf("%w: connection broken", ErrUnreachable)
}

// safe makes words of an outsider fit to be kept: a word with anything but letters and plain punctuation could be an address and is left out.
func safe(text string) string {
	var words []string
	for _, word := range strings.Fields(text) {
		bare := strings.Trim(word, "().,;:!?'\"")
		plain := len(bare) <= 24 && strings.Trim(bare, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == ""
		switch {
		case len(words) == 16:
			return strings.Join(words, " ") + " …"
		case plain && bare != "":
			words = append(words, bare)
		case len(words) == 0 || words[len(words)-1] != "…":
			words = append(words, "…")
		}
	}
	return strings.Join(words, " ")
}

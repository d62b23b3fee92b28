package timestamp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"

	"zapis/verify"
)

// clockSlack is how far the clock of an authority and ours may be apart before its token is not believed.
const clockSlack = 24 * time.Hour

// RFC3161 is one time authority that answers over HTTP (RFC 3161 section 3.4).
type RFC3161 struct {
	URL    string
	Roots  *x509.CertPool   // nil: tokens cannot be confirmed
	Client *http.Client     // nil: a plain one that honours the proxies of the environment; redirects are never followed
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand
}

type request struct {
	Version int
	Imprint struct {
		Algorithm algorithm
		Sum       []byte
	}
	Nonce   *big.Int
	CertReq bool
}

type algorithm struct {
	ID         asn1.ObjectIdentifier
	Parameters asn1.RawValue
}

type response struct {
	Status asn1.RawValue
	Token  asn1.RawValue `asn1:"optional"`
}

var sha256ID = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}

// Stamp asks for a token over imprint, a SHA-256 digest, and gives the token (DER of the CMS ContentInfo) with its time once it
// verifies against the roots and answers this very question.
// Without roots a token that agrees with itself comes with ErrNoRoots: keep it as Pending. With any other error the token is nil: ErrUnreachable,
// ErrRefused (with what the authority said, made safe), ErrNotVerified, ErrSetting, or the error of the context.
func (a RFC3161) Stamp(ctx context.Context, imprint [32]byte) (token []byte, at time.Time, err error) {
	token, at, err = a.stamp(ctx, imprint)
	if err != nil {
		err = fmt.Errorf("ask time authority: %w", err)
	}
	return token, at, err
}

func (a RFC3161) stamp(ctx context.Context, imprint [32]byte) ([]byte, time.Time, error) {
	random, now := a.Rand, a.Now
	if random == nil {
		random = rand.Reader
	}
	if now == nil {
		now = time.Now
	}
	// 63 bits: some authorities refuse a longer nonce.
	var seed [8]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, time.Time{}, fmt.Errorf("draw nonce: %w", err)
	}
	seed[0] = seed[0]&0x3f | 0x40
	nonce := new(big.Int).SetBytes(seed[:])

	q := request{Version: 1, Nonce: nonce, CertReq: true}
	q.Imprint.Algorithm = algorithm{sha256ID, asn1.NullRawValue}
	q.Imprint.Sum = imprint[:]
	body, err := asn1.Marshal(q)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("write request: %w", err)
	}
	code, answer, err := ask(ctx, a.Client, a.URL, question{http.MethodPost, "application/timestamp-query", "application/timestamp-reply", body})
	if err != nil {
		return nil, time.Time{}, err
	}
	if code != http.StatusOK {
		return nil, time.Time{}, fmt.Errorf("%w: HTTP status %d", ErrRefused, code)
	}
	token, err := granted(answer)
	if err != nil {
		return nil, time.Time{}, err
	}
	info, err := verify.ReadToken(token)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %s", ErrNotVerified, Reason(err))
	}
	if info.Nonce == nil || info.Nonce.Cmp(nonce) != 0 {
		return nil, time.Time{}, fmt.Errorf("%w: the token answers another question", ErrNotVerified)
	}
	stamp, err := verify.Token(token, imprint, a.Roots)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %s", ErrNotVerified, Reason(err))
	}
	if stamp.Time.Sub(now()).Abs() > clockSlack {
		return nil, time.Time{}, fmt.Errorf("%w: its clock and ours are more than a day apart", ErrNotVerified)
	}
	if !stamp.Checked {
		return token, stamp.Time, ErrNoRoots
	}
	return token, stamp.Time, nil
}

// failures are the bits of PKIFailureInfo that RFC 3161 section 2.4.2 names.
var failures = map[int]string{
	0: "it does not know the digest", 2: "it does not allow the request", 5: "it cannot read the request", 14: "it has no time source",
	15: "it does not offer the policy", 16: "it does not know an extension", 17: "it cannot give more information", 25: "it has a failure of its own",
}

// granted gives the token out of a TimeStampResp.
func granted(answer []byte) ([]byte, error) {
	unreadable := fmt.Errorf("%w: the answer is not a time-stamp response", ErrRefused)
	var r response
	if rest, err := asn1.Unmarshal(answer, &r); err != nil || len(rest) != 0 || r.Status.Tag != asn1.TagSequence {
		return nil, unreadable
	}
	var status int
	rest, err := asn1.Unmarshal(r.Status.Bytes, &status)
	if err != nil {
		return nil, unreadable
	}
	if status == 0 || status == 1 { // granted, with or without changes
		if len(r.Token.FullBytes) == 0 {
			return nil, fmt.Errorf("%w: it says granted and sends no token", ErrRefused)
		}
		return bytes.Clone(r.Token.FullBytes), nil
	}
	// What else is there only explains; whatever cannot be read of it is left out.
	why := []string{fmt.Sprintf("status %d", status)}
	for range 2 {
		var v asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			break
		}
		var bits asn1.BitString
		switch v.Tag {
		case asn1.TagSequence:
			for text := v.Bytes; len(text) > 0; {
				var line asn1.RawValue
				if text, err = asn1.Unmarshal(text, &line); err != nil {
					break
				}
				if s := safe(string(line.Bytes)); s != "" {
					why = append(why, s)
				}
			}
		case asn1.TagBitString:
			if _, err := asn1.Unmarshal(v.FullBytes, &bits); err == nil {
				for i := range min(bits.BitLength, 32) {
					if s := failures[i]; s != "" && bits.At(i) == 1 {
						why = append(why, s)
					}
				}
			}
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrRefused, strings.Join(why[:min(len(why), 4)], "; "))
}

// Package authority runs a time authority on this machine, for the demo and for tests: RFC 3161 over HTTP, answered by `openssl ts -reply`.
//
// It guarantees that tokens are made by OpenSSL and not by code of ours, so that what we verify was written by somebody else. It makes
// its own root, intermediate and signer certificates in the folder it is given.
//
// It does not give outside time to anybody: its clock is that of this machine and its keys lie open in that folder. Nothing outside
// demos and tests may use it. It listens nowhere by itself.
package authority

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ErrNoOpenSSL: the openssl program is not there.
var ErrNoOpenSSL = errors.New("the openssl program is not installed")

// Options of an authority. The zero value is good: ECDSA P-256, SHA-256.
type Options struct {
	Name    string        // common name of the signer; empty: "Demo time authority"
	RSA     bool          // RSA of 2,048 bits instead of ECDSA
	Digest  string        // "sha256" (also if empty), "sha384" or "sha512": of the signature
	ESS     string        // digest of the signing-certificate attribute: "sha1", "sha256" (also if empty), …
	Chain   bool          // the attribute names the intermediate too
	OpenSSL string        // path of the program; empty: looked up in PATH
	Backing time.Duration // how long ago the certificates begin to be valid; 0: one day
}

// Authority is one time authority in a folder.
type Authority struct {
	dir, program string
	root         []byte // PEM
	mu           sync.Mutex
}

// New makes keys and certificates in dir, an empty folder that is there. ErrNoOpenSSL if the program is missing.
func New(dir string, o Options) (*Authority, error) {
	a := &Authority{dir: dir}
	var err error
	if a.program, err = exec.LookPath(orElse(o.OpenSSL, "openssl")); err != nil {
		return nil, ErrNoOpenSSL
	}
	if err := a.certify(o); err != nil {
		return nil, fmt.Errorf("make a time authority: %w", err)
	}
	return a, nil
}

// Roots is the root certificate, PEM: what a verifier must be given.
func (a *Authority) Roots() []byte { return bytes.Clone(a.root) }

// Pool is Roots as a pool.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(a.root)
	return p
}

// RootsFile is a file with Roots.
func (a *Authority) RootsFile() string { return filepath.Join(a.dir, "root.pem") }

// ServeHTTP answers a TimeStampReq with a TimeStampResp (RFC 3161 section 3.4).
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4096))
	if r.Method != http.MethodPost || err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "not a time-stamp query", http.StatusBadRequest)
		return
	}
	reply, err := a.Reply(r.Context(), query)
	if err != nil {
		http.Error(w, "no reply", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(reply)
}

// Reply has OpenSSL answer one query. Replies are made one after the other, because the serial number is in a file.
func (a *Authority) Reply(ctx context.Context, query []byte) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	in, out := filepath.Join(a.dir, "query.tsq"), filepath.Join(a.dir, "reply.tsr")
	if err := os.WriteFile(in, query, 0o600); err != nil {
		return nil, fmt.Errorf("reply: %w", err)
	}
	_ = os.Remove(out)
	cmd := exec.CommandContext(ctx, a.program, "ts", "-reply", "-config", filepath.Join(a.dir, "openssl.cnf"), "-queryfile", in, "-out", out)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("reply: openssl ts: %w: %s", err, bytes.TrimSpace(said))
	}
	return os.ReadFile(out)
}

func (a *Authority) certify(o Options) error {
	from := o.Backing
	if from == 0 {
		from = 24 * time.Hour
	}
	until := time.Now().AddDate(20, 0, 0)
	type holder struct {
		key  crypto.Signer
		cert *x509.Certificate
		pem  []byte
	}
	var parent *holder
	issue := func(serial int64, name string, change func(*x509.Certificate)) (*holder, error) {
		h := new(holder)
		var err error
		if o.RSA {
			h.key, err = rsa.GenerateKey(rand.Reader, 2048)
		} else {
			h.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		if err != nil {
			return nil, err
		}
		t := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{Organization: []string{"Not for use"}, CommonName: name},
			NotBefore: time.Now().Add(-from), NotAfter: until, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		}
		change(t)
		issuer, signer := t, h.key
		if parent != nil {
			issuer, signer = parent.cert, parent.key
		}
		der, err := x509.CreateCertificate(rand.Reader, t, issuer, h.key.Public(), signer)
		if err != nil {
			return nil, err
		}
		if h.cert, err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
		h.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		parent = h
		return h, nil
	}
	root, err := issue(1, "Demo time root", func(*x509.Certificate) {})
	if err != nil {
		return err
	}
	between, err := issue(2, "Demo time intermediate", func(*x509.Certificate) {})
	if err != nil {
		return err
	}
	purpose, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return err
	}
	signer, err := issue(3, orElse(o.Name, "Demo time authority"), func(t *x509.Certificate) {
		t.IsCA, t.KeyUsage = false, x509.KeyUsageDigitalSignature
		// The library would not mark the purpose critical, which RFC 3161 asks for.
		t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: purpose}}
	})
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(signer.key)
	if err != nil {
		return err
	}
	a.root = root.pem
	chain := "no"
	if o.Chain {
		chain = "yes"
	}
	at := func(name string) string { return filepath.Join(a.dir, name) }
	config := strings.Join([]string{
		"[tsa]", "default_tsa = demo",
		"[demo]", "serial = " + at("serial"), "signer_cert = " + at("signer.pem"), "certs = " + at("between.pem"), "signer_key = " + at("signer.key"),
		"signer_digest = " + orElse(o.Digest, "sha256"), "default_policy = 1.2.3.4.1", "digests = sha256, sha384, sha512", "accuracy = secs:1",
		"ordering = no", "tsa_name = yes", "ess_cert_id_chain = " + chain, "ess_cert_id_alg = " + orElse(o.ESS, "sha256"), "",
	}, "\n")
	for name, body := range map[string][]byte{
		"root.pem": root.pem, "between.pem": between.pem, "signer.pem": signer.pem, "serial": []byte("01\n"), "openssl.cnf": []byte(config),
		"signer.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(at(name), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

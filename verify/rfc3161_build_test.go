package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The builder writes tokens as an authority does, and any defect that a test asks for. Keys and times are fixed and
// signatures deterministic, so that the fixtures are the same on every machine. Tokens of OpenSSL are among the fixtures too.

var tokenTime = time.Date(2026, 1, 15, 12, 0, 0, 250_000_000, time.UTC)

// testRSA is a key that lies open in testdata and is good for nothing.
var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	text, err := os.ReadFile("testdata/time/test-key.pem")
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode([]byte(strings.ReplaceAll(string(text), "TESTING KEY", "PRIVATE KEY")))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key
})

func testECDSA(curve elliptic.Curve, n byte) *ecdsa.PrivateKey {
	d := make([]byte, (curve.Params().BitSize+7)/8)
	d[len(d)-1], d[len(d)/2] = n+1, 0x5a
	key, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		panic(err)
	}
	return key
}

// fixedSigner makes ECDSA deterministic (RFC 6979), which it is without a source of randomness.
type fixedSigner struct{ crypto.Signer }

func (s fixedSigner) Sign(_ io.Reader, sum []byte, o crypto.SignerOpts) ([]byte, error) {
	return s.Signer.Sign(nil, sum, o)
}

type testCert struct {
	key  crypto.Signer
	cert *x509.Certificate
}

var timeStamping = pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: tlv(0x30, oidOf("\x2b\x06\x01\x05\x05\x07\x03\x08"))}

// issue makes a certificate; parent nil: self-signed.
func issue(parent *testCert, key crypto.Signer, name string, ca bool, change func(*x509.Certificate)) *testCert {
	sum := sha256.Sum256([]byte(name))
	c := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(sum[:8]), Subject: pkix.Name{Organization: []string{"Test only"}, CommonName: name},
		NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2045, 1, 1, 0, 0, 0, 0, time.UTC),
		BasicConstraintsValid: true, IsCA: ca,
	}
	if ca {
		c.KeyUsage = x509.KeyUsageCertSign
	} else {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtraExtensions = []pkix.Extension{timeStamping}
	}
	if change != nil {
		change(c)
	}
	issuer, signer := c, key
	if parent != nil {
		issuer, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), fixedSigner{signer})
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &testCert{key, cert}
}

var (
	testRoot    = sync.OnceValue(func() *testCert { return issue(nil, testRSA(), "Test time root", true, nil) })
	testBetween = sync.OnceValue(func() *testCert {
		return issue(testRoot(), testECDSA(elliptic.P384(), 1), "Test time intermediate", true, nil)
	})
	testSigner = sync.OnceValue(func() *testCert {
		return issue(testBetween(), testECDSA(elliptic.P256(), 2), "Test time authority", false, nil)
	})
)

// testRoots is the root of every built token, as a pool and as PEM.
func testRoots() (*x509.CertPool, []byte) {
	pool := x509.NewCertPool()
	pool.AddCert(testRoot().cert)
	return pool, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: testRoot().cert.Raw})
}

// testToken is a good token over imprint, as of at.
func testToken(imprint [32]byte, at time.Time) []byte {
	return tokenSpec{imprint: imprint, at: at}.build()
}

func tlv(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	out := []byte{tag}
	switch n := len(body); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, body...)
}

func oidOf(s string) []byte { return tlv(tagOID, []byte(s)) }

func algorithmOf(id string) []byte { return tlv(tagSequence, oidOf(id)) }

func attributeOf(id string, value ...[]byte) []byte {
	return tlv(tagSequence, oidOf(id), tlv(tagSet, value...))
}

func setOf(parts [][]byte) []byte {
	slices.SortFunc(parts, bytes.Compare)
	return tlv(tagSet, parts...)
}

// signingCert is a signing-certificate-v2 attribute with SHA-256.
func signingCert(certs ...*x509.Certificate) []byte {
	var ids [][]byte
	for _, c := range certs {
		sum := sha256.Sum256(c.Raw)
		ids = append(ids, tlv(tagSequence, tlv(tagOctets, sum[:])))
	}
	return attributeOf(oidSigningCertV2, tlv(tagSequence, tlv(tagSequence, ids...)))
}

func signingCertV1(c *x509.Certificate) []byte {
	sum := sha1.Sum(c.Raw)
	return attributeOf(oidSigningCert, tlv(tagSequence, tlv(tagSequence, tlv(tagSequence, tlv(tagOctets, sum[:]), issuerSerial(c.RawIssuer, c)))))
}

func issuerSerial(issuer []byte, c *x509.Certificate) []byte {
	return tlv(tagSequence, tlv(tagSequence, tlv(tagContext4, issuer)), tlv(tagInteger, integer(c.SerialNumber)))
}

// tokenSpec is a token to build. Each edit gets the elements of one SEQUENCE and gives those to write.
type tokenSpec struct {
	imprint   [32]byte
	at        time.Time
	signer    *testCert
	others    []*x509.Certificate // nil: the intermediate
	hash      crypto.Hash         // 0: SHA-256
	algorithm string              // signatureAlgorithm; "": by key and hash
	tst       func([][]byte) [][]byte
	attrs     func([][]byte) [][]byte
	info      func([][]byte) [][]byte // SignerInfo, after it was signed
	data      func([][]byte) [][]byte // SignedData
	infos     func([]byte) [][]byte   // SignerInfos out of the one
	content   func([]byte) []byte     // TSTInfo that is put in after the signature is made
	sum       func([]byte) []byte     // message-digest
}

var hashIDs = map[crypto.Hash]string{crypto.SHA256: oidSHA256, crypto.SHA384: oidSHA384, crypto.SHA512: oidSHA512}

func (s tokenSpec) build() []byte {
	if s.signer == nil {
		s.signer = testSigner()
	}
	if s.others == nil {
		s.others = []*x509.Certificate{testBetween().cert}
	}
	if s.hash == 0 {
		s.hash = crypto.SHA256
	}
	if s.at.IsZero() {
		s.at = tokenTime
	}
	edit := func(f func([][]byte) [][]byte, parts ...[]byte) [][]byte {
		if f == nil {
			return parts
		}
		return f(parts)
	}
	when := strings.TrimSuffix(strings.TrimRight(s.at.UTC().Format("20060102150405.000000000"), "0"), ".") + "Z"
	tst := tlv(tagSequence, edit(s.tst,
		tlv(tagInteger, []byte{1}),
		oidOf("\x2a\x03\x04\x01"),
		tlv(tagSequence, algorithmOf(oidSHA256), tlv(tagOctets, s.imprint[:])),
		tlv(tagInteger, []byte{0x4d}),
		tlv(tagGeneralizedTime, []byte(when)),
		tlv(tagSequence, tlv(tagInteger, []byte{1})),
		tlv(tagInteger, []byte{0x12, 0x34}),
		tlv(tagContext0, tlv(tagContext4, s.signer.cert.RawSubject)),
	)...)
	sum := digest(s.hash, tst)
	if s.sum != nil {
		sum = s.sum(sum)
	}
	attrs := setOf(edit(s.attrs,
		attributeOf(oidContentType, oidOf(oidTSTInfo)),
		attributeOf(oidMessageDigest, tlv(tagOctets, sum)),
		signingCert(s.signer.cert),
	))
	signature, err := s.signer.key.Sign(nil, digest(s.hash, attrs), s.hash)
	if err != nil {
		panic(err)
	}
	if s.algorithm == "" {
		_, isRSA := s.signer.key.(*rsa.PrivateKey)
		for id, a := range signatures {
			if a.rsa == isRSA && a.hash == s.hash {
				s.algorithm = id
			}
		}
	}
	implicit := append([]byte{tagContext0}, attrs[1:]...)
	info := tlv(tagSequence, edit(s.info,
		tlv(tagInteger, []byte{1}),
		tlv(tagSequence, s.signer.cert.RawIssuer, tlv(tagInteger, integer(s.signer.cert.SerialNumber))),
		algorithmOf(hashIDs[s.hash]),
		implicit,
		algorithmOf(s.algorithm),
		tlv(tagOctets, signature),
	)...)
	infos := [][]byte{info}
	if s.infos != nil {
		infos = s.infos(info)
	}
	if s.content != nil {
		tst = s.content(tst)
	}
	certs := [][]byte{s.signer.cert.Raw}
	for _, c := range s.others {
		certs = append(certs, c.Raw)
	}
	data := tlv(tagSequence, edit(s.data,
		tlv(tagInteger, []byte{3}),
		tlv(tagSet, algorithmOf(hashIDs[s.hash])),
		tlv(tagSequence, oidOf(oidTSTInfo), tlv(tagContext0, tlv(tagOctets, tst))),
		tlv(tagContext0, certs...),
		tlv(tagSet, infos...),
	)...)
	return tlv(tagSequence, oidOf(oidSignedData), tlv(tagContext0, data))
}

func poolOf(t testing.TB, text []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate in the PEM text")
	}
	return pool
}

package verify

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// stampedText is what all tokens of testdata/time are over.
const stampedText = "log.example/evidence\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

var stampedImprint = sha256.Sum256([]byte(stampedText))

// tokenCase is one token; why is part of the text of the refusal, "" if it is to be accepted.
type tokenCase struct {
	name string
	spec tokenSpec
	why  string
	// alone: refused without roots too.
	alone bool
}

func set(parts [][]byte, i int, to ...[]byte) [][]byte { return slices.Replace(parts, i, i+1, to...) }

// leaf makes a signer below the intermediate.
func leaf(name string, change func(*x509.Certificate)) *testCert {
	return issue(testBetween(), testECDSA(elliptic.P256(), 7), name, false, change)
}

// below makes a signer under another intermediate, and gives both.
func below(name string, change func(*x509.Certificate)) (signer *testCert, others []*x509.Certificate) {
	b := issue(testRoot(), testECDSA(elliptic.P256(), 9), name, true, change)
	return issue(b, testECDSA(elliptic.P256(), 10), name+" authority", false, nil), []*x509.Certificate{b.cert}
}

func critical(id ...int) pkix.Extension {
	return pkix.Extension{Id: id, Critical: true, Value: []byte{5, 0}}
}

func tokenCases() []tokenCase {
	rsaSigner := issue(testBetween(), testRSA(), "Test RSA authority", false, nil)
	withTST := func(f func([][]byte) [][]byte) tokenSpec { return tokenSpec{tst: f} }
	at := func(text string) tokenSpec {
		return withTST(func(p [][]byte) [][]byte { return set(p, 4, tlv(tagGeneralizedTime, []byte(text))) })
	}
	accuracy := func(parts ...[]byte) tokenSpec {
		return withTST(func(p [][]byte) [][]byte { return set(p, 5, tlv(tagSequence, parts...)) })
	}
	with := func(f func([][]byte) [][]byte) tokenSpec { return tokenSpec{attrs: f} }
	under := func(name string, change func(*x509.Certificate)) tokenSpec {
		s, o := below(name, change)
		return tokenSpec{signer: s, others: o}
	}
	longName := leaf("Test authority with another name", func(c *x509.Certificate) {
		c.DNSNames = []string{"time.example"}
	})
	usage := func(ids ...string) pkix.Extension {
		var list [][]byte
		for _, id := range ids {
			list = append(list, oidOf(id))
		}
		return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: tlv(tagSequence, list...)}
	}
	const stamping, signingCode = "\x2b\x06\x01\x05\x05\x07\x03\x08", "\x2b\x06\x01\x05\x05\x07\x03\x03"
	strange := issue(nil, testECDSA(elliptic.P256(), 30), "Test time root", true, nil) // the name of the root, another key
	return []tokenCase{
		{name: "good", spec: tokenSpec{}},
		{name: "good-rsa", spec: tokenSpec{signer: rsaSigner}},
		{name: "good-rsa-sha512-bare", spec: tokenSpec{signer: rsaSigner, hash: crypto.SHA512, algorithm: oidRSA}},
		{name: "good-p384-sha384", spec: tokenSpec{hash: crypto.SHA384, signer: issue(testBetween(), testECDSA(elliptic.P384(), 3), "Test P-384 authority", false, nil)}},
		{name: "good-p521-sha512", spec: tokenSpec{hash: crypto.SHA512, signer: issue(testBetween(), testECDSA(elliptic.P521(), 4), "Test P-521 authority", false, nil)}},
		{name: "good-without-options", spec: withTST(func(p [][]byte) [][]byte { return p[:5] })},
		{name: "good-ordering", spec: withTST(func(p [][]byte) [][]byte { return slices.Insert(p, 6, tlv(tagBoolean, []byte{0xff})) })},
		{name: "good-tsa-dns", spec: tokenSpec{signer: longName, tst: func(p [][]byte) [][]byte { return set(p, 7, tlv(tagContext0, tlv(0x82, []byte("time.example")))) }}},
		{name: "good-certificate-v1", spec: with(func(p [][]byte) [][]byte { return set(p, 2, signingCertV1(testSigner().cert)) })},
		{name: "good-both-certificates", spec: with(func(p [][]byte) [][]byte { return append(p, signingCertV1(testSigner().cert)) })},
		{name: "good-chain-named", spec: with(func(p [][]byte) [][]byte { return set(p, 2, signingCert(testSigner().cert, testBetween().cert)) })},
		{name: "good-unsigned-attribute", spec: tokenSpec{info: func(p [][]byte) [][]byte {
			return append(p, tlv(tagContext1, attributeOf("\x2a\x03", tlv(tagNull))))
		}}},
		{name: "good-root-in-token", spec: tokenSpec{others: []*x509.Certificate{testRoot().cert, testBetween().cert}}},

		// What it is over.
		{name: "other-imprint", spec: tokenSpec{imprint: [32]byte{1}}, why: "over something else", alone: true},
		{name: "imprint-sha1", spec: withTST(func(p [][]byte) [][]byte {
			return set(p, 2, tlv(tagSequence, algorithmOf("\x2b\x0e\x03\x02\x1a"), tlv(tagOctets, make([]byte, 20))))
		}), why: "messageImprint", alone: true},
		{name: "imprint-called-sha384", spec: withTST(func(p [][]byte) [][]byte {
			return set(p, 2, tlv(tagSequence, algorithmOf(oidSHA384), tlv(tagOctets, stampedImprint[:])))
		}), why: "messageImprint", alone: true},

		// TSTInfo.
		{name: "tst-version-2", spec: withTST(func(p [][]byte) [][]byte { return set(p, 0, tlv(tagInteger, []byte{2})) }), why: "TSTInfo version", alone: true},
		{name: "time-local", spec: at("20260115120000+0100"), why: "genTime", alone: true},
		{name: "time-month-13", spec: at("20261315120000Z"), why: "genTime", alone: true},
		{name: "time-trailing-zero", spec: at("20260115120000.10Z"), why: "genTime", alone: true},
		{name: "time-comma", spec: at("20260115120000,1Z"), why: "genTime", alone: true},
		{name: "time-zero", spec: at("00010101000000Z"), why: "genTime", alone: true},
		{name: "time-sign", spec: at("20260115 20000Z"), why: "genTime", alone: true},
		{name: "accuracy-minute", spec: accuracy(tlv(tagInteger, []byte{60})), why: "accuracy", alone: true},
		{name: "accuracy-second-of-milliseconds", spec: accuracy(tlv(tagPrimitive0, []byte{3, 0xe8})), why: "accuracy", alone: true},
		{name: "accuracy-negative", spec: accuracy(tlv(tagInteger, []byte{0xff})), why: "accuracy", alone: true},
		{name: "accuracy-unknown", spec: accuracy(tlv(tagInteger, []byte{1}), tlv(0x83, []byte{1})), why: "accuracy", alone: true},
		{name: "ordering-false", spec: withTST(func(p [][]byte) [][]byte { return slices.Insert(p, 6, tlv(tagBoolean, []byte{0})) }), why: "ordering", alone: true},
		{name: "serial-long-length", spec: withTST(func(p [][]byte) [][]byte { return set(p, 3, []byte{tagInteger, 0x81, 1, 0x4d}) }), why: "length that is not DER", alone: true},
		{name: "nonce-padded", spec: withTST(func(p [][]byte) [][]byte { return set(p, 6, tlv(tagInteger, []byte{0, 1})) }), why: "nonce", alone: true},
		{name: "tsa-somebody-else", spec: withTST(func(p [][]byte) [][]byte {
			return set(p, 7, tlv(tagContext0, tlv(tagContext4, testRoot().cert.RawSubject)))
		}), why: "tsa", alone: true},
		{name: "tsa-empty", spec: withTST(func(p [][]byte) [][]byte { return set(p, 7, tlv(tagContext0)) }), why: "tsa", alone: true},
		{name: "extension-critical", spec: withTST(func(p [][]byte) [][]byte {
			return append(p, tlv(tagContext1, tlv(tagSequence, oidOf("\x2a\x03"), tlv(tagBoolean, []byte{0xff}), tlv(tagOctets))))
		}), why: "extension", alone: true},
		{name: "tst-more", spec: withTST(func(p [][]byte) [][]byte { return append(p, tlv(tagNull)) }), why: "followed by something unknown", alone: true},

		// SignedData and SignerInfo.
		{name: "version-1", spec: tokenSpec{data: func(p [][]byte) [][]byte { return set(p, 0, tlv(tagInteger, []byte{1})) }}, why: "SignedData version", alone: true},
		{name: "content-is-data", spec: tokenSpec{data: func(p [][]byte) [][]byte {
			return set(p, 2, tlv(tagSequence, oidOf("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), tlv(tagContext0, tlv(tagOctets, []byte{1}))))
		}}, why: "eContentType", alone: true},
		{name: "many-certificates", spec: tokenSpec{others: slices.Repeat([]*x509.Certificate{testBetween().cert}, 16)}, why: "more than 16 certificates", alone: true},
		{name: "no-certificates", spec: tokenSpec{data: func(p [][]byte) [][]byte { return slices.Delete(p, 3, 4) }}, why: "no certificates", alone: true},
		{name: "signer-not-in-token", spec: tokenSpec{data: func(p [][]byte) [][]byte { return set(p, 3, tlv(tagContext0, testBetween().cert.Raw)) }}, why: "not in the token", alone: true},
		{name: "signer-twice", spec: tokenSpec{others: []*x509.Certificate{testSigner().cert, testBetween().cert}}, why: "named by two", alone: true},
		{name: "no-signer", spec: tokenSpec{infos: func([]byte) [][]byte { return nil }}, why: "SignerInfo", alone: true},
		{name: "two-signers", spec: tokenSpec{infos: func(p []byte) [][]byte { return [][]byte{p, p} }}, why: "SignerInfo", alone: true},
		{name: "no-signed-attributes", spec: tokenSpec{info: func(p [][]byte) [][]byte { return slices.Delete(p, 3, 4) }}, why: "signedAttrs", alone: true},
		{name: "signer-by-key-identifier", spec: func() tokenSpec {
			s := leaf("Test authority by key", func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3, 4} })
			return tokenSpec{signer: s, info: func(p [][]byte) [][]byte {
				return set(set(p, 0, tlv(tagInteger, []byte{3})), 1, tlv(tagPrimitive0, []byte{1, 2, 3, 4}))
			}}
		}(), why: "SignerInfo version", alone: true},
		{name: "digest-algorithms-other", spec: tokenSpec{data: func(p [][]byte) [][]byte { return set(p, 1, tlv(tagSet, algorithmOf(oidSHA512))) }}, why: "digestAlgorithms", alone: true},
		{name: "digest-sha1", spec: tokenSpec{info: func(p [][]byte) [][]byte { return set(p, 2, algorithmOf("\x2b\x0e\x03\x02\x1a")) }}, why: "digestAlgorithm", alone: true},
		{name: "digest-parameters", spec: tokenSpec{info: func(p [][]byte) [][]byte {
			return set(p, 2, tlv(tagSequence, oidOf(oidSHA256), tlv(tagInteger, []byte{1})))
		}}, why: "digestAlgorithm", alone: true},
		{name: "signer-info-more", spec: tokenSpec{info: func(p [][]byte) [][]byte { return append(p, tlv(tagNull)) }}, why: "SignerInfo", alone: true},

		// Signed attributes.
		{name: "content-type-other", spec: with(func(p [][]byte) [][]byte { return set(p, 0, attributeOf(oidContentType, oidOf(oidSignedData))) }), why: "content-type", alone: true},
		{name: "content-type-missing", spec: with(func(p [][]byte) [][]byte { return p[1:] }), why: "content-type", alone: true},
		{name: "message-digest-missing", spec: with(func(p [][]byte) [][]byte { return set(p, 1) }), why: "message-digest", alone: true},
		{name: "message-digest-other", spec: tokenSpec{sum: func(s []byte) []byte { s[0] ^= 1; return s }}, why: "message-digest", alone: true},
		{name: "content-swapped", spec: tokenSpec{content: func(p []byte) []byte {
			return []byte(strings.Replace(string(p), "20260115120000", "20200115120000", 1))
		}}, why: "message-digest", alone: true},
		{name: "certificate-missing", spec: with(func(p [][]byte) [][]byte { return p[:2] }), why: "no signing-certificate", alone: true},
		{name: "certificate-empty", spec: with(func(p [][]byte) [][]byte { return set(p, 2, signingCert()) }), why: "signing-certificate is empty", alone: true},
		{name: "certificate-other", spec: with(func(p [][]byte) [][]byte { return set(p, 2, signingCert(testBetween().cert)) }), why: "signing-certificate is another", alone: true},
		{name: "certificate-v1-other", spec: with(func(p [][]byte) [][]byte { return append(p, signingCertV1(testBetween().cert)) }), why: "signing-certificate is another", alone: true},
		{name: "certificate-wrong-order", spec: with(func(p [][]byte) [][]byte { return set(p, 2, signingCert(testBetween().cert, testSigner().cert)) }), why: "signing-certificate is another", alone: true},
		{name: "certificate-issuer-other", spec: with(func(p [][]byte) [][]byte {
			sum := sha256.Sum256(testSigner().cert.Raw)
			id := tlv(tagSequence, tlv(tagOctets, sum[:]), issuerSerial(testRoot().cert.RawSubject, testSigner().cert))
			return set(p, 2, attributeOf(oidSigningCertV2, tlv(tagSequence, tlv(tagSequence, id))))
		}), why: "signing-certificate is another", alone: true},
		{name: "certificate-not-of-chain", spec: with(func(p [][]byte) [][]byte { return set(p, 2, signingCert(testSigner().cert, rsaSigner.cert)) }), why: "no chain of certificates keeps"},
		{name: "attribute-twice", spec: with(func(p [][]byte) [][]byte { return append(p, attributeOf(oidContentType, oidOf(oidTSTInfo))) }), why: "twice", alone: true},

		// The signature.
		{name: "signature-altered", spec: tokenSpec{info: func(p [][]byte) [][]byte { p[5][len(p[5])-1] ^= 1; return p }}, why: "signature", alone: true},
		{name: "signature-altered-rsa", spec: tokenSpec{signer: rsaSigner, info: func(p [][]byte) [][]byte { p[5][len(p[5])-1] ^= 1; return p }}, why: "signature", alone: true},
		{name: "signature-of-another-key", spec: tokenSpec{signer: &testCert{testECDSA(elliptic.P256(), 20), testSigner().cert}}, why: "signature", alone: true},
		{name: "signature-algorithm-other-digest", spec: tokenSpec{algorithm: "\x2a\x86\x48\xce\x3d\x04\x03\x03"}, why: "differ", alone: true},
		{name: "signature-algorithm-pss", spec: tokenSpec{signer: rsaSigner, algorithm: "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"}, why: "signatureAlgorithm", alone: true},
		{name: "signature-algorithm-of-other-key", spec: tokenSpec{algorithm: oidRSA}, why: "signature", alone: true},
		{name: "signature-algorithm-ecdsa-of-rsa-key", spec: tokenSpec{signer: rsaSigner, algorithm: "\x2a\x86\x48\xce\x3d\x04\x03\x02"}, why: "signature", alone: true},
		{name: "attributes-altered", spec: tokenSpec{info: func(p [][]byte) [][]byte { p[3][len(p[3])-1] ^= 1; return p }}, why: "", alone: true},

		// The signer's certificate.
		{name: "purpose-missing", spec: tokenSpec{signer: leaf("Test no purpose", func(c *x509.Certificate) { c.ExtraExtensions = nil })}, why: "time stamping alone", alone: true},
		{name: "purpose-other", spec: tokenSpec{signer: leaf("Test other purpose", func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(signingCode) })}, why: "time stamping alone", alone: true},
		{name: "purpose-two", spec: tokenSpec{signer: leaf("Test two purposes", func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(stamping, signingCode) })}, why: "time stamping alone", alone: true},
		{name: "purpose-not-critical", spec: tokenSpec{signer: leaf("Test purpose not critical", func(c *x509.Certificate) {
			e := usage(stamping)
			e.Critical = false
			c.ExtraExtensions[0] = e
		})}, why: "not critical", alone: true},
		{name: "key-usage-other", spec: tokenSpec{signer: leaf("Test key usage", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment })}, why: "other uses", alone: true},
		{name: "key-usage-none", spec: tokenSpec{signer: leaf("Test no key usage", func(c *x509.Certificate) {
			c.KeyUsage = 0
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 7, 0}})
		})}, why: "other uses", alone: true},
		{name: "signer-expired", spec: tokenSpec{signer: leaf("Test expired", func(c *x509.Certificate) { c.NotAfter = tokenTime.Add(-time.Hour) })}, why: "not valid at that time", alone: true},
		{name: "signer-not-yet", spec: tokenSpec{signer: leaf("Test not yet", func(c *x509.Certificate) { c.NotBefore = tokenTime.Add(time.Hour) })}, why: "not valid at that time", alone: true},
		{name: "signer-critical-unknown", spec: tokenSpec{signer: leaf("Test critical", func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, critical(1, 2, 3)) })}, why: "chain"},

		// The chain.
		{name: "chain-missing", spec: tokenSpec{others: []*x509.Certificate{}}, why: "does not end"},
		{name: "chain-root-of-same-name", spec: tokenSpec{signer: issue(strange, testECDSA(elliptic.P256(), 31), "Test strange authority", false, nil), others: []*x509.Certificate{strange.cert}}, why: "does not end"},
		{name: "chain-expired", spec: under("Test expired intermediate", func(c *x509.Certificate) { c.NotAfter = tokenTime.Add(-time.Hour) }), why: "chain"},
		{name: "good-chain-expired-since", spec: under("Test since expired intermediate", func(c *x509.Certificate) { c.NotAfter = tokenTime.Add(time.Hour) })},
		{name: "chain-not-yet", spec: under("Test intermediate not yet", func(c *x509.Certificate) { c.NotBefore = tokenTime.Add(time.Hour) }), why: "chain"},
		{name: "chain-ed25519", spec: func() tokenSpec {
			b := issue(testRoot(), ed25519.NewKeyFromSeed(make([]byte, 32)), "Test Ed25519 intermediate", true, nil)
			return tokenSpec{signer: issue(b, testECDSA(elliptic.P256(), 17), "Test below Ed25519", false, nil), others: []*x509.Certificate{b.cert}}
		}(), why: "no chain of certificates keeps"},
		{name: "chain-not-ca", spec: func() tokenSpec {
			b := issue(testRoot(), testECDSA(elliptic.P256(), 12), "Test no CA", true, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
			return tokenSpec{signer: issue(b, testECDSA(elliptic.P256(), 13), "Test below no CA", false, nil), others: []*x509.Certificate{b.cert}}
		}(), why: "does not end"},
		{name: "chain-purpose", spec: under("Test purpose of intermediate", func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{usage(signingCode)} }), why: "does not end"},
		{name: "chain-critical", spec: under("Test critical intermediate", func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{critical(1, 2, 3)} }), why: "does not end"},
		{name: "chain-too-long", spec: func() tokenSpec {
			b := issue(testRoot(), testECDSA(elliptic.P256(), 14), "Test path 0", true, func(c *x509.Certificate) { c.MaxPathLenZero = true })
			d := issue(b, testECDSA(elliptic.P256(), 15), "Test below path 0", true, nil)
			return tokenSpec{signer: issue(d, testECDSA(elliptic.P256(), 16), "Test two below path 0", false, nil), others: []*x509.Certificate{b.cert, d.cert}}
		}(), why: "does not end"},
		{name: "chain-critical-constraints", spec: under("Test name constraints", func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example"}
		}), why: "no chain of certificates keeps"},
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	pool, _ := testRoots()
	for _, c := range tokenCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			token := c.token()
			s, err := Token(token, stampedImprint, pool)
			if c.good() {
				if err != nil {
					t.Fatal(err)
				}
				if !s.Time.Equal(tokenTime) || !s.Checked || s.Kind != KindRFC3161 || s.Authority == "" {
					t.Errorf("%+v", s)
				}
			} else if !errors.Is(err, ErrStamp) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%v, want a refusal with %q", err, c.why)
			}
			s, err = Token(token, stampedImprint, nil)
			if c.alone == (err == nil) || s.Checked {
				t.Errorf("without roots: %+v, %v", s, err)
			}
			// An empty pool is not no pool.
			if _, err := Token(token, stampedImprint, x509.NewCertPool()); err == nil {
				t.Error("accepted with an empty pool of roots")
			}
		})
	}
}

func (c tokenCase) good() bool { return c.why == "" && !c.alone }

func (c tokenCase) token() []byte {
	if c.spec.imprint == ([32]byte{}) {
		c.spec.imprint = stampedImprint
	}
	return c.spec.build()
}

// Whoever trusts the certificate of one authority, or an intermediate, gives that as the root.
func TestTokenUnderOtherRoots(t *testing.T) {
	t.Parallel()
	token := testToken(stampedImprint, tokenTime)
	for _, c := range []struct {
		root *testCert
		ok   bool
	}{{testRoot(), true}, {testBetween(), true}, {testSigner(), true}, {leaf("Test other authority", nil), false}} {
		pool := x509.NewCertPool()
		pool.AddCert(c.root.cert)
		if s, err := Token(token, stampedImprint, pool); (err == nil) != c.ok || s.Checked != c.ok {
			t.Errorf("%s: %+v, %v", c.root.cert.Subject.CommonName, s, err)
		}
	}
}

// Only the spelling of DER is accepted: lengths in the shortest form, nothing left over.
func TestTokenIsStrictDER(t *testing.T) {
	t.Parallel()
	good := testToken(stampedImprint, tokenTime)
	long := append([]byte{0x30, 0x83, 0}, good[2:]...) // one more byte for the same length
	indefinite := append(append([]byte{0x30, 0x80}, good[4:]...), 0, 0)
	for name, token := range map[string][]byte{
		"empty": nil, "long length": long, "indefinite": indefinite, "trailing": append(slices.Clone(good), 0), "cut": good[:len(good)-1],
		"large": append(slices.Clone(good), make([]byte, maxStamp)...), "one byte": {0x30}, "length without bytes": {0x30, 0x82, 1},
	} {
		if _, err := ReadToken(token); !errors.Is(err, ErrStamp) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token of just more than 64 KiB is refused although all of it is well formed.
func TestTokenIsBounded(t *testing.T) {
	t.Parallel()
	padded := func(n int) []byte {
		return tokenSpec{imprint: stampedImprint, info: func(p [][]byte) [][]byte {
			return append(p, tlv(tagContext1, attributeOf("\x2a\x03", tlv(tagOctets, make([]byte, n)))))
		}}.build()
	}
	for n := maxStamp - 4000; ; n++ {
		token := padded(n)
		if len(token) > maxStamp {
			if _, err := Token(token, stampedImprint, nil); err == nil || !strings.Contains(err.Error(), "64 KiB") {
				t.Errorf("%d bytes: %v", len(token), err)
			}
			return
		}
		if len(token) < maxStamp {
			n += maxStamp - len(token) - 1
			continue
		}
		if _, err := Token(token, stampedImprint, nil); err != nil {
			t.Errorf("%d bytes: %v", len(token), err)
		}
	}
}

func TestReadToken(t *testing.T) {
	t.Parallel()
	info, err := ReadToken(testToken(stampedImprint, tokenTime))
	if err != nil {
		t.Fatal(err)
	}
	if info.Imprint != stampedImprint || !info.Time.Equal(tokenTime) || info.Nonce.Int64() != 0x1234 || info.Serial.Int64() != 0x4d || info.Policy != "1.2.3.4.1" {
		t.Errorf("%+v", info)
	}
}

// A key so large that checking it takes seconds is refused before anything is computed with it.
func TestTokenWithHugeKey(t *testing.T) {
	t.Parallel()
	type spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	n := new(big.Int).Lsh(big.NewInt(1), 16_000)
	n.Add(n, big.NewInt(1))
	key, _ := asn1.Marshal(struct {
		N *big.Int
		E int
	}{n, 65537})
	public, err := asn1.Marshal(spki{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
	if err != nil {
		t.Fatal(err)
	}
	// The certificate of the intermediate with the huge key in it; its signature does not matter.
	var whole struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.RawValue
	}
	if _, err := asn1.Unmarshal(testBetween().cert.Raw, &whole); err != nil {
		t.Fatal(err)
	}
	tbs := strings.Replace(string(whole.TBS.Bytes), string(testBetween().cert.RawSubjectPublicKeyInfo), string(public), 1)
	raw := tlv(tagSequence, tlv(tagSequence, []byte(tbs)), whole.Algorithm.FullBytes, whole.Signature.FullBytes)
	token := tokenSpec{imprint: stampedImprint, others: []*x509.Certificate{{Raw: raw}}}.build()
	pool, _ := testRoots()
	if _, err := Token(token, stampedImprint, pool); err == nil || !strings.Contains(err.Error(), "8,192") {
		t.Error(err)
	}
}

// A key that can be broken is refused, of the authority itself and above it.
func TestTokenWithSmallKey(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	pool, _ := testRoots()
	small := tokenSpec{imprint: stampedImprint, signer: issue(testBetween(), key, "Test small key", false, nil)}.build()
	for _, roots := range []*x509.CertPool{nil, pool} {
		if _, err := Token(small, stampedImprint, roots); err == nil || !strings.Contains(err.Error(), "signature") {
			t.Error(err)
		}
	}
	between := issue(testRoot(), key, "Test small intermediate", true, nil)
	under := tokenSpec{imprint: stampedImprint, signer: issue(between, testECDSA(elliptic.P256(), 40), "Test under small key", false, nil), others: []*x509.Certificate{between.cert}}.build()
	if _, err := Token(under, stampedImprint, pool); err == nil || !strings.Contains(err.Error(), "keeps to the rules") {
		t.Error(err)
	}
}

func TestAuthorityNameIsPrintable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Plain": "Plain", "a\x1b[2Jb\u202ec\n": "a[2Jbc", strings.Repeat("x", 200): strings.Repeat("x", 97), "": "Test only",
	} {
		c := &x509.Certificate{Subject: pkix.Name{CommonName: name, Organization: []string{"Test only"}}}
		if got := authority(c); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	if got := authority(&x509.Certificate{}); !strings.HasPrefix(got, "certificate e3b0c44298fc1c14") {
		t.Error(got)
	}
}

// ---- fixtures: the same tokens for verifiers in other languages ----------------------------------------

// timeFixture is one line of testdata/time/index.json.
type timeFixture struct {
	File    string `json:"file"`
	Kind    string `json:"kind"`    // rfc3161 or opentimestamps
	Imprint string `json:"imprint"` // hexadecimal
	Roots   string `json:"roots"`   // file with PEM; "" where there are none to give
	OK      bool   `json:"ok"`      // with these roots
	Alone   bool   `json:"alone"`   // RFC 3161: accepted, and not checked, if no roots are given
	Time    string `json:"time,omitempty"`
	Pending bool   `json:"pending,omitempty"`
	Block   int64  `json:"block,omitempty"`
	Root    string `json:"root,omitempty"`
	Why     string `json:"why,omitempty"` // a word of the Go verifier; others have their own
}

const timeFolder = "testdata/time"

func timeFixtures(t testing.TB) []timeFixture {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(timeFolder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []timeFixture
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func readTime(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(timeFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The index says of each file what every verifier has to say.
func TestTimeFixtures(t *testing.T) {
	t.Parallel()
	list := timeFixtures(t)
	listed := map[string]bool{"index.json": true, "make.sh": true, "test-key.pem": true, "README.md": true}
	accepted := 0
	for _, f := range list {
		listed[f.File], listed[f.Roots] = true, true
		var imprint [32]byte
		if n, err := hex.Decode(imprint[:], []byte(f.Imprint)); err != nil || n != 32 {
			t.Fatalf("%s: imprint: %v", f.File, err)
		}
		raw := readTime(t, f.File)
		var s Stamp
		var err error
		if f.Kind == KindRFC3161 {
			s, err = Token(raw, imprint, poolOf(t, readTime(t, f.Roots)))
			if _, alone := Token(raw, imprint, nil); (alone == nil) != f.Alone {
				t.Errorf("%s: without roots: %v", f.File, alone)
			}
		} else {
			s, err = OpenTimestamps(raw, imprint)
		}
		switch {
		case f.OK != (err == nil), err != nil && !strings.Contains(err.Error(), f.Why):
			t.Errorf("%s: %v, want ok %v, why %q", f.File, err, f.OK, f.Why)
		case f.OK:
			accepted++
			if got := s.Time.Format(time.RFC3339Nano); f.Kind == KindRFC3161 && got != f.Time || s.Pending != f.Pending || s.Block != f.Block || s.Root != f.Root || s.Checked != (f.Kind == KindRFC3161) {
				t.Errorf("%s: %+v, want %+v", f.File, s, f)
			}
		}
	}
	if accepted < 20 || len(list)-accepted < 50 {
		t.Errorf("%d fixtures are accepted and %d refused", accepted, len(list)-accepted)
	}
	files, err := os.ReadDir(timeFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !listed[f.Name()] {
			t.Errorf("%s is not in the index", f.Name())
		}
	}
}

// TestWriteTimeFixtures writes testdata/time anew: ZAPIS_UPDATE_TIME=1 go test ./verify -run WriteTimeFixtures. The tokens of OpenSSL are
// made by make.sh, which is run first.
func TestWriteTimeFixtures(t *testing.T) {
	if os.Getenv("ZAPIS_UPDATE_TIME") == "" {
		// What lies there must be what the builder builds.
		for _, c := range tokenCases() {
			if string(readTime(t, c.name+".tst")) != string(c.token()) {
				t.Errorf("%s.tst is not what the builder makes: write the fixtures anew", c.name)
			}
		}
		return
	}
	write := func(name string, body []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(timeFolder, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, roots := testRoots()
	write("root.pem", roots)
	var list []timeFixture
	add := func(f timeFixture) {
		raw := readTime(t, f.File)
		imprint, _ := hex.DecodeString(f.Imprint)
		if f.Kind == KindRFC3161 && f.OK {
			info, err := ReadToken(raw)
			if err != nil {
				t.Fatalf("%s: %v", f.File, err)
			}
			f.Time = info.Time.Format(time.RFC3339Nano)
		} else if f.OK {
			s, err := OpenTimestamps(raw, [32]byte(imprint))
			if err != nil {
				t.Fatalf("%s: %v", f.File, err)
			}
			f.Pending, f.Block, f.Root = s.Pending, s.Block, s.Root
		}
		list = append(list, f)
	}
	imprint := hex.EncodeToString(stampedImprint[:])
	for _, c := range tokenCases() {
		write(c.name+".tst", c.token())
		add(timeFixture{File: c.name + ".tst", Kind: KindRFC3161, Imprint: imprint, Roots: "root.pem", OK: c.good(), Alone: !c.alone, Why: c.why})
	}
	files, err := filepath.Glob(filepath.Join(timeFolder, "openssl-*.tst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tokens of OpenSSL: run make.sh (%v)", err)
	}
	for _, f := range files {
		add(timeFixture{File: filepath.Base(f), Kind: KindRFC3161, Imprint: imprint, Roots: "openssl-root.pem", OK: true, Alone: true})
	}
	for _, f := range otsFixtures() {
		if f.body != nil {
			write(f.File, f.body)
		}
		add(f.timeFixture)
	}
	raw, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	write("index.json", append(raw, '\n'))
}

// ---- OpenSSL beside us -----------------------------------------------------------------------------------

func needOpenSSL(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("ZAPIS_TEST_REQUIRE") != "" {
		t.Fatal("openssl is not installed: run make setup")
	} else if err != nil {
		t.Skip("openssl is not installed")
	}
}

// opensslAccepts says whether `openssl ts -verify` accepts a token, as of a time.
func opensslAccepts(t *testing.T, dir string, token []byte, imprint, roots string, at time.Time) bool {
	t.Helper()
	in, err := os.CreateTemp(dir, "token")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = in.Write(token)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "ts", "-verify", "-digest", imprint, "-in", in.Name(), "-token_in", "-CAfile", roots, "-attime", fmt.Sprint(at.Unix())).CombinedOutput()
	said := strings.Contains(string(out), "Verification: OK")
	if said != (err == nil) {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	return said
}

// Whatever OpenSSL refuses, we refuse; whatever we accept, it accepts.
func TestNoMoreThanOpenSSL(t *testing.T) {
	t.Parallel()
	needOpenSSL(t)
	dir := t.TempDir()
	stricter := 0
	for _, f := range timeFixtures(t) {
		if f.Kind != KindRFC3161 {
			continue
		}
		at := tokenTime
		if f.OK {
			at, _ = time.Parse(time.RFC3339Nano, f.Time)
		}
		theirs := opensslAccepts(t, dir, readTime(t, f.File), f.Imprint, filepath.Join(timeFolder, f.Roots), at)
		if f.OK && !theirs {
			t.Errorf("%s: we accept what OpenSSL refuses", f.File)
		}
		if !f.OK && theirs {
			stricter++
			t.Logf("%s: OpenSSL accepts, we refuse: %s", f.File, f.Why)
		}
	}
	t.Logf("%d fixtures are refused by us alone", stricter)
	// Tokens with bytes changed by chance. Fixed seed: a failure can be looked at.
	good, rnd := testToken(stampedImprint, tokenTime), mathrand.New(mathrand.NewPCG(3, 161))
	pool, _ := testRoots()
	for i := range 150 {
		token := slices.Clone(good)
		where := rnd.IntN(len(token))
		token[where] ^= byte(1 + rnd.IntN(255))
		_, err := Token(token, stampedImprint, pool)
		if err == nil && !opensslAccepts(t, dir, token, hex.EncodeToString(stampedImprint[:]), filepath.Join(timeFolder, "root.pem"), tokenTime) {
			t.Errorf("change %d, byte %d: we accept what OpenSSL refuses", i, where)
		}
	}
}

// No change of one byte makes a token say something else: it is refused, or it is the same statement of the same authority.
func TestEveryByteOfAToken(t *testing.T) {
	t.Parallel()
	pool, _ := testRoots()
	good := testToken(stampedImprint, tokenTime)
	want, err := Token(good, stampedImprint, pool)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range good {
		for _, flip := range []byte{1, 0x80} {
			token := slices.Clone(good)
			token[i] ^= flip
			s, err := Token(token, stampedImprint, pool)
			if err != nil {
				refused++
			} else if s != want {
				t.Errorf("byte %d: %+v", i, s)
			}
		}
	}
	if refused != 2*len(good) {
		t.Errorf("only %d of %d changes are refused", refused, 2*len(good))
	}
}

func FuzzToken(f *testing.F) {
	pool, _ := testRoots()
	for _, x := range timeFixtures(f) {
		if x.Kind == KindRFC3161 {
			f.Add(readTime(f, x.File))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Token(raw, stampedImprint, pool)
		if err != nil {
			if !errors.Is(err, ErrStamp) {
				t.Fatal(err)
			}
			return
		}
		// All good tokens under this root are of one time.
		if !s.Time.Equal(tokenTime) || !s.Checked {
			t.Fatalf("forged: %+v", s)
		}
		if _, err := Token(raw, stampedImprint, nil); err != nil {
			t.Fatalf("accepted with roots, refused without: %v", err)
		}
		if info, err := ReadToken(raw); err != nil || info.Imprint != stampedImprint {
			t.Fatalf("%+v, %v", info, err)
		}
	})
}

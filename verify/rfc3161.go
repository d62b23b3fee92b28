package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha512" // SHA-384 and SHA-512
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Limits of a time stamp: of its bytes, of the certificates a token carries, and of an RSA key in bits.
const (
	maxStamp        = 64 << 10
	maxCertificates = 16
	minRSA, maxRSA  = 2048, 8192
	maxAccuracy     = time.Minute
)

// ErrStamp: a time stamp is not well formed, is over something else, or does not verify. The text says which.
var ErrStamp = errors.New("time stamp is not valid")

// TokenInfo is what an RFC 3161 token says, before anybody has checked whether it is true.
type TokenInfo struct {
	Imprint [32]byte  // SHA-256 of what is stamped
	Time    time.Time // genTime, UTC
	Nonce   *big.Int  // nil if there is none
	Serial  *big.Int
	Policy  string // object identifier, dotted
}

// ReadToken reads what a TimeStampToken (DER of the CMS ContentInfo, RFC 3161 section 2.4.2) says without checking any signature.
// Only Token says whether it is to be believed. Errors are ErrStamp.
func ReadToken(token []byte) (TokenInfo, error) {
	t, err := parseToken(token)
	if err != nil {
		return TokenInfo{}, fmt.Errorf("%w: %w", ErrStamp, err)
	}
	return t.info, nil
}

// Token checks an RFC 3161 TimeStampToken (DER of the CMS ContentInfo) over imprint, a SHA-256 digest, by RFC 3161, RFC 5652 and RFC 5816.
// With roots, the chain of certificates must end in one of them at the time of the token, and the stamp is Checked; with nil roots
// only the token itself is checked, which anybody can make, and Checked is false. Errors are ErrStamp and name the rule.
// Revocation is not looked up. The rules are those of docs/design/proof-bundle.md, "RFC 3161 token".
func Token(token []byte, imprint [32]byte, roots *x509.CertPool) (Stamp, error) {
	return checkToken(token, imprint, roots)
}

func checkToken(token []byte, imprint [32]byte, roots *x509.CertPool) (Stamp, error) {
	t, err := parseToken(token)
	if err == nil {
		err = t.check(imprint)
	}
	if err == nil && roots != nil {
		err = t.chain(roots)
	}
	if err != nil {
		return Stamp{}, fmt.Errorf("%w: %w", ErrStamp, err)
	}
	return Stamp{Kind: KindRFC3161, Authority: authority(t.signer), Time: t.info.Time, Checked: roots != nil}, nil
}

// Object identifiers, as the bytes that stand in DER.
const (
	oidSignedData    = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidTSTInfo       = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04"
	oidContentType   = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
	oidMessageDigest = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
	oidSigningCert   = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0c"
	oidSigningCertV2 = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f"
	oidSHA256        = "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	oidSHA384        = "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	oidSHA512        = "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
	oidRSA           = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
)

var digests = map[string]crypto.Hash{oidSHA256: crypto.SHA256, oidSHA384: crypto.SHA384, oidSHA512: crypto.SHA512}

// signatures names the algorithms that carry their digest in their name; oidRSA leaves it to digestAlgorithm.
var signatures = map[string]struct {
	rsa  bool
	hash crypto.Hash
}{
	oidRSA:                                 {rsa: true},
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b": {rsa: true, hash: crypto.SHA256},
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c": {rsa: true, hash: crypto.SHA384},
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d": {rsa: true, hash: crypto.SHA512},
	"\x2a\x86\x48\xce\x3d\x04\x03\x02":     {hash: crypto.SHA256},
	"\x2a\x86\x48\xce\x3d\x04\x03\x03":     {hash: crypto.SHA384},
	"\x2a\x86\x48\xce\x3d\x04\x03\x04":     {hash: crypto.SHA512},
}

// chainAlgorithms are the signatures a certificate of the chain may have: those that every verifier of ours knows.
var chainAlgorithms = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
}

// certID is one entry of a signing-certificate attribute.
type certID struct {
	hash   crypto.Hash
	sum    []byte
	issuer []byte // DER of the Name, nil if the entry names none
	serial []byte // contents of the INTEGER
}

// token is a parsed TimeStampToken. Slices point into the input.
type token struct {
	info         TokenInfo
	content      []byte // TSTInfo, DER
	tsa          []byte // GeneralName, DER; nil if there is none
	certificates []*x509.Certificate
	signer       *x509.Certificate
	digest       crypto.Hash
	attributes   []byte // signedAttrs as the SET that was signed
	contentType  []byte
	messageSum   []byte
	ids          [][]certID // of each signing-certificate attribute
	algorithm    string
	signature    []byte
}

func parseToken(raw []byte) (*token, error) {
	if len(raw) > maxStamp {
		return nil, errors.New("token is longer than 64 KiB")
	}
	in := der(raw)
	info, err := in.only(tagSequence, "ContentInfo")
	if err != nil {
		return nil, err
	}
	if err := info.oid(oidSignedData, "contentType"); err != nil {
		return nil, err
	}
	explicit, err := info.only(tagContext0, "content")
	if err != nil {
		return nil, err
	}
	data, err := explicit.only(tagSequence, "SignedData")
	if err != nil {
		return nil, err
	}
	t := new(token)
	if err := t.signedData(data); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *token) signedData(d der) error {
	if err := d.number(3, "SignedData version"); err != nil {
		return err
	}
	named, err := d.next(tagSet, "digestAlgorithms")
	if err != nil {
		return err
	}
	digestName, err := named.algorithm("digestAlgorithms")
	if err != nil {
		return err
	}
	if err := named.end("digestAlgorithms"); err != nil {
		return err
	}
	encap, err := d.next(tagSequence, "encapContentInfo")
	if err != nil {
		return err
	}
	if err := encap.oid(oidTSTInfo, "eContentType"); err != nil {
		return err
	}
	explicit, err := encap.only(tagContext0, "eContent")
	if err != nil {
		return err
	}
	content, err := explicit.only(tagOctets, "eContent")
	if err != nil {
		return err
	}
	t.content = content
	if err := t.readCertificates(&d); err != nil {
		return err
	}
	if _, _, err := d.optional(tagContext1, "crls"); err != nil {
		return err
	}
	signers, err := d.only(tagSet, "signerInfos")
	if err != nil {
		return err
	}
	signer, err := signers.only(tagSequence, "SignerInfo")
	if err != nil {
		return err
	}
	if err := t.signerInfo(signer); err != nil {
		return err
	}
	if digests[digestName] != t.digest {
		return errors.New("digestAlgorithms is not that of the signer")
	}
	return t.tstInfo(t.content)
}

func (t *token) readCertificates(d *der) error {
	set, ok, err := d.optional(tagContext0, "certificates")
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("no certificates in the token")
	}
	for len(set) > 0 {
		raw, err := set.element(tagSequence, "certificate")
		if err != nil {
			return err
		}
		if len(t.certificates) == maxCertificates {
			return errors.New("more than 16 certificates")
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return errors.New("a certificate is not well formed")
		}
		// A huge key would make each check of a signature take seconds.
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSA {
			return errors.New("an RSA key is longer than 8,192 bits")
		}
		t.certificates = append(t.certificates, c)
	}
	return nil
}

func (t *token) signerInfo(d der) error {
	// Version 3, which names the signer by a key identifier, is not accepted by `openssl ts` either.
	if err := d.number(1, "SignerInfo version"); err != nil {
		return err
	}
	sid, err := d.next(tagSequence, "issuerAndSerialNumber")
	if err != nil {
		return err
	}
	issuer, err := sid.element(tagSequence, "issuer")
	if err != nil {
		return err
	}
	serial, err := sid.only(tagInteger, "serialNumber")
	if err != nil {
		return err
	}
	match := func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawIssuer, issuer) && bytes.Equal(integer(c.SerialNumber), serial)
	}
	for _, c := range t.certificates {
		if match(c) && t.signer != nil {
			return errors.New("the signer is named by two certificates")
		} else if match(c) {
			t.signer = c
		}
	}
	if t.signer == nil {
		return errors.New("the certificate of the signer is not in the token")
	}
	algorithm, err := d.algorithm("digestAlgorithm")
	if err != nil {
		return err
	}
	var ok bool
	if t.digest, ok = digests[algorithm]; !ok {
		return errors.New("digestAlgorithm is not SHA-256, SHA-384 or SHA-512")
	}
	whole, err := d.element(tagContext0, "signedAttrs")
	if err != nil {
		return err
	}
	// RFC 5652 section 5.4: what is signed is the SET, not its implicit tag.
	t.attributes = append([]byte{tagSet}, whole[1:]...)
	inner := der(whole)
	attributes, err := inner.only(tagContext0, "signedAttrs")
	if err != nil {
		return err
	}
	if err := t.readAttributes(attributes); err != nil {
		return err
	}
	if t.algorithm, err = d.algorithm("signatureAlgorithm"); err != nil {
		return err
	}
	if t.signature, err = d.next(tagOctets, "signature"); err != nil {
		return err
	}
	if _, _, err := d.optional(tagContext1, "unsignedAttrs"); err != nil {
		return err
	}
	return d.end("SignerInfo")
}

func (t *token) readAttributes(set der) error {
	seen := map[string]bool{}
	for len(set) > 0 {
		attribute, err := set.next(tagSequence, "signed attribute")
		if err != nil {
			return err
		}
		name, err := attribute.next(tagOID, "signed attribute")
		if err != nil {
			return err
		}
		values, err := attribute.only(tagSet, "signed attribute")
		if err != nil {
			return err
		}
		if seen[string(name)] {
			return errors.New("a signed attribute stands there twice")
		}
		seen[string(name)] = true
		switch string(name) {
		case oidContentType:
			t.contentType, err = values.only(tagOID, "content-type")
		case oidMessageDigest:
			t.messageSum, err = values.only(tagOctets, "message-digest")
		case oidSigningCert, oidSigningCertV2:
			var ids []certID
			ids, err = signingCertificate(values, string(name) == oidSigningCertV2)
			t.ids = append(t.ids, ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// signingCertificate reads SigningCertificate (RFC 2634) or SigningCertificateV2 (RFC 5035).
func signingCertificate(values der, v2 bool) ([]certID, error) {
	const what = "signing-certificate"
	body, err := values.only(tagSequence, what)
	if err != nil {
		return nil, err
	}
	list, err := body.next(tagSequence, what)
	if err != nil {
		return nil, err
	}
	if _, _, err := body.optional(tagSequence, what); err != nil { // policies
		return nil, err
	}
	if err := body.end(what); err != nil {
		return nil, err
	}
	var ids []certID
	for len(list) > 0 {
		entry, err := list.next(tagSequence, what)
		if err != nil {
			return nil, err
		}
		id := certID{hash: crypto.SHA1}
		if v2 {
			id.hash = crypto.SHA256
			if len(entry) > 0 && entry[0] == tagSequence {
				name, err := entry.algorithm(what)
				if err != nil {
					return nil, err
				}
				var ok bool
				if id.hash, ok = digests[name]; !ok {
					return nil, errors.New("signing-certificate has a digest other than SHA-256, SHA-384 or SHA-512")
				}
			}
		}
		if id.sum, err = entry.next(tagOctets, what); err != nil {
			return nil, err
		}
		if issuerSerial, ok, err := entry.optional(tagSequence, what); err != nil {
			return nil, err
		} else if ok {
			names, err := issuerSerial.next(tagSequence, what)
			if err != nil {
				return nil, err
			}
			// GeneralNames with the one directoryName of the issuer.
			name, err := names.only(tagContext4, what)
			if err != nil {
				return nil, err
			}
			if id.issuer, err = name.element(tagSequence, what); err != nil {
				return nil, err
			}
			if err := name.end(what); err != nil {
				return nil, err
			}
			if id.serial, err = issuerSerial.only(tagInteger, what); err != nil {
				return nil, err
			}
		}
		if err := entry.end(what); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, errors.New("signing-certificate is empty")
	}
	return ids, nil
}

func (id certID) names(c *x509.Certificate) bool {
	var sum []byte
	if id.hash == crypto.SHA1 { // RFC 2634 knows no other; the certificate itself is under the chain's signatures
		s := sha1.Sum(c.Raw)
		sum = s[:]
	} else {
		sum = digest(id.hash, c.Raw)
	}
	if !bytes.Equal(sum, id.sum) {
		return false
	}
	return id.issuer == nil || bytes.Equal(id.issuer, c.RawIssuer) && bytes.Equal(id.serial, integer(c.SerialNumber))
}

func (t *token) tstInfo(content []byte) error {
	in := der(content)
	d, err := in.only(tagSequence, "TSTInfo")
	if err != nil {
		return err
	}
	if err := d.number(1, "TSTInfo version"); err != nil {
		return err
	}
	policy, err := d.next(tagOID, "policy")
	if err != nil {
		return err
	}
	if t.info.Policy, err = dotted(policy); err != nil {
		return err
	}
	imprint, err := d.next(tagSequence, "messageImprint")
	if err != nil {
		return err
	}
	algorithm, err := imprint.algorithm("messageImprint")
	if err != nil {
		return err
	}
	sum, err := imprint.only(tagOctets, "messageImprint")
	if err != nil {
		return err
	}
	if algorithm != oidSHA256 || len(sum) != len(t.info.Imprint) {
		return errors.New("messageImprint is not of SHA-256")
	}
	copy(t.info.Imprint[:], sum)
	serial, err := d.next(tagInteger, "serialNumber")
	if err != nil {
		return err
	}
	if t.info.Serial, err = number(serial); err != nil {
		return err
	}
	at, err := d.next(tagGeneralizedTime, "genTime")
	if err != nil {
		return err
	}
	if t.info.Time, err = genTime(string(at)); err != nil {
		return err
	}
	accuracy, ok, err := d.optional(tagSequence, "accuracy")
	if err != nil {
		return err
	}
	if ok {
		if err := checkAccuracy(accuracy); err != nil {
			return err
		}
	}
	if ordering, ok, err := d.optional(tagBoolean, "ordering"); err != nil {
		return err
	} else if ok && !bytes.Equal(ordering, []byte{0xff}) { // FALSE is the default, which DER leaves out
		return errors.New("ordering is not DER")
	}
	nonce, ok, err := d.optional(tagInteger, "nonce")
	if err != nil {
		return err
	}
	if ok {
		if t.info.Nonce, err = number(nonce); err != nil {
			return err
		}
	}
	tsa, ok, err := d.optional(tagContext0, "tsa")
	if err != nil {
		return err
	}
	if ok {
		t.tsa = tsa
	}
	extensions, ok, err := d.optional(tagContext1, "extensions")
	if err != nil {
		return err
	}
	if ok {
		if err := uncritical(extensions); err != nil {
			return err
		}
	}
	return d.end("TSTInfo")
}

// genTime reads a GeneralizedTime as RFC 3161 section 2.4.2 spells it: YYYYMMDDhhmmss[.s…]Z.
func genTime(s string) (time.Time, error) {
	bad := errors.New("genTime is not well formed")
	body, ok := strings.CutSuffix(s, "Z")
	if !ok || len(s) > 32 {
		return time.Time{}, bad
	}
	body, fraction, has := strings.Cut(body, ".")
	if has && (fraction == "" || len(fraction) > 9 || strings.Trim(fraction, "0123456789") != "" || fraction[len(fraction)-1] == '0') {
		return time.Time{}, bad
	}
	if len(body) != 14 || strings.Trim(body, "0123456789") != "" {
		return time.Time{}, bad
	}
	at, err := time.Parse("20060102150405", body)
	// The zero time would mean "now" to crypto/x509; no authority is older than the standard.
	if err != nil || at.Year() < 2000 {
		return time.Time{}, bad
	}
	nanos := 0
	for i := range 9 {
		nanos *= 10
		if i < len(fraction) {
			nanos += int(fraction[i] - '0')
		}
	}
	return at.Add(time.Duration(nanos)), nil
}

// checkAccuracy refuses an authority whose clock may be off by a minute or more, so that genTime alone can be shown as the time.
func checkAccuracy(d der) error {
	var total time.Duration
	for _, part := range []struct {
		tag  byte
		unit time.Duration
		max  int64
	}{{tagInteger, time.Second, 59}, {tagPrimitive0, time.Millisecond, 999}, {tagPrimitive1, time.Microsecond, 999}} {
		raw, ok, err := d.optional(part.tag, "accuracy")
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		n, err := number(raw)
		if err != nil {
			return err
		}
		if n.Sign() < 0 || !n.IsInt64() || n.Int64() > part.max {
			return errors.New("accuracy is a minute or worse")
		}
		total += time.Duration(n.Int64()) * part.unit
	}
	if total >= maxAccuracy {
		return errors.New("accuracy is a minute or worse")
	}
	return d.end("accuracy")
}

// uncritical refuses a critical extension of TSTInfo: none is known.
func uncritical(list der) error {
	for len(list) > 0 {
		extension, err := list.next(tagSequence, "extension")
		if err != nil {
			return err
		}
		if _, err := extension.next(tagOID, "extension"); err != nil {
			return err
		}
		if _, ok, err := extension.optional(tagBoolean, "extension"); err != nil {
			return err
		} else if ok { // DER leaves FALSE out
			return errors.New("a critical extension of TSTInfo is not known")
		}
		if _, err := extension.only(tagOctets, "extension"); err != nil {
			return err
		}
	}
	return nil
}

// check holds the token against the imprint and against itself.
func (t *token) check(imprint [32]byte) error {
	if t.info.Imprint != imprint {
		return errors.New("the token is over something else")
	}
	if string(t.contentType) != oidTSTInfo {
		return errors.New("the signed content-type is not id-ct-TSTInfo")
	}
	if t.messageSum == nil || !bytes.Equal(t.messageSum, digest(t.digest, t.content)) {
		return errors.New("the signed message-digest is not that of TSTInfo")
	}
	if len(t.ids) == 0 {
		return errors.New("no signing-certificate is signed")
	}
	for _, ids := range t.ids {
		if !ids[0].names(t.signer) {
			return errors.New("the signing-certificate is another one")
		}
	}
	if err := t.purpose(); err != nil {
		return err
	}
	if err := t.name(); err != nil {
		return err
	}
	return t.verifySignature()
}

// purpose holds the signer's certificate against RFC 3161 section 2.3 at the time of the token.
func (t *token) purpose() error {
	c := t.signer
	if t.info.Time.Before(c.NotBefore) || t.info.Time.After(c.NotAfter) {
		return errors.New("the certificate of the signer was not valid at that time")
	}
	if len(c.UnknownExtKeyUsage) != 0 || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}) {
		return errors.New("the certificate of the signer is not for time stamping alone")
	}
	for _, e := range c.Extensions {
		if e.Id.String() == "2.5.29.37" && !e.Critical {
			return errors.New("the purpose of the signer's certificate is not critical")
		}
	}
	const signing = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	if hasExtension(c, "2.5.29.15") && (c.KeyUsage&signing == 0 || c.KeyUsage&^signing != 0) {
		return errors.New("the key of the signer is for other uses")
	}
	return nil
}

// name holds the tsa field, if the token has one, against the signer's certificate.
func (t *token) name() error {
	if t.tsa == nil {
		return nil
	}
	field := der(t.tsa)
	if len(field) == 0 {
		return errors.New("tsa is empty")
	}
	tag := field[0]
	whole, err := field.element(tag, "tsa")
	if err != nil {
		return err
	}
	if err := field.end("tsa"); err != nil {
		return err
	}
	if tag == tagContext4 {
		inner := der(whole)
		name, err := inner.only(tagContext4, "tsa")
		if err != nil {
			return err
		}
		if bytes.Equal(name, t.signer.RawSubject) {
			return nil
		}
	}
	for _, e := range t.signer.Extensions {
		if e.Id.String() != "2.5.29.17" {
			continue
		}
		value := der(e.Value)
		names, err := value.only(tagSequence, "subjectAltName")
		for err == nil && len(names) > 0 {
			var one []byte
			one, err = names.element(names[0], "subjectAltName")
			if err == nil && bytes.Equal(one, whole) {
				return nil
			}
		}
	}
	return errors.New("tsa names somebody other than the signer")
}

func (t *token) verifySignature() error {
	algorithm, ok := signatures[t.algorithm]
	if !ok {
		return errors.New("signatureAlgorithm is neither RSA (PKCS #1 v1.5) nor ECDSA")
	}
	if algorithm.hash != 0 && algorithm.hash != t.digest {
		return errors.New("signatureAlgorithm and digestAlgorithm differ")
	}
	bad := errors.New("the signature is not that of the authority")
	sum := digest(t.digest, t.attributes)
	switch key := t.signer.PublicKey.(type) {
	case *rsa.PublicKey:
		if !algorithm.rsa || key.N.BitLen() < minRSA || rsa.VerifyPKCS1v15(key, t.digest, sum, t.signature) != nil {
			return bad
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return errors.New("the curve is not P-256, P-384 or P-521")
		}
		if algorithm.rsa || !ecdsa.VerifyASN1(key, sum, t.signature) {
			return bad
		}
	default:
		return errors.New("the key of the signer is neither RSA nor ECDSA")
	}
	return nil
}

// chain builds from the signer to one of roots at the time of the token.
func (t *token) chain(roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range t.certificates {
		between.AddCert(c)
	}
	// crypto/x509 refuses an unknown critical extension, a certificate between that may not sign, one whose purposes leave out
	// time stamping, and one that was not valid at CurrentTime; genTime sees to it that this is never the zero time.
	chains, err := t.signer.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: t.info.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		// The library's texts name certificates; the words here are enough to act on.
		if invalid := (x509.CertificateInvalidError{}); errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			return errors.New("a certificate of the chain was not valid at that time")
		}
		return errors.New("the chain of certificates does not end in one of the given roots")
	}
	if slices.ContainsFunc(chains, t.acceptable) {
		return nil
	}
	return errors.New("no chain of certificates keeps to the rules")
}

// acceptable narrows what crypto/x509 accepts to what every verifier of ours knows, and sees to it that each certificate
// which was signed for with the token is in the chain (RFC 5035 section 5.4).
func (t *token) acceptable(chain []*x509.Certificate) bool {
	for i, c := range chain {
		// The last one is the root, trusted as it is.
		if i < len(chain)-1 && !slices.Contains(chainAlgorithms, c.SignatureAlgorithm) {
			return false
		}
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && (k.N.BitLen() < minRSA || k.N.BitLen() > maxRSA) {
			return false
		}
		for _, e := range c.Extensions {
			if e.Critical && !slices.Contains([]string{"2.5.29.15", "2.5.29.19", "2.5.29.37"}, e.Id.String()) {
				return false
			}
		}
	}
	for _, ids := range t.ids {
		for _, id := range ids {
			if !slices.ContainsFunc(chain, id.names) {
				return false
			}
		}
	}
	return true
}

// authority is a name for people, from the certificate of the signer.
func authority(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if name == "" && len(c.Subject.Organization) > 0 {
		name = c.Subject.Organization[0]
	}
	var b strings.Builder
	for _, r := range name {
		if b.Len() > 96 {
			break
		}
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
		}
	}
	if s := strings.TrimSpace(b.String()); s != "" {
		return s
	}
	sum := sha256.Sum256(c.Raw)
	return fmt.Sprintf("certificate %x", sum[:8])
}

func hasExtension(c *x509.Certificate, id string) bool {
	for _, e := range c.Extensions {
		if e.Id.String() == id {
			return true
		}
	}
	return false
}

func digest(h crypto.Hash, p []byte) []byte {
	w := h.New()
	w.Write(p)
	return w.Sum(nil)
}

#!/bin/sh
# Makes tokens with a throw-away authority of OpenSSL 3: openssl-*.tst and openssl-root.pem. Keys are thrown away.
# Afterwards: ZAPIS_UPDATE_TIME=1 go test ./verify -run WriteTimeFixtures
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'log.example/evidence\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n' > note

ext() { printf '%s\n' "$@" > ext; }
# cert NAME SUBJECT ISSUER: a certificate for NAME.key with the extensions in the file ext; ISSUER - is itself.
cert() {
	openssl req -new -key "$1.key" -subj "$2" -config cnf -out csr
	if [ "$3" = - ]; then
		openssl x509 -req -in csr -signkey "$1.key" -days 9000 -sha256 -extfile ext -out "$1.pem" 2>/dev/null
	else
		openssl x509 -req -in csr -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 8000 -sha256 -extfile ext -out "$1.pem" 2>/dev/null
	fi
}
printf '[req]\ndistinguished_name=dn\n[dn]\n' > cnf
rsa() { openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:"$2" -out "$1.key"; }
ec() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:"$2" -out "$1.key"; }

rsa root 3072
ext 'basicConstraints=critical,CA:true' 'keyUsage=critical,keyCertSign,cRLSign' 'subjectKeyIdentifier=hash'
cert root '/O=Test only/CN=OpenSSL time root' -
ec between P-384
ext 'basicConstraints=critical,CA:true,pathlen:0' 'keyUsage=critical,keyCertSign' 'extendedKeyUsage=timeStamping' 'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid'
cert between '/O=Test only/CN=OpenSSL time intermediate' root
cp root.pem "$here/openssl-root.pem"

# token NAME DIGEST ESS-DIGEST CHAIN NONCE
token() {
	ext 'basicConstraints=CA:false' 'keyUsage=critical,digitalSignature' 'extendedKeyUsage=critical,timeStamping' 'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid'
	cert "$1" "/O=Test only/CN=OpenSSL time authority $1" between
	echo 01 > serial
	cat > tsa.cnf <<-CONFIG
	[tsa]
	default_tsa = demo
	[demo]
	serial = serial
	signer_cert = $1.pem
	certs = between.pem
	signer_key = $1.key
	signer_digest = $2
	default_policy = 1.2.3.4.1
	digests = sha256
	accuracy = secs:1, millisecs:500, microsecs:100
	ordering = yes
	tsa_name = yes
	clock_precision_digits = 3
	ess_cert_id_chain = $4
	ess_cert_id_alg = $3
	CONFIG
	openssl ts -query -data note -sha256 -cert $5 -out query 2>/dev/null
	openssl ts -reply -config tsa.cnf -queryfile query -token_out -out "$here/openssl-$1.tst" 2>/dev/null
	openssl ts -verify -data note -in "$here/openssl-$1.tst" -token_in -CAfile root.pem >/dev/null 2>&1
}
rsa rsa2048 2048; token rsa2048 sha256 sha256 no ''
rsa rsa3072 3072; token rsa3072 sha512 sha1 no ''
ec p256 P-256; token p256 sha256 sha256 no -no_nonce
ec p384 P-384; token p384 sha384 sha512 yes ''
ec p521 P-521; token p521 sha512 sha1 yes ''

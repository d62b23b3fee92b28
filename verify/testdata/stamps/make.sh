#!/bin/bash
# Makes the RFC 3161 tokens over 3.txt and 5.txt (texts of checkpoints that the builder of the vectors wrote) by two authorities under one
# root, and the root of another one. Run it only if the texts have changed; keys are thrown away.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

root() { # name, common name
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.pem" -days 36500 -subj "/CN=$2" \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
}
cat >"$work/ext" <<'X'
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
X
authority() { # name, common name, arguments of the key
  openssl req -new -newkey "${@:3}" -nodes -keyout "$work/$1.key" -out "$work/$1.csr" -subj "/CN=$2" 2>/dev/null
  openssl x509 -req -in "$work/$1.csr" -CA "$work/root.pem" -CAkey "$work/root.key" -CAcreateserial -days 36500 -extfile "$work/ext" -out "$work/$1.pem" 2>/dev/null
}
root root 'Root of test authorities'
root other 'Another root'
authority rsa 'Test authority R' rsa:2048
authority ec 'Test authority E' ec -pkeyopt ec_paramgen_curve:prime256v1
cat >"$work/tsa.cnf" <<'X'
[tsa]
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
ordering = no
tsa_name = yes
X
echo 01 >"$work/serial"
for n in 3 5; do
  for a in rsa ec; do
    openssl ts -query -data "$n.txt" -sha256 -cert -out "$work/q" 2>/dev/null
    (cd "$work" && sed "s|^\[tsa\]|[tsa]\nserial = $work/serial|" tsa.cnf >cnf && openssl ts -reply -config cnf -section tsa -queryfile q -signer $a.pem -inkey $a.key -token_out -out token) 2>/dev/null
    cp "$work/token" "$n-$a.der"
  done
done
cp "$work/root.pem" root.pem
cp "$work/other.pem" other.pem
for n in 3 5; do for a in rsa ec; do openssl ts -verify -data "$n.txt" -in "$n-$a.der" -token_in -CAfile root.pem >/dev/null; done; done

#!/usr/bin/env python3
"""Recompute the test vectors of the custody record and check an export of it.

    check.py vectors.json export.jsonl
    check.py --export export.jsonl --key 'zapis.example/va_...+...+...'

Written from docs/design/custody-record.md alone, with nothing but the standard library of
Python 3.9 or later. Ends with status 1 and a sentence at the first thing that does not agree.
"""
import base64
import hashlib
import json
import sys

DOMAIN = b"zapis.custody.leaf.v1\x00"


def fail(text):
    sys.exit("does not agree: " + text)


def sha256(data):
    return hashlib.sha256(data).digest()


# --- event, leaf, tree -------------------------------------------------------------------------

def canonical(value):
    """RFC 8785 for objects with ASCII keys, arrays and strings."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def commitment(salt, event):
    return sha256(DOMAIN + salt + event)


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(leaves):
    """Merkle Tree Hash of RFC 6962 section 2.1, over leaf hashes."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def path(m, leaves):
    """Audit path of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [root(leaves[k:])]
    return path(m - k, leaves[k:]) + [root(leaves[:k])]


def stored(leaves):
    """Stored hashes: after each leaf the subtrees that it completes, smallest first."""
    out = []
    for i in range(len(leaves)):
        size = 1
        while (i + 1) % size == 0:
            out.append(root(leaves[i + 1 - size:i + 1]))
            size *= 2
    return out


# --- Ed25519 (RFC 8032, section 6) --------------------------------------------------------------

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT = pow(2, (P - 1) // 4, P)


def recover(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT % P
    if (x * x - x2) % P:
        return None
    return P - x if (x & 1) != sign else x


def add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point = add(point, point)
        n >>= 1
    return out


def decompress(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2 ** 255 - 1)
    x = recover(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


GY = 4 * pow(5, P - 2, P) % P
G = (recover(GY, 0), GY, 1, recover(GY, 0) * GY % P)


def ed25519(public, message, signature):
    a, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = multiply(s, G), add(r, multiply(h, a))
    return ((left[0] * right[2] - right[0] * left[2]) % P, (left[1] * right[2] - right[1] * left[2]) % P) == (0, 0)


# --- signed checkpoints -------------------------------------------------------------------------

def open_note(note, key):
    """Check a signed note and give size and root of the checkpoint in it."""
    name, number, encoded = key.split("+", 2)
    raw = base64.b64decode(encoded)
    if raw[0] != 1 or sha256(name.encode() + b"\n" + raw)[:4].hex() != number:
        fail("verifier key")
    cut = note.rfind("\n\n")
    body, lines = note[:cut + 1], note[cut + 2:].splitlines()
    for line in lines:
        dash, who, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if dash == "\u2014" and who == name and signature[:4].hex() == number:
            if not ed25519(raw[1:], body.encode(), signature[4:]):
                fail("signature of a checkpoint")
            origin, size, digest, rest = body.split("\n")
            if origin != name or rest != "":
                fail("text of a checkpoint")
            return int(size), base64.b64decode(digest)
    fail("a checkpoint is not signed by this key")


def check_vectors(name):
    with open(name, encoding="utf-8") as f:
        v = json.load(f)
    leaves = []
    for i, l in enumerate(v["leaves"]):
        event, salt = l["event"].encode(), bytes.fromhex(l["salt"])
        if canonical(json.loads(l["event"])) != event:
            fail("canonical bytes of event %d" % i)
        c = commitment(salt, event)
        if c.hex() != l["commitment"] or leaf_hash(c).hex() != l["leaf_hash"]:
            fail("leaf %d" % i)
        leaves.append(leaf_hash(c))
    if [h.hex() for h in stored(leaves)] != v["hashes"]:
        fail("stored hashes")
    if [root(leaves[:n]).hex() for n in range(len(leaves) + 1)] != v["roots"]:
        fail("roots")
    for p in v["proofs"]:
        if [h.hex() for h in path(p["leaf"], leaves[:p["size"]])] != p["path"]:
            fail("proof of leaf %d in %d" % (p["leaf"], p["size"]))
    for c in v["checkpoints"]:
        size, digest = open_note(c["note"], v["verifier"])
        if size != c["size"] or digest.hex() != c["root"] or c["root"] != v["roots"][size]:
            fail("checkpoint %d" % c["size"])
    return v["verifier"]


def check_export(name, key):
    leaves, checkpoints, end, erased, deletions = [], [], None, {}, set()
    with open(name, encoding="utf-8") as f:
        head = json.loads(f.readline())
        if head["type"] != "record" or head["version"] != "1":
            fail("first line of the export")
        for line in f:
            l = json.loads(line)
            if end is not None:
                fail("a line after the end")
            if l["type"] == "checkpoint":
                checkpoints.append(l)
            elif l["type"] == "event":
                event, salt = base64.b64decode(l["event"], validate=True), bytes.fromhex(l["salt"])
                if l["index"] != len(leaves) or len(salt) != 32:
                    fail("index %d" % l["index"])
                if canonical(json.loads(event)) != event:
                    fail("canonical bytes of event %d" % l["index"])
                if commitment(salt, event).hex() != l["commitment"]:
                    fail("commitment %d" % l["index"])
                leaves.append(leaf_hash(bytes.fromhex(l["commitment"])))
                said = json.loads(event)
                if said["type"] == "deletion" and said["outcome"] == "success":
                    d = said["detail"]
                    deletions.add((d.get("erasure"), d.get("openings"), d.get("openings_sha256")))
            elif l["type"] == "erased":
                if l["index"] != len(leaves):
                    fail("index %d" % l["index"])
                leaves.append(leaf_hash(bytes.fromhex(l["commitment"])))
                erased.setdefault(l["erasure"], []).append(l["index"])
            elif l["type"] == "end":
                end = l
            else:
                fail("a line of type %r" % l["type"])
    if end is None or end["size"] != len(leaves) or end["checkpoints"] != len(checkpoints) or head["size"] != len(leaves):
        fail("the export is cut")
    if end["root"] != root(leaves).hex():
        fail("root of the export")
    for erasure, indexes in erased.items():
        listed = sha256("".join("%d\n" % i for i in indexes).encode()).hex()
        if (erasure, str(len(indexes)), listed) not in deletions:
            fail("erasure %s has no event of its own" % erasure)
    for c in checkpoints:
        size, digest = open_note(c["note"], key)
        if size > len(leaves):
            fail("the record ends before checkpoint %d" % size)
        if size != c["size"] or digest.hex() != c["root"] or digest != root(leaves[:size]):
            fail("checkpoint %d" % c["size"])
    return len(leaves), max([c["size"] for c in checkpoints], default=0)


def main(args):
    if len(args) == 4 and args[0] == "--export" and args[2] == "--key":
        size, covered = check_export(args[1], args[3])
    elif len(args) == 2:
        size, covered = check_export(args[1], check_vectors(args[0]))
    else:
        sys.exit(__doc__)
    print("agrees: %d events, the first %d of them under a signed checkpoint" % (size, covered))


if __name__ == "__main__":
    main(sys.argv[1:])

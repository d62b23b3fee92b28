#!/usr/bin/env python3
"""Check a Zapis proof bundle, offline, with nothing but Python 3.11 and its standard library.

    verify.py BUNDLE [--file FILE] [--key VKEY]... [--witness VKEY]... [--quorum K] [--roots PEM] [--json]
    verify.py --serve

Written from docs/design/proof-bundle.md alone; the sections follow that page, and a check carries the name the
page gives its step. It shares no code with Zapis. What a proof means, and what it cannot mean, is in proofs.md.

BUNDLE      the proof bundle
--file      the published clip, or the original of the item
--key       verifier key of the log (text, or a file with it), obtained from somewhere else than the bundle
--witness   verifier key of a witness, likewise; --quorum says how many of them must have signed (default: all)
--roots     file with the root certificates of time authorities (PEM)
--json      print the report as JSON
--serve     read requests {"bundle": base64, "options": {"keys": [], "witnesses": [], "quorum": n, "roots": PEM,
            "file": base64}} a line each from standard input, write a report a line each

Exit status: 0 accepted, 20 refused, 1 something could not be read, 2 wrong use.
"""
import base64
import contextlib
import datetime
import functools
import hashlib
import io
import json
import re
import sys
from types import SimpleNamespace as Record

MOST_BYTES = 16 << 20
SEGMENT = 1 << 20


class Refused(Exception):
    """The bundle does not hold; the text says why."""


def need(held, text):
    """Refuse with text unless held."""
    if not held:
        raise Refused(text)


# ==== Notation ==================================================================================================

def H(*parts):
    """SHA-256 of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def u64(n):
    return n.to_bytes(8, "big")


def tag(name):
    return name.encode("ascii") + b"\0"


def leaf(data):
    return H(b"\x00", data)


def node(left, right):
    return H(b"\x01", left, right)


def canonical(value):
    """The one spelling of objects, arrays and strings (RFC 8785 restricted to these)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def read_canonical(raw):
    """Parse bytes that must be the canonical spelling of what they hold.

    Reading is lenient and writing has one outcome, so comparing what was read, written again, with the bytes given
    refuses white space, other escapes, unsorted or double keys, marks at the front and bytes at the end at once.
    """
    try:
        value = json.loads(raw.decode("utf-8"))
        need(only_text(value) and canonical(value) == raw, "not canonical JSON")
    except (ValueError, RecursionError):
        raise Refused("not canonical JSON") from None
    return value


def only_text(value):
    """Whether there are no numbers, no true, false or null anywhere."""
    if isinstance(value, dict):
        return all(map(only_text, value.values()))
    if isinstance(value, list):
        return all(map(only_text, value))
    return isinstance(value, str)


def unbase64(value):
    """Base64 with padding and without loose bits at its end: of each value there is one spelling."""
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        raise Refused("not base64") from None
    need(base64.b64encode(data).decode() == value, "not canonical base64")
    return data


def decimal(value, below=2 ** 53):
    need(re.fullmatch("0|[1-9][0-9]{0,15}", value, re.ASCII) and int(value) < below, "not a number in range")
    return int(value)


# ---- Ed25519 (RFC 8032) ----

P = 2 ** 255 - 19
ORDER = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add(p, q):
    """Sum of two points in extended coordinates (x z, y z, z, x y z); the formula holds for all pairs of points."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def decode_point(data):
    """Point from 32 bytes, None unless they are the canonical spelling of a point of the curve."""
    sign, y = data[31] >> 7, int.from_bytes(data, "little") & (2 ** 255 - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


SMALL_ORDER = {bytes.fromhex(point) for point in (  # whoever has such a key has signed everything
    "00" * 32, "01" + "00" * 31, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "ec" + "ff" * 30 + "7f")}


def encode_point(p):
    inverse = pow(p[2], -1, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


@functools.lru_cache(64)
def multiples(point):
    """j 16^i point for i below 64 and j below 16: with them a multiplication is 64 additions."""
    table = []
    for _ in range(64):
        row = [NEUTRAL]
        for _ in range(15):
            row.append(add(row[-1], point))
        table.append(row)
        point = add(row[-1], point)
    return table


BASE = decode_point(bytes.fromhex("58" + "66" * 31))


@functools.lru_cache(4096)
def ed25519(key, message, signature):
    """Whether signature (64 bytes) over message verifies with key (32 bytes): S B = R + k A, without cofactor."""
    a, s = decode_point(key), int.from_bytes(signature[32:], "little")
    if a is None or len(signature) != 64 or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    total = NEUTRAL
    for point, factor in ((BASE, s), ((P - a[0], a[1], 1, P - a[3]), k)):
        for i, row in enumerate(multiples(point)):
            total = add(total, row[factor >> 4 * i & 15])
    return encode_point(total) == signature[:32]


# ---- Signed note, verifier key, checkpoint ----

SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200b)))
LOG_KEY, WITNESS_KEY = 1, 4


def good_name(name):
    return 1 <= len(name.encode()) <= 255 and not any(c in SPACES or c == "+" for c in name)


@functools.lru_cache(256)
def verifier_key(text, algorithm):
    """Name, key number and public key of a verifier key in text form."""
    parts = text.split("+", 2)
    need(len(parts) == 3 and good_name(parts[0]), "verifier key: not of the form name+number+key")
    data = unbase64(parts[2])
    need(len(data) == 33 and data[0] == algorithm, "verifier key: wrong algorithm or length")
    number = H(parts[0].encode(), b"\n", data)[:4]
    need(parts[1] == number.hex(), "verifier key: the key number is not that of name and key")
    need(decode_point(data[1:]), "verifier key: not a point of the curve")
    need(data[1:32] + bytes([data[32] & 127]) not in SMALL_ORDER, "verifier key: of small order")
    return Record(text=text, name=parts[0], number=number, public=data[1:])


def signed_note(note, lines):
    """Text (that many lines) and signatures [(name, key number, signature)] of a signed note."""
    rows = note.split("\n")
    need(len(rows) >= lines + 3 and rows[lines] == "" and rows[-1] == "", "note: wrong number of lines")
    need(not any(c < " " for row in rows for c in row), "note: control character")
    need(all(rows[:lines]), "note: empty line")
    signatures = []
    for row in rows[lines + 1:-1]:
        parts = row.split(" ")
        need(len(parts) == 3 and parts[0] == "\u2014" and good_name(parts[1]), "note: signature line of another form")
        data = unbase64(parts[2])
        need(len(data) > 4, "note: signature too short")
        signatures.append((parts[1], data[:4], data[4:]))
    return rows[:lines], signatures


def text_of(rows):
    return "".join(row + "\n" for row in rows).encode()


def signed_by(key, rows, signature):
    """Check one signature with algorithm 0x01."""
    name, number, data = signature
    need((name, number) == (key.name, key.number), "note: signed by another key")
    need(len(data) == 64 and ed25519(key.public, text_of(rows), data), "note: the signature does not verify")


def cosigned_by(key, rows, signature):
    """Check one signature with algorithm 0x04; gives its time."""
    name, number, data = signature
    need((name, number) == (key.name, key.number) and len(data) == 72, "cosignature: by another, or of another length")
    seconds = int.from_bytes(data[:8], "big")
    need(1 <= seconds <= 253402300799, "cosignature: at no time")
    message = b"cosignature/v1\ntime %d\n" % seconds + text_of(rows)
    need(ed25519(key.public, message, data[8:]), f"the cosignature of {key.name} does not verify")
    return seconds


# ---- Merkle trees (RFC 6962 section 2.1) ----

def check_inclusion(what, data, index, size, proof, root):
    """Refuse unless the leaf with this data is at index in the tree of that size with that root."""
    need(index < size, what + ": outside the tree")
    h, first, last, rest = leaf(data), index, size - 1, list(proof)
    while last:
        if first & 1 or first < last:  # there is a neighbour at this height
            need(rest, what + ": proof too short")
            h = node(rest.pop(0), h) if first & 1 else node(h, rest.pop(0))
        first, last = first >> 1, last >> 1
    need(not rest, what + ": proof too long")
    need(h == root, what + ": not in the tree")


def check_consistency(small, small_root, large, large_root, proof):
    """Refuse unless the tree of size small is the beginning of the tree of size large (0 < small < large)."""
    rest = list(proof)
    first, last = small - 1, large - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    if first:  # the beginning is not one complete subtree: the proof starts with its last complete subtree
        need(rest, "consistency: proof too short")
        a = b = rest.pop(0)
    else:
        a = b = small_root
    while last:
        if first & 1 or first < last:
            need(rest, "consistency: proof too short")
            h = rest.pop(0)
            if first & 1:
                a, b = node(h, a), node(h, b)
            else:
                b = node(b, h)
        first, last = first >> 1, last >> 1
    need(not rest, "consistency: proof too long")
    need((a, b) == (small_root, large_root), "consistency: the later tree does not continue the earlier")


CUSTODY, STATEMENTS, SEGMENTS = 40, 16, 24


def check_veiled(what, depth, leaves, proof, root):
    """Refuse unless leaves {place: data} are at their places of the veiled tree with that root."""
    rest = iter(proof)

    def fold(l, s):
        if not any(s <= place < s + (1 << l) for place in leaves):
            h = next(rest, None)
            need(h is not None, what + ": proof too short")
            return h
        if l == 0:
            return leaf(leaves[s])
        return node(fold(l - 1, s), fold(l - 1, s + (1 << l - 1)))

    need(leaves and max(leaves) < 1 << depth, what + ": no place of the tree")
    need(len(proof) <= depth * len(leaves), what + ": proof too long")
    h = fold(depth, 0)
    need(next(rest, None) is None, what + ": proof too long")
    need(h == root, what + ": not under the root")


# ==== The file: forms of its parts ==============================================================================
# A form is a function that takes a value, refuses it or gives what it means.

def text(value):
    need(isinstance(value, str), "text expected")
    return value


def just(*values):
    def read(value):
        need(value in values, "expected " + " or ".join(values))
        return value
    return read


def number(value):
    return decimal(text(value))


def hash32(value):
    need(re.fullmatch("[0-9a-f]{64}", text(value), re.ASCII), "not 32 bytes in hexadecimal")
    return bytes.fromhex(value)


def data(value):
    return unbase64(text(value))


def hashes(value):
    raw = data(value)
    need(len(raw) % 32 == 0, "not a list of hashes")
    return [raw[i:i + 32] for i in range(0, len(raw), 32)]


def date(value):
    need(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text(value), re.ASCII), "not a date")
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise Refused("not a date") from None


def array(form, least=0, most=1 << 20):
    def read(value):
        need(isinstance(value, list) and least <= len(value) <= most, "wrong number of entries")
        return [form(entry) for entry in value]
    return read


def record(**forms):
    def read(value):
        need(isinstance(value, dict), "object expected")
        need(value.keys() == forms.keys(), "unknown or missing keys, expected " + ", ".join(sorted(forms)))
        out = Record()
        for key, form in forms.items():
            try:
                setattr(out, key, form(value[key]))
            except Refused as problem:
                raise Refused(f"{key}: {problem}") from None
        return out
    return read


def ascending(values):
    values = list(values)
    return all(a < b for a, b in zip(values, values[1:]))


TOTALS = dict(bytes=number, files=number, milliseconds=number, unmeasured=number)

SCOPE = record(
    **TOTALS, accessions=array(record(**TOTALS, root=hash32), 1), format=just("zapis scope"), version=just("1"),
    origin=text, sealed_on=date)

CLIP_FORMS = dict(
    clip=record(bytes=number, milliseconds=number, sha256=hash32),
    cuts=array(record(from_ms=number, source=number, to_ms=number), 1, 256), format=just("zapis clip"),
    masks=array(hash32), number=number, origin=text,
    previous=lambda v: b"" if v == "" else hash32(v), released_ms=number, scope=hash32,
    sources=array(record(accession=hash32, item=hash32,
                         segments=array(record(commitment=hash32, index=number), 1, 4096)), 1, 64),
    stated_on=date)


def CLIP(value):
    """Version 2 of the statement also names the other files of one rendering."""
    if not (isinstance(value, dict) and "files" in value):
        out = record(**CLIP_FORMS, version=just("1"))(value)
        out.files = []
        return out
    out = record(**CLIP_FORMS, version=just("2"), files=array(record(bytes=number, sha256=hash32), 1, 64))(value)
    digests = [f.sha256 for f in out.files]
    need(ascending(digests) and out.clip.sha256 not in digests, "files: out of order, or the clip among them")
    return out


OPENINGS = {
    "scope": record(totals=array(hashes)),
    "clip": record(totals=array(hashes), sources=array(record(
        measure=hash32, segment_root=hash32, whole=hash32, place=number, proof=hashes, segments=hashes))),
    "item": record(
        event=data, place=number, proof=hashes, salt=hash32, segment_root=hash32,
        segments=array(record(index=number, length=number, salt=hash32, sha256=hash32)), segments_proof=hashes,
        sha256=hash32, size=number, tick=number, whole_salt=hash32),
}

FORMATS = {"scope": [SCOPE], "clip": [SCOPE, CLIP], "item": []}


def statement(value):
    need(isinstance(value, dict), "object expected")
    return value  # its form depends on the kind of the bundle and is applied there


LOG = record(keys=array(record(endorsement=text, vkey=text), 1, 32), origin=text, witnesses=array(text, 0, 256))

BUNDLE = record(
    checkpoints=array(record(consistency=hashes, note=text,
                             stamps=array(record(kind=just("rfc3161", "opentimestamps"), token=data), 0, 16)), 1, 16),
    format=just("zapis proof"), version=just("1"), kind=just("clip", "item", "scope"),
    log=LOG,
    opening=lambda v: v,
    statements=array(record(place=number, proof=hashes, salt=hash32, statement=statement, tick=number)),
    ticks=array(record(checkpoint=number, custody=hash32, index=number, proof=hashes, salt=hash32,
                       statements=hash32), 1, 16))


# ==== Checking ==================================================================================================
# Each step takes what is known so far (c) and gives its state and a sentence, or refuses.

def step_format(c):
    need(len(c.raw) <= MOST_BYTES, "longer than 16 MiB")
    outer = read_canonical(c.raw)
    whole = record(bundle=lambda v: v, note=text)(outer)
    c.note, c.digest = whole.note, H(canonical(whole.bundle))
    b = BUNDLE(whole.bundle)
    b.opening = OPENINGS[b.kind](b.opening)
    forms = FORMATS[b.kind]
    need(len(b.statements) == len(forms), "wrong number of statements for this kind")
    for entry, form in zip(b.statements, forms):
        entry.raw, entry.statement = canonical(entry.statement), form(entry.statement)
        need(entry.place < 1 << STATEMENTS, "statement: no place of the tree")
    named = {s.tick for s in b.statements} | ({b.opening.tick} if b.kind == "item" else set())
    need(named == set(range(len(b.ticks))), "a tick that nothing names, or no such tick")
    need(ascending(t.index for t in b.ticks), "ticks: not ascending")
    need(all(t.checkpoint < len(b.checkpoints) for t in b.ticks), "tick: no such checkpoint")
    need(ascending(w.encode() for w in b.log.witnesses), "witnesses: not sorted")
    need(b.checkpoints[0].consistency == [], "the first checkpoint has a consistency proof")
    if b.kind in ("scope", "clip"):
        c.scope = b.statements[0].statement
        need(ascending(a.root for a in c.scope.accessions), "accessions: not sorted")
        need(len(b.opening.totals) == len(c.scope.accessions), "totals: not as many as accessions")
    if b.kind == "clip":
        c.clip = b.statements[1].statement
        need(all(cut.from_ms < cut.to_ms for cut in c.clip.cuts), "cut: ends before it begins")
        need({cut.source for cut in c.clip.cuts} == set(range(len(c.clip.sources))), "cuts and sources do not match")
        need(all(ascending(s.index for s in source.segments) and source.segments[-1].index < 1 << SEGMENTS
                 for source in c.clip.sources), "segments: not ascending, or no place of the tree")
        need(len(b.opening.sources) == len(c.clip.sources), "opening: not as many sources as in the statement")
        need(c.clip.number >= 1 and (c.clip.number == 1) == (c.clip.previous == b""), "number and previous disagree")
    if b.kind == "item":
        segments = b.opening.segments
        need(ascending(s.index for s in segments), "segments: not ascending")
        need(not segments or segments[-1].index < 1 << SEGMENTS, "segments: no place of the tree")
        need(all(s.length <= SEGMENT for s in segments), "segment: longer than a segment")
        need(segments or not b.opening.segments_proof, "a proof for no segments")
        need(b.opening.place < 1 << CUSTODY, "event: no place of the tree")
    c.bundle = b
    return "ok", f"a bundle of kind {b.kind}, {len(c.raw)} bytes"


def step_keys(c):
    log = c.bundle.log
    c.witnesses = [verifier_key(w, WITNESS_KEY) for w in log.witnesses]
    c.keys = []
    for entry in log.keys:
        key = verifier_key(entry.vkey, LOG_KEY)
        need(key.name == log.origin, "a key of another log")
        since = 0
        need(c.keys or entry.endorsement == "", "the first key has an endorsement")
        if c.keys:
            rows, signatures = signed_note(entry.endorsement, 4)
            need(rows[:3] == ["zapis log key v1", log.origin, entry.vkey], "endorsement: of something else")
            since = decimal(rows[3])
            need(since >= c.keys[-1].since, "endorsement: signs from an earlier size than the key before")
            need(len(signatures) == 1, "endorsement: one signature expected")
            signed_by(c.keys[-1], rows, signatures[0])
        c.keys.append(Record(**vars(key) | {"since": since}))
    need(len({key.number for key in c.keys}) == len(c.keys), "two keys with one number")
    for given in c.options.keys:
        need(given in [key.text for key in c.keys], "the log is not the one whose key was given")
    if not c.options.keys:
        return "open", f"the key of the log ({c.keys[-1].text}) was not compared with one from elsewhere"
    return "ok", "the log is the one whose key was given"


def step_signature(c):
    rows, signatures = signed_note(c.note, 3)
    need(rows == ["zapis proof v1", c.bundle.log.origin, c.digest.hex()], "the note is about something else")
    need(len(signatures) == 1, "one signature expected")
    signed_by(c.keys[-1], rows, signatures[0])
    return "ok", "the bundle is signed by the log's key"


def checkpoint(origin, keys, note):
    """A checkpoint of the log: rows of its text, size, root, key, and all signatures; that of the log is checked."""
    point = Record()
    point.rows, point.signatures = signed_note(note, 3)
    need(point.rows[0] == origin, "a checkpoint of another log")
    point.size, point.root = decimal(point.rows[1]), unbase64(point.rows[2])
    need(point.size >= 1 and len(point.root) == 32, "size or root of another form")
    point.key = next((key for key in keys if key.number == point.signatures[0][1]), None)
    need(point.key and point.key.since <= point.size, "signed by no key of the log, or before it was in use")
    signed_by(point.key, point.rows, point.signatures[0])
    return point


def step_checkpoints(c):
    c.points = []
    for entry in c.bundle.checkpoints:
        point = checkpoint(c.bundle.log.origin, c.keys, entry.note)
        if c.points:
            before = c.points[-1]
            need(before.size < point.size, "sizes are not ascending")
            check_consistency(before.size, before.root, point.size, point.root, entry.consistency)
        c.points.append(point)
    return "ok", f"{len(c.points)} signed, the last of size {point.size}; each continues the one before"


def step_witnesses(c):
    # By public key: one witness under two names is one.
    given = {verifier_key(name, WITNESS_KEY).public for name in c.options.witnesses}
    wanted, least = c.options.quorum or len(given), len(given)
    for point in c.points:
        cosigned, rest = {}, iter(c.witnesses)
        for signature in point.signatures[1:]:
            # Each line takes witnesses off the list until its own comes: so lines are in their order, none twice.
            key = next((w for w in rest if (w.name, w.number) == signature[:2]), None)
            need(key is not None, "a line by no witness of the log, double or out of order")
            seconds = cosigned_by(key, point.rows, signature)
            if key.text in c.options.witnesses:
                cosigned[key.public] = min(seconds, cosigned.get(key.public, seconds))
        least = min(least, len(cosigned))
        # Only when as many as wanted had signed is it a date: one witness alone cannot make a thing older.
        point.dates = sorted(cosigned.values())[wanted - 1:wanted] if wanted else []
        need(least >= wanted, f"{least} of the witnesses given have signed each checkpoint, {wanted} are wanted")
    if not given:
        return "open", "no witness was given to compare with"
    return "ok", f"{least} of the {len(given)} witnesses given have signed each checkpoint"


def stamp(kind, token, rows, roots):
    """Check one stamp over the text of a checkpoint: what it says in words, and its time if it is checked."""
    if kind == "opentimestamps":
        block = open_timestamps(token, H(text_of(rows)))
        return (f"not checked whether block {block[0]} of Bitcoin has the Merkle root {block[1].hex()}" if block
                else "a calendar has promised a block"), None
    try:
        at = time_token(token, H(text_of(rows)), roots)
    except (ValueError, IndexError):  # fewer values than the form has
        raise Refused("token: of another form") from None
    if not roots:
        return f"{at:%Y-%m-%dT%H:%M:%SZ}, says a time authority that was not checked", None
    return f"existed at {at:%Y-%m-%dT%H:%M:%SZ}, says a time authority under the roots given", int(at.timestamp())


def step_time(c):
    roots, said = certificates(c.options.roots) if c.options.roots else [], []
    for point, entry in zip(c.points, c.bundle.checkpoints):
        for each in entry.stamps:
            words, at = stamp(each.kind, each.token, point.rows, roots)
            said.append((f"size {point.size}: {words}", at))
            point.dates += [at] if at else []
    return "ok" if any(at for _, at in said) else "open", "; ".join(words for words, _ in said) or "no time stamps"


def step_log(c):
    for tick in c.bundle.ticks:
        point = c.points[tick.checkpoint]
        entry = H(tag("zapis.tick.v1"), tick.salt, tick.custody, tick.statements)
        check_inclusion("tick", entry, tick.index, point.size, tick.proof, point.root)
    return "ok", "entered in the log at " + ", ".join(str(t.index) for t in c.bundle.ticks)


def step_statements(c):
    b = c.bundle
    for entry in b.statements:
        committed = H(tag("zapis.statement.v1"), entry.salt, entry.raw)
        check_veiled("statement", STATEMENTS, {entry.place: committed}, entry.proof, b.ticks[entry.tick].statements)
        need(entry.statement.origin == b.log.origin, "a statement of another log")
    if b.kind == "clip":
        scope, clip = b.statements
        need(c.clip.scope == H(scope.raw), "the clip is stated for another scope")
        need(scope.tick <= clip.tick, "the clip was stated before the scope")  # ticks ascend by index
    return "ok", f"{len(b.statements)} stated"


def step_totals(c):
    need(all(a.unmeasured <= a.files for a in c.scope.accessions), "more unmeasured than there are")
    for name in TOTALS:
        need(sum(vars(a)[name] for a in c.scope.accessions) == vars(c.scope)[name], f"{name}: not the sum")
    for a, proof in zip(c.scope.accessions, c.bundle.opening.totals):
        total = H(tag("zapis.total.v1"), u64(a.files), u64(a.bytes), u64(a.milliseconds))
        check_inclusion("total", total, a.files, a.files + 1, proof, a.root)
    return "ok", f"{c.scope.files} files, {c.scope.bytes} bytes, {c.scope.milliseconds / 1000:.3f} seconds"


def step_lineage(c):
    files = {a.root: a.files for a in c.scope.accessions}
    for source, opening in zip(c.clip.sources, c.bundle.opening.sources):
        need(source.accession in files, "an accession that is not in the scope")
        made = H(tag("zapis.item.v1"), opening.whole, opening.segment_root, opening.measure)
        need(made == source.item, "item: not made from what is opened")
        need(opening.place < files[source.accession], "item: at the place of the total")
        check_inclusion("item", made, opening.place, files[source.accession] + 1, opening.proof, source.accession)
        check_veiled("segments", SEGMENTS, {s.index: s.commitment for s in source.segments}, opening.segments,
                     opening.segment_root)
    length = sum(cut.to_ms - cut.from_ms for cut in c.clip.cuts)
    need(c.clip.released_ms >= length, "less released than this clip has")
    need(c.clip.number > 1 or c.clip.released_ms == length, "the first clip, and more released than it has")
    need(c.clip.released_ms <= c.scope.milliseconds, "more released than there is")
    need(abs(length - c.clip.clip.milliseconds) <= 2000, "the cuts are not as long as the clip")
    return "ok", (f"cut from {len(c.clip.sources)} sealed originals; {c.clip.released_ms / 1000:.3f} of "
                  f"{c.scope.milliseconds / 1000:.3f} seconds released so far")


def strings(value):
    need(isinstance(value, dict), "object expected")
    return {key: text(entry) for key, entry in value.items()}


def passed_over(value, depth=0):
    """An array, not read further; depth is in how many arrays and objects a value lies."""
    need(depth or isinstance(value, list), "array expected")
    need(depth <= 16, "nested too deep")
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        passed_over(entry, depth + 1)


EVENT = record(agent=text, detail=strings, id=text, outcome=text, subjects=passed_over, time=text, tool=text, type=text,
               version=just("1"))


def step_event(c):
    o = c.bundle.opening
    event = EVENT(read_canonical(o.event))
    stated = {"outcome": "received", "sha256": o.sha256.hex(), "size": str(o.size), "segment_root": o.segment_root.hex()}
    need(event.type == "ingestion", "the event is of another type")
    for key, value in stated.items():
        need(event.detail.get(key) == value, f"the event says something else: {key}")
    whole = H(tag("zapis.whole.v1"), o.whole_salt, u64(o.size), o.sha256)
    need(event.detail.get("whole") == whole.hex(), "the event says something else: whole")
    committed = H(tag("zapis.custody.leaf.v1"), o.salt, o.event)
    check_veiled("event", CUSTODY, {o.place: committed}, o.proof, c.bundle.ticks[o.tick].custody)
    count = max(1, -(-o.size // SEGMENT))
    leaves = {}
    for s in o.segments:
        need(s.index < count and s.length == min(SEGMENT, o.size - s.index * SEGMENT), "segment: wrong length")
        leaves[s.index] = H(tag("zapis.segment.v1"), s.salt, u64(s.length), s.sha256)
    if leaves:
        check_veiled("segments", SEGMENTS, leaves, o.segments_proof, o.segment_root)
    return "ok", "the record says that these bytes were received"


def step_file(c):
    if c.options.file is None:
        return "open", "no file was given"
    need(c.bundle.kind != "scope", "a scope is about no file")
    if c.bundle.kind == "clip":
        wanted = [(f.bytes, f.sha256) for f in [c.clip.clip, *c.clip.files]]
    else:
        wanted = [(c.bundle.opening.size, c.bundle.opening.sha256)]
    digest, seen = hashlib.sha256(), 0
    while block := c.options.file.read(1 << 20):
        digest.update(block)
        seen += len(block)
    need((seen, digest.digest()) in wanted, "the file is another one")
    if (seen, digest.digest()) != wanted[0]:
        return "ok", "the file is one of those that were made with the clip and stated with it"
    return "ok", "the file is the one " + ("that was stated" if c.bundle.kind == "clip" else "that was received")


# ==== Time: DER, certificates, RFC 3161 tokens ==================================================================

INTEGER, BITS, OCTETS, OID, SEQUENCE, SET, UTC, GENERAL = 2, 3, 4, 6, 0x30, 0x31, 23, 24
MOST_TOKEN = 64 << 10


class Der:
    """One value in DER: tag, body, and raw with its header. Only definite, shortest lengths and low tags."""

    def __init__(self, raw, at=0, end=None):
        end = len(raw) if end is None else end
        need(at + 2 <= end, "DER: cut off")
        self.tag, length, start = raw[at], raw[at + 1], at + 2
        need(self.tag & 31 != 31, "DER: high tag")
        if length & 128:
            count = length & 127
            need(1 <= count <= 4 and start + count <= end, "DER: length")
            length = int.from_bytes(raw[start:start + count], "big")
            need(length >= 128 and length >> 8 * (count - 1), "DER: length not the shortest")
            start += count
        self.end = start + length
        need(self.end <= end, "DER: cut off")
        self.body, self.raw = raw[start:self.end], raw[at:self.end]

    @classmethod
    def whole(cls, raw, tag=SEQUENCE):
        value = cls(raw)
        need(value.end == len(raw) and value.tag == tag, "DER: another type, or bytes after the end")
        return value

    def parts(self, tag=SEQUENCE):
        """The values inside a value that must have this tag."""
        need(self.tag == tag, "DER: another type")
        out, at = [], 0
        while at < len(self.body):
            out.append(Der(self.body, at))
            at = out[-1].end
        return out

    def integer(self, tag=INTEGER):
        need(self.tag == tag and self.body, "DER: integer expected")
        need(len(self.body) == 1 or not (self.body[0] == 0 and self.body[1] < 128)
             and not (self.body[0] == 255 and self.body[1] >= 128), "DER: integer not the shortest")
        return int.from_bytes(self.body, "big", signed=True)

    def oid(self):
        need(self.tag == OID and self.body and not self.body[-1] & 128, "DER: object identifier expected")
        return self.body

    def bits(self):
        """A bit string as (number of unused bits, bytes)."""
        need(self.tag == BITS and self.body and self.body[0] < 8, "DER: bit string expected")
        return self.body[0], self.body[1:]

    def time(self):
        forms = {UTC: r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})()Z",
                 GENERAL: r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(\.[0-9]*[1-9])?Z"}
        need(self.tag in forms, "DER: time expected")
        match = re.fullmatch(forms[self.tag], self.body.decode("ascii", "replace"), re.ASCII)
        need(match, "DER: time of another form")
        year, *rest = (int(group) for group in match.groups()[:6])
        if self.tag == UTC:
            year += 1900 if year >= 50 else 2000
        try:
            return datetime.datetime(year, *rest, tzinfo=datetime.timezone.utc)
        except ValueError:
            raise Refused("DER: no such time") from None


def exactly(count, value, tag=SEQUENCE):
    """The so many values inside a value with this tag."""
    parts = value.parts(tag)
    need(len(parts) == count, "DER: wrong number of values")
    return parts


def optional(parts, tag):
    """Take the first value off the list if it has this tag."""
    return parts.pop(0) if parts and parts[0].tag == tag else None


def oid(dotted):
    """The body of an object identifier."""
    first, second, *rest = map(int, dotted.split("."))
    out = b""
    for n in [40 * first + second] + rest:
        septets = [n & 127]
        while n := n >> 7:
            septets.append(n & 127 | 128)
        out += bytes(reversed(septets))
    return out


DIGESTS = {oid("2.16.840.1.101.3.4.2." + n): name for n, name in (("1", "sha256"), ("2", "sha384"), ("3", "sha512"))}
DIGEST_INFO = {name: bytes.fromhex(prefix) for name, prefix in (  # RFC 8017 section 9.2, notes
    ("sha256", "3031300d060960864801650304020105000420"), ("sha384", "3041300d060960864801650304020205000430"),
    ("sha512", "3051300d060960864801650304020305000440"))}
RSA = oid("1.2.840.113549.1.1.1")
ECDSA = oid("1.2.840.10045.2.1")
SIGNED_WITH = {  # signature algorithm: (key, digest); RSA alone takes the digest from elsewhere
    RSA: (RSA, None),
    oid("1.2.840.113549.1.1.11"): (RSA, "sha256"), oid("1.2.840.113549.1.1.12"): (RSA, "sha384"),
    oid("1.2.840.113549.1.1.13"): (RSA, "sha512"), oid("1.2.840.10045.4.3.2"): (ECDSA, "sha256"),
    oid("1.2.840.10045.4.3.3"): (ECDSA, "sha384"), oid("1.2.840.10045.4.3.4"): (ECDSA, "sha512")}
CURVES = {oid(name): (p, *(int(n, 16) for n in numbers.split())) for name, p, numbers in (
    # p, b, order and generator of NIST P-256, P-384 and P-521; a is -3
    ("1.2.840.10045.3.1.7", 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1, """
     5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
     ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
     6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296
     4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5
     """),
    ("1.3.132.0.34", 2 ** 384 - 2 ** 128 - 2 ** 96 + 2 ** 32 - 1, """
     b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef
     ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973
     aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7
     3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f
     """),
    ("1.3.132.0.35", 2 ** 521 - 1, """
     51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00
     1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409
     c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66
     11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650
     """))}


def ecdsa(curve, point, signature, digest):
    """Whether an ECDSA signature (DER) of a digest verifies with an uncompressed point."""
    p, b, order, gx, gy = curve
    size = (p.bit_length() + 7) // 8
    need(len(point) == 1 + 2 * size and point[0] == 4, "key: not an uncompressed point")
    x, y = int.from_bytes(point[1:1 + size], "big"), int.from_bytes(point[1 + size:], "big")
    need(x < p and y < p and (y * y - x * x * x + 3 * x - b) % p == 0, "key: not on the curve")
    r, s = (part.integer() for part in exactly(2, Der.whole(signature)))
    if not (0 < r < order and 0 < s < order):
        return False

    def plus(m, n):  # affine; None is the neutral point
        if m is None or n is None:
            return m or n
        if m[0] == n[0]:
            if (m[1] + n[1]) % p == 0:
                return None
            slope = 3 * (m[0] * m[0] - 1) * pow(2 * m[1], -1, p)
        else:
            slope = (n[1] - m[1]) * pow(n[0] - m[0], -1, p)
        out = (slope * slope - m[0] - n[0]) % p
        return out, (slope * (m[0] - out) - m[1]) % p

    e = int.from_bytes(digest, "big") >> max(0, 8 * len(digest) - order.bit_length())
    inverse = pow(s, -1, order)
    u, v, total = e * inverse % order, r * inverse % order, None
    choices = (None, (gx, gy), (x, y), plus((gx, gy), (x, y)))
    for i in reversed(range(order.bit_length())):
        total = plus(plus(total, total), choices[(u >> i & 1) | (v >> i & 1) << 1])
    return total is not None and total[0] % order == r


def algorithm_of(value):
    """Identifier of the algorithm of a digest or signature: its parameters are absent or NULL."""
    name, *parameters = value.parts()
    need([p.raw for p in parameters] in ([], [b"\5\0"]), "algorithm with parameters")
    return name.oid()


def digest_name(value):
    need(algorithm_of(value) in DIGESTS, "digest not known")
    return DIGESTS[algorithm_of(value)]


@functools.lru_cache(1024)
def check_signature(spki, algorithm, stated, signature, message):
    """Refuse unless signature over message verifies with a public key (DER of SubjectPublicKeyInfo).

    algorithm is the DER of its AlgorithmIdentifier, stated the digest that is named elsewhere, or None.
    """
    algorithm = algorithm_of(Der.whole(algorithm))
    need(algorithm in SIGNED_WITH, "signature: algorithm not known")
    kind, name = SIGNED_WITH[algorithm]
    need(name is None or stated in (None, name), "signature: two digests are named")
    name = name or stated
    need(name, "signature: no digest is named")
    digest = hashlib.new(name, message).digest()
    head, bits = exactly(2, Der.whole(spki))
    unused, key = bits.bits()
    parts = head.parts()
    need(unused == 0 and parts and parts[0].oid() == kind, "signature: key of another kind")
    if kind == ECDSA:
        need(len(parts) == 2 and parts[1].oid() in CURVES, "key: curve not known")
        held = ecdsa(CURVES[parts[1].oid()], key, signature, digest)
    else:
        n, e = (part.integer() for part in exactly(2, Der.whole(key)))
        size = (n.bit_length() + 7) // 8
        need(2048 <= n.bit_length() <= 8192 and e & 1 and 3 <= e < 1 << 31, "key: RSA key out of range")
        s = int.from_bytes(signature, "big")
        end = DIGEST_INFO[name] + digest
        held = (len(signature) == size and s < n and
                pow(s, e, n).to_bytes(size, "big") == b"\0\1" + b"\xff" * (size - 3 - len(end)) + b"\0" + end)
    need(held, "signature: does not verify")


EXTENSION = {oid("2.5.29." + n): name for n, name in (
    ("15", "usage"), ("17", "names"), ("19", "basic"), ("30", "constraints"), ("37", "purposes"))}
TIME_STAMPING, ANY_PURPOSE = oid("1.3.6.1.5.5.7.3.8"), oid("2.5.29.37.0")
TRUE = b"\1\1\xff"


def extensions(parts):
    """Extensions as [(identifier, whether critical, bytes)]."""
    out = []
    for entry in parts:
        name, *critical, value = entry.parts()
        need(value.tag == OCTETS and [c.raw for c in critical] in ([], [TRUE]), "extension of another form")
        out.append((name.oid(), bool(critical), value.body))
    need(len({name for name, _, _ in out}) == len(out), "an extension twice")
    return out


class Certificate:
    """What matters of an X.509 certificate (RFC 5280)."""

    def __init__(self, raw):
        self.raw = raw
        signed, self.algorithm, signature = exactly(3, Der.whole(raw))
        self.signed, (unused, self.signature), fields = signed.raw, signature.bits(), signed.parts()
        optional(fields, 0xa0)  # version
        need(len(fields) >= 6 and unused == 0 and fields[1].raw == self.algorithm.raw, "certificate of another form")
        self.number, self.issuer, self.subject, self.key = fields[0].integer(), fields[2].raw, fields[4].raw, fields[5].raw
        self.first, self.last = (part.time() for part in exactly(2, fields[3]))
        self.authority, self.path, self.usage, self.purposes, self.names = False, None, None, None, []
        self.alone, self.odd = False, False
        for name, critical, value in extensions(exactly(1, fields[-1], 0xa3)[0].parts()
                                                if fields[-1].tag == 0xa3 else []):
            kind = EXTENSION.get(name)
            self.odd |= kind == "constraints" or critical and kind not in ("basic", "usage", "purposes")
            if kind == "basic":
                inner = Der.whole(value).parts()
                self.authority = bool(inner) and inner[0].raw == TRUE
                self.path = inner[1].integer() if len(inner) > 1 else None
            elif kind == "usage":
                self.usage = int.from_bytes(Der.whole(value, BITS).bits()[1].ljust(2, b"\0")[:2], "big")
            elif kind == "purposes":
                self.purposes, self.alone = [p.oid() for p in Der.whole(value).parts()], critical
            elif kind == "names":
                self.names = [n.raw for n in Der.whole(value).parts()]

    def issued(self, other, below, at):
        """Whether it is an authority's, with so many authorities below it, valid then, and signed the other."""
        if not (self.subject == other.issuer and self.authority and self.first <= at <= self.last and not self.odd
                and (self.path is None or below <= self.path) and (self.usage is None or self.usage & 0x0400)
                and (self.purposes is None or TIME_STAMPING in self.purposes or ANY_PURPOSE in self.purposes)):
            return False
        try:
            check_signature(self.key, other.algorithm.raw, None, other.signature, other.signed)
        except Refused:
            return False
        return True


def certificates(pem):
    """Certificates of a PEM file."""
    found = re.findall("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.S)
    need(found, "roots: no certificate in the file")
    return [Certificate(unbase64("".join(entry.split()))) for entry in found]


def chains(chain, others, roots, at):
    """All chains that continue this one and end in a root."""
    if any(chain[-1].raw == root.raw for root in roots):
        yield chain
    elif len(chain) < 8:
        for issuer in roots + others:
            if all(issuer.raw != c.raw for c in chain) and issuer.issued(chain[-1], len(chain) - 1, at):
                yield from chains(chain + [issuer], others, roots, at)


SIGNED_DATA, TST_INFO = oid("1.2.840.113549.1.7.2"), oid("1.2.840.113549.1.9.16.1.4")
CONTENT_TYPE, MESSAGE_DIGEST = oid("1.2.840.113549.1.9.3"), oid("1.2.840.113549.1.9.4")
SIGNING_CERTIFICATES = {oid("1.2.840.113549.1.9.16.2.12"): "sha1", oid("1.2.840.113549.1.9.16.2.47"): "sha256"}


def time_token(token, imprint, roots):
    """Time in a TimeStampToken over a SHA-256 digest; if roots are given, under one of them. Numbers: see the page."""
    # 1. The layers.
    need(len(token) <= MOST_TOKEN, "token: longer than 64 KiB")
    kind, wrapped = exactly(2, Der.whole(token))
    need(kind.oid() == SIGNED_DATA, "token: not signed data")
    version, algorithms, inner, *rest = exactly(1, wrapped, 0xa0)[0].parts()
    kind, wrapped = exactly(2, inner)
    need(version.integer() == 3 and kind.oid() == TST_INFO, "token: of another kind")
    content = exactly(1, wrapped, 0xa0)[0]
    held = optional(rest, 0xa0)
    optional(rest, 0xa1)
    need(content.tag == OCTETS and held and len(rest) == 1, "token: parts missing or unknown")
    held = [Certificate(c.raw) for c in held.parts(0xa0)]
    need(1 <= len(held) <= 16, "token: no certificates or too many")

    # 2. What is stated.
    version, policy, about, serial, at, *fields = Der.whole(content.body).parts()
    algorithm, digest = exactly(2, about)
    policy.oid(), serial.integer()
    need(version.integer() == 1 and digest_name(algorithm) == "sha256" and digest.tag == OCTETS, "token: of another form")
    need(digest.body == imprint, "token: of something else")
    need(at.tag == GENERAL and at.body >= b"2000", "token: time of another form")
    at = at.time()
    if accuracy := optional(fields, SEQUENCE):
        parts, total = accuracy.parts(), 0
        for kind, unit, most in ((INTEGER, 1, 59), (0x80, 1e-3, 999), (0x81, 1e-6, 999)):
            if part := optional(parts, kind):
                value = part.integer(kind)
                need((kind == INTEGER or 1 <= value) and 0 <= value <= most, "token: accuracy")
                total += value * unit
        need(not parts and total < 60, "token: accuracy")
    ordering, nonce, authority, more = (optional(fields, kind) for kind in (1, INTEGER, 0xa0, 0xa1))
    need(not fields and (not ordering or ordering.raw == TRUE), "token: of another form")
    nonce and nonce.integer()
    need(not more or not any(critical for _, critical, _ in extensions(more.parts(0xa1))), "token: critical extension")

    # 3. The signer.
    fields = exactly(1, rest[0], SET)[0].parts()
    need(len(fields) == 6 or len(fields) == 7 and fields[6].tag == 0xa1, "token: signer of another form")
    version, who, algorithm, attributes, how, signature = fields[:6]
    issuer, serial = exactly(2, who)
    named = [c for c in held if (c.issuer, c.number) == (issuer.raw, serial.integer())]
    need(version.integer() == 1 and len(named) == 1, "token: names no certificate, or several")
    signer, name = named[0], digest_name(algorithm)
    need(exactly(1, algorithms, SET)[0].raw == algorithm.raw, "token: two digests are named")

    # 4. Signed attributes: what kind, which bytes, which certificate.
    values, wanted = {}, []
    for attribute in attributes.parts(0xa0):
        kind, several = exactly(2, attribute)
        need(kind.oid() not in values and several.tag == SET, "token: an attribute twice or of another form")
        values[kind.oid()] = several
    need(CONTENT_TYPE in values and MESSAGE_DIGEST in values and SIGNING_CERTIFICATES.keys() & values.keys(),
         "token: an attribute is missing")
    need(exactly(1, values[CONTENT_TYPE], SET)[0].oid() == TST_INFO, "token: content type")
    stated = exactly(1, values[MESSAGE_DIGEST], SET)[0]
    need(stated.tag == OCTETS and stated.body == hashlib.new(name, content.body).digest(), "token: message digest")
    for kind in SIGNING_CERTIFICATES.keys() & values.keys():
        entries, *policies = exactly(1, values[kind], SET)[0].parts()
        need(len(policies) <= 1 and entries.body, "token: signing certificate of another form")
        for i, entry in enumerate(entries.parts()):
            parts, how_digested = entry.parts(), SIGNING_CERTIFICATES[kind]
            if how_digested == "sha256" and (other := optional(parts, SEQUENCE)):
                how_digested = digest_name(other)
            need(1 <= len(parts) <= 2 and parts[0].tag == OCTETS, "token: signing certificate of another form")
            wanted.append((how_digested, parts[0].body))
            need(i or hashlib.new(how_digested, signer.raw).digest() == parts[0].body, "token: of another certificate")
            if len(parts) == 2:
                names, serial = exactly(2, parts[1])
                issuer = exactly(1, exactly(1, names)[0], 0xa4)[0]
                need(i or (issuer.raw, serial.integer()) == (signer.issuer, signer.number), "token: of another issuer")

    # 5. The signature.
    need(signature.tag == OCTETS, "token: signature of another form")
    check_signature(signer.key, how.raw, name, signature.body, b"\x31" + attributes.raw[1:])

    # 6, 7. The certificate: for time stamps alone, valid then, the one the statement names.
    need(signer.first <= at <= signer.last, "token: the certificate was not valid at that time")
    need(signer.purposes == [TIME_STAMPING] and signer.alone, "token: the certificate is not for time stamps alone")
    need(signer.usage is None or signer.usage and not signer.usage & ~0xc000, "token: the certificate is for other things")
    if authority:
        told = exactly(1, authority, 0xa0)[0]
        need(told.raw in signer.names or told.tag == 0xa4 and told.body == signer.subject, "token: by another authority")

    # 8. The chain.
    if roots:
        need(not signer.odd and any(
            all(any(hashlib.new(h, c.raw).digest() == d for c in chain) for h, d in wanted)
            for chain in chains([signer], held, roots, at)), "token: not under one of the roots given")
    return at


# ==== Time: OpenTimestamps ======================================================================================

OTS_MAGIC = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94"
OTS_BITCOIN, OTS_PENDING = bytes.fromhex("0588960d73d71901"), bytes.fromhex("83dfe30d2ef90c8e")


class Stream:
    """Bytes read from the front."""

    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, n):
        self.at += n
        need(self.at <= len(self.raw), "proof: cut off")
        return self.raw[self.at - n:self.at]

    def number(self):
        value, shift = 0, 0
        while (byte := self.take(1)[0]) & 128:
            value, shift = value | (byte & 127) << shift, shift + 7
            need(shift < 35, "proof: number too large")
        value |= byte << shift
        need(value < 1 << 31 and (byte or not shift), "proof: number too large or not the shortest")
        return value

    def string(self):
        return self.take(self.number())

    def done(self):
        need(self.at == len(self.raw), "proof: bytes after the end")


def open_timestamps(proof, imprint):
    """The lowest (block, Merkle root) of a detached proof over a SHA-256 digest; None while it is pending."""
    need(len(proof) <= MOST_TOKEN, "proof: longer than 64 KiB")
    stream, blocks, ends = Stream(proof), [], []

    def branch(what, message, depth):
        if what == 0x00:
            kind, inner = stream.take(8), Stream(stream.string())
            ends.append(kind)
            need(len(ends) <= 64 and len(inner.raw) <= 8192, "proof: too many ends, or too long")
            if kind == OTS_PENDING:
                need(re.fullmatch(rb"[A-Za-z0-9._/:-]{0,1000}", inner.string()), "proof: calendar of another form")
                inner.done()
            elif kind == OTS_BITCOIN:
                blocks.append((inner.number(), message))
                inner.done()
                need(len(message) == 32, "proof: not a Merkle root")
            return
        need(depth < 256, "proof: too deep")
        if what == 0x08:
            message = H(message)
        elif what in (0xf0, 0xf1):
            operand = stream.string()
            message = message + operand if what == 0xf0 else operand + message
            need(operand and len(message) <= 4096, "proof: operand of another length")
        else:
            raise Refused("proof: operation not known")
        stamp(message, depth + 1)

    def stamp(message, depth):
        while (what := stream.take(1)[0]) == 0xff:
            branch(stream.take(1)[0], message, depth)
        branch(what, message, depth)

    need(stream.take(len(OTS_MAGIC)) == OTS_MAGIC and stream.number() == 1, "proof: not OpenTimestamps version 1")
    need(stream.take(1) == b"\x08" and stream.take(32) == imprint, "proof: of something else")
    stamp(imprint, 0)
    stream.done()
    need(blocks or OTS_PENDING in ends, "proof: names no block and no calendar")
    return min(blocks) if blocks else None


# ==== Report, command line ======================================================================================

STEPS = ("format", "keys", "signature", "checkpoints", "witnesses", "time", "log", "statements", "totals", "lineage",
         "event", "file")


LEFT_OUT = {"statements": ["item"], "totals": ["item"], "lineage": ["item", "scope"], "event": ["clip", "scope"],
            "file": ["scope"]}


def options(keys=(), witnesses=(), quorum=0, roots=None, file=None):
    """keys and witnesses: verifier keys; quorum: number, 0 for all; roots: PEM text; file: stream of bytes."""
    return Record(keys=list(keys or ()), witnesses=list(witnesses or ()), quorum=quorum, roots=roots, file=file)


def existed(c):
    """By when the tick of each statement, or of the item, existed, where a checked authority or witnesses say so."""
    out, bundle = {}, c.bundle
    ticks = ({"scope": bundle.statements[0].tick} if bundle.statements else {"item": bundle.opening.tick})
    if bundle.kind == "clip":
        ticks["clip"] = bundle.statements[1].tick
    for what, tick in ticks.items():
        later = c.points[bundle.ticks[tick].checkpoint:]  # the later ones hold it too
        if dates := [at for point in later for at in point.dates]:
            out[what] = datetime.datetime.fromtimestamp(min(dates), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return out


def verify(raw, given=None):
    """Check the bytes of a bundle; the report is {"ok", "kind", "failed", "steps": [{"name", "state", "text"}]}."""
    c = Record(raw=raw, options=given or options(), bundle=Record(kind=""))
    steps, failed = [], ""
    for name in STEPS:
        if c.bundle.kind in LEFT_OUT.get(name, ()) and not (name == "file" and c.options.file):
            continue
        try:
            state, words = globals()["step_" + name](c)
        except Refused as problem:
            state, words, failed = "failed", str(problem), name
        except OSError:  # the file beside the bundle: nothing is said about the bundle
            raise
        except Exception:  # nothing that this program did not foresee may pass
            state, words, failed = "failed", "of a form that cannot be read", name
        steps.append({"name": name, "state": state, "text": words})
        if failed:
            break
    report = {"ok": not failed, "kind": c.bundle.kind, "failed": failed, "steps": steps}
    return report if failed else report | {"existed": existed(c)}


def serve():
    """Answer requests a line each, so that many bundles need one process."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        given = options(**request.get("options", {}))
        if given.file is not None:
            given.file = io.BytesIO(base64.b64decode(given.file))
        sys.stdout.write(json.dumps(verify(base64.b64decode(request["bundle"]), given)) + "\n")
        sys.stdout.flush()


def key_text(value):
    """A verifier key, or the name of a file that holds one."""
    try:
        with open(value, encoding="utf-8") as file:
            return file.read(4096).strip()
    except (OSError, ValueError):
        return value


def arguments(about, what):
    """Parser of the options that verify_log.py has too."""
    import argparse
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(what, nargs="?")
    parser.add_argument("--key", action="append", default=[], type=key_text)
    parser.add_argument("--witness", action="append", default=[], type=key_text)
    parser.add_argument("--quorum", type=int, default=0)
    parser.add_argument("--roots")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true")
    return parser


def usable(parser, given, what):
    """End with 2 if the program was called wrongly."""
    if what is None or not 0 <= given.quorum <= len(given.witness):
        parser.error("name what is to be checked; --quorum is a number of --witness")
    try:
        for algorithm, names in ((LOG_KEY, given.key), (WITNESS_KEY, given.witness)):
            for name in names:
                verifier_key(name, algorithm)
    except Refused as problem:
        parser.error(str(problem))


def read_roots(name):
    if not name:
        return None
    with open(name, encoding="ascii") as file:
        roots = file.read()
    certificates(roots)
    return roots


UNREADABLE = (OSError, ValueError, IndexError, Refused)


def unreadable(problem):
    print("cannot read:", getattr(problem, "strerror", None) or "of another form", file=sys.stderr)
    return 1


def show(report, as_json):
    """Print a report; gives the exit status."""
    if as_json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return 0 if report["ok"] else 20
    failed = report["failed"] if isinstance(report["failed"], str) else ", ".join(report["failed"])
    print("ACCEPTED" if report["ok"] else "REFUSED at " + failed)
    for what, at in report.get("existed", {}).items():
        print(f"  the {what} existed by {at}")
    for step in report["steps"]:
        print(f"  {step['state']:7}{step['name']:12}{step['text']}")
    return 0 if report["ok"] else 20


def main(args):
    parser = arguments("Check a Zapis proof bundle.", "bundle")
    parser.add_argument("--file")
    given = parser.parse_args(args)
    if given.serve:
        return serve()
    usable(parser, given, given.bundle)
    try:
        with open(given.bundle, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
        roots = read_roots(given.roots)
        with open(given.file, "rb") if given.file else contextlib.nullcontext() as file:
            report = verify(raw, options(given.key, given.witness, given.quorum, roots, file))
    except UNREADABLE as problem:
        return unreadable(problem)
    return show(report, given.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

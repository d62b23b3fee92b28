#!/usr/bin/env python3
"""Tests of verify.py, and a writer of proof bundles that shares nothing with Zapis.

    test_verify.py                 run the tests
    test_verify.py --write DIR     write bundles of every kind and index.json, an array of objects file, options, ok,
                                   failed, seed (the key that signed is Ed25519 with SHA-256 of this text as its seed)

The writer follows docs/design/proof-bundle.md alone and has keys of its own that anybody can know: for tests only.
"""
import base64
import functools
import hashlib
import hmac
import io
import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify as v  # noqa: E402

ORIGIN = "zapis.example/test"
B64 = lambda raw: base64.b64encode(raw).decode()  # noqa: E731
LIST = lambda hashes: B64(b"".join(hashes))  # noqa: E731


# ---- Keys and notes ---------------------------------------------------------------------------------------------

class Key:
    """An Ed25519 key that signs notes (algorithm 1) or cosigns them (algorithm 4)."""

    def __init__(self, name, seed, algorithm=1):
        h = hashlib.sha512(hashlib.sha256(seed.encode()).digest()).digest()
        self.name, self.algorithm, self.prefix = name, algorithm, h[32:]
        self.scalar = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.public = v.encode_point(self.times(self.scalar))
        typed = bytes([algorithm]) + self.public
        self.number = v.H(name.encode(), b"\n", typed)[:4]
        self.text = f"{name}+{self.number.hex()}+{B64(typed)}"

    @staticmethod
    def times(n):
        total = v.NEUTRAL
        for i, row in enumerate(v.multiples(v.BASE)):
            total = v.add(total, row[n >> 4 * i & 15])
        return total

    def sign(self, message):
        n = int.from_bytes(hashlib.sha512(self.prefix + message).digest(), "little") % v.ORDER
        point = v.encode_point(self.times(n))
        k = int.from_bytes(hashlib.sha512(point + self.public + message).digest(), "little")
        return point + ((n + k * self.scalar) % v.ORDER).to_bytes(32, "little")

    def line(self, text, at=0):
        if self.algorithm == 1:
            signature = self.sign(text.encode())
        else:
            signature = v.u64(at) + self.sign(b"cosignature/v1\ntime %d\n" % at + text.encode())
        return f"\u2014 {self.name} {B64(self.number + signature)}\n"

    def note(self, text):
        return text + "\n" + self.line(text)


@functools.lru_cache(None)
def key_of(owner, number):
    """Key of a log: the seed of Ed25519 is SHA-256 of the owner and "key <number>"."""
    return Key(ORIGIN, f"{owner}key {number}")


# ---- Trees ------------------------------------------------------------------------------------------------------

def split(n):
    return 1 << (n - 1).bit_length() - 1


def root(leaves):
    """RFC 6962 section 2.1, over leaf data."""
    if len(leaves) < 2:
        return v.leaf(leaves[0]) if leaves else v.H()
    k = split(len(leaves))
    return v.node(root(leaves[:k]), root(leaves[k:]))


def inclusion(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return inclusion(m, leaves[:k]) + [root(leaves[k:])]
    return inclusion(m - k, leaves[k:]) + [root(leaves[:k])]


def consistency(m, leaves, whole=True):
    n = len(leaves)
    if m == n:
        return [] if whole else [root(leaves)]
    k = split(n)
    if m <= k:
        return consistency(m, leaves[:k], whole) + [root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [root(leaves[:k])]


class Veiled:
    def __init__(self, depth, veil, leaves):
        self.depth, self.veil, self.leaves = depth, veil, leaves

    def hash(self, l, s):
        if s >= len(self.leaves):
            return hmac.digest(self.veil, v.tag("zapis.veil.v1") + v.u64(l), "sha256")
        if l == 0:
            return v.leaf(self.leaves[s])
        return v.node(self.hash(l - 1, s), self.hash(l - 1, s + (1 << l - 1)))

    def root(self):
        return self.hash(self.depth, 0)

    def proof(self, places, l=None, s=0):
        l = self.depth if l is None else l
        if not any(s <= p < s + (1 << l) for p in places):
            return [self.hash(l, s)]
        if l == 0:
            return []
        return self.proof(places, l - 1, s) + self.proof(places, l - 1, s + (1 << l - 1))


# ---- What is committed ------------------------------------------------------------------------------------------

class Item:
    def __init__(self, r, size, milliseconds):
        self.bytes, self.size, self.milliseconds, self.salt = r.randbytes(size), size, milliseconds, r.randbytes(32)
        count = max(1, -(-size // v.SEGMENT))
        self.parts = [self.bytes[i * v.SEGMENT:(i + 1) * v.SEGMENT] for i in range(count)]
        self.segments = Veiled(24, self.derive("veil", 0), [
            v.H(v.tag("zapis.segment.v1"), self.derive("segment", i), v.u64(len(part)), v.H(part))
            for i, part in enumerate(self.parts)])
        self.sha256 = v.H(self.bytes)
        self.whole = v.H(v.tag("zapis.whole.v1"), self.derive("whole", 0), v.u64(size), self.sha256)

    def derive(self, label, n):
        return hmac.digest(self.salt, v.tag(label) + v.u64(n), "sha256")


class Accession:
    """Items by place, sealed under one root."""

    def __init__(self, items, unmeasured=0):
        self.items, self.files, self.unmeasured, self.bytes, self.milliseconds = items, len(items), unmeasured, 0, 0
        self.measures, self.leaves = [], []
        for place, item in enumerate(items):
            measure = v.H(v.tag("zapis.measure.v1"), item.derive("measure", 0), *map(v.u64, (
                place, self.bytes, item.size, self.milliseconds, item.milliseconds)))
            self.measures.append(measure)
            self.leaves.append(v.H(v.tag("zapis.item.v1"), item.whole, item.segments.root(), measure))
            self.bytes += item.size
            self.milliseconds += item.milliseconds
        self.leaves.append(v.H(v.tag("zapis.total.v1"), *map(v.u64, (self.files, self.bytes, self.milliseconds))))
        self.root = root(self.leaves)


class Log:
    """A public log with its keys, witnesses and the custody record behind it; owner tells its keys from others'."""

    def __init__(self, r, owner=""):
        self.r, self.ticks, self.openings, self.owner = r, [], {}, owner
        self.keys = [(key_of(owner, 0), "", 0)]
        self.witnesses = [Key(f"witness{i}.example", f"{owner}witness {i}", 4) for i in range(3)]
        self.record, self.custody_veil = [], r.randbytes(32)

    def rotate(self):
        before, key = self.keys[-1][0], key_of(self.owner, len(self.keys))
        text = f"zapis log key v1\n{ORIGIN}\n{key.text}\n{len(self.ticks)}\n"
        self.keys.append((key, before.note(text), len(self.ticks)))

    def blank(self, count):
        self.ticks += [self.r.randbytes(32) for _ in range(count)]

    def tick(self, statements=()):
        """Add a tick that commits to statements (canonical objects); gives the index."""
        self.custody = Veiled(40, self.custody_veil, list(self.record))
        salts = [self.r.randbytes(32) for _ in statements]
        said = Veiled(16, self.r.randbytes(32), [
            v.H(v.tag("zapis.statement.v1"), salt, v.canonical(s)) for salt, s in zip(salts, statements)])
        salt = self.r.randbytes(32)
        self.openings[len(self.ticks)] = (salt, self.custody, said, salts, statements)
        self.ticks.append(v.H(v.tag("zapis.tick.v1"), salt, self.custody.root(), said.root()))
        return len(self.ticks) - 1

    def checkpoint(self, size, before=None, at=1_790_000_000, stamps=()):
        text = f"{ORIGIN}\n{size}\n{B64(root(self.ticks[:size]))}\n"
        key = [key for key, _, since in self.keys if since <= size][-1]
        witnesses = sorted(self.witnesses, key=lambda w: w.text.encode())
        note = key.note(text) + "".join(w.line(text, at + size * 86400) for w in witnesses)
        proof = consistency(before, self.ticks[:size]) if before else []
        return {"consistency": LIST(proof), "note": note, "stamps": list(stamps)}

    def opened(self, index, checkpoint, size):
        salt, custody, said, _, _ = self.openings[index]
        return {"checkpoint": str(checkpoint), "custody": custody.root().hex(), "index": str(index),
                "proof": LIST(inclusion(index, self.ticks[:size])), "salt": salt.hex(), "statements": said.root().hex()}

    def said(self, index, place, tick):
        _, _, said, salts, statements = self.openings[index]
        return {"place": str(place), "proof": LIST(said.proof([place])), "salt": salts[place].hex(),
                "statement": statements[place], "tick": str(tick)}

    def bundle(self, kind, opening, statements, ticks, checkpoints):
        return {"checkpoints": checkpoints, "format": "zapis proof", "kind": kind, "log": {
            "keys": [{"endorsement": e, "vkey": k.text} for k, e, _ in self.keys], "origin": ORIGIN,
            "witnesses": sorted(w.text for w in self.witnesses)},
            "opening": opening, "statements": statements, "ticks": ticks, "version": "1"}


def encode(bundle, key):
    """The file: bundle and the note over it."""
    text = f"zapis proof v1\n{ORIGIN}\n{v.H(v.canonical(bundle)).hex()}\n"
    return v.canonical({"bundle": bundle, "note": key.note(text)})


def scope_statement(accessions, day="2026-11-20"):
    accessions = sorted(accessions, key=lambda a: a.root)
    names = ("bytes", "files", "milliseconds", "unmeasured")
    return accessions, {
        "accessions": [{n: str(getattr(a, n)) for n in names} | {"root": a.root.hex()} for a in accessions],
        "format": "zapis scope", "origin": ORIGIN, "sealed_on": day, "version": "1",
        **{n: str(sum(getattr(a, n) for a in accessions)) for n in names}}


@functools.lru_cache(4)
def items_of(seed):
    r = random.Random(seed)
    return [Item(r, size, ms) for size, ms in ((3 * v.SEGMENT + 17, 61_000), (0, 0), (4096, 0), (v.SEGMENT, 12_000),
                                               (2 * v.SEGMENT, 30_500))]


def make(seed=1, rotations=0, owner="", twist=lambda what, value: value):
    """A log with one of everything: bundles {"scope", "clip", "item", "item-bare"}, key, log, clip, item.

    twist is called with everything that is committed to, before it is: what it gives is committed to and shown by an
    archive that lies, all of whose signatures and proofs are good.
    """
    r = random.Random(seed)
    log, items = Log(r, owner), items_of(seed)
    clip_bytes = r.randbytes(5000)
    accessions = [Accession(items[:3], 2), Accession(items[3:])]
    sorted_accessions, scope = scope_statement(accessions)
    scope = twist("scope", scope)
    totals = [LIST(inclusion(a.files, a.leaves)) for a in sorted_accessions]

    # The custody record: one event is the taking in of items[0].
    item, ident = items[0], lambda p: p + "_" + "".join(r.choices("0123456789abcdefghjkmnpqrstvwxyz", k=26))
    event = v.canonical(twist("event", {
        "agent": ident("ag"), "id": ident("ev"), "outcome": "success", "subjects": [
            {"id": ident("it"), "kind": "item", "role": "outcome"}, {"id": ident("ac"), "kind": "accession", "role": "about"}],
        "time": "2026-11-19T08:00:00.000001Z", "tool": "zapis 1", "type": "ingestion", "version": "1",
        "detail": {"outcome": "received", "sha256": item.sha256.hex(), "size": str(item.size), "whole": item.whole.hex(),
                   "segment_root": item.segments.root().hex(), "object": ident("ob")}}))
    salt = r.randbytes(32)
    log.record = [r.randbytes(32) for _ in range(11)]
    place = 6
    log.record[place] = v.H(v.tag("zapis.custody.leaf.v1"), salt, event)

    log.blank(5)
    first = log.tick([scope])
    log.blank(3)
    for i in range(rotations):
        log.rotate()
        log.blank(i % 2)  # so that two keys may begin at one size
    cuts = [(0, 1000, 9000), (1, 0, 4500), (0, 30_000, 31_250)]
    picked = [(accessions[0], 0, [1, 3]), (accessions[1], 1, [0, 1])]
    length = sum(b - a for _, a, b in cuts)
    clip = {
        "clip": {"bytes": str(len(clip_bytes)), "milliseconds": str(length + 40), "sha256": v.H(clip_bytes).hex()},
        "cuts": [{"from_ms": str(a), "source": str(s), "to_ms": str(b)} for s, a, b in cuts],
        "format": "zapis clip", "masks": [r.randbytes(32).hex()], "number": "1", "origin": ORIGIN, "previous": "",
        "released_ms": str(length), "scope": v.H(v.canonical(scope)).hex(), "stated_on": "2026-11-22", "version": "1",
        "sources": [{"accession": a.root.hex(), "item": a.leaves[p].hex(), "segments": [
            {"commitment": a.items[p].segments.leaves[i].hex(), "index": str(i)} for i in places]}
            for a, p, places in picked]}
    clip = twist("clip", clip)
    sources = [{
        "measure": a.measures[p].hex(), "place": str(p), "proof": LIST(inclusion(p, a.leaves)),
        "segment_root": a.items[p].segments.root().hex(), "segments": LIST(a.items[p].segments.proof(places)),
        "whole": a.items[p].whole.hex()} for a, p, places in picked]
    second = log.tick([v.read_canonical(b'{"a":"another statement"}'), clip])
    log.blank(2)
    small, large = first + 2, second + 2
    points = [log.checkpoint(small), log.checkpoint(large, small)]
    said = log.said(first, 0, 0)
    opening = {
        "event": B64(event), "place": str(place), "proof": LIST(log.custody.proof([place])), "salt": salt.hex(),
        "segment_root": item.segments.root().hex(), "sha256": item.sha256.hex(), "size": str(item.size), "tick": "0",
        "whole_salt": item.derive("whole", 0).hex()}
    shown = [0, 3]
    with_segments = {"segments": [
        {"index": str(i), "length": str(len(item.parts[i])), "salt": item.derive("segment", i).hex(),
         "sha256": v.H(item.parts[i]).hex()} for i in shown], "segments_proof": LIST(item.segments.proof(shown))}
    made = {
        "scope": log.bundle("scope", {"totals": totals}, [said], [log.opened(first, 0, small)], [points[0]]),
        "clip": log.bundle("clip", {"sources": sources, "totals": totals}, [said, log.said(second, 1, 1)],
                           [log.opened(first, 0, small), log.opened(second, 1, large)], points),
        "item": log.bundle("item", opening | with_segments, [], [log.opened(second, 0, large)], [log.checkpoint(large)]),
        "item-bare": log.bundle("item", opening | {"segments": [], "segments_proof": ""}, [],
                                [log.opened(second, 0, large)], [log.checkpoint(large)])}
    return v.Record(bundles=made, key=log.keys[-1][0], log=log, clip=clip_bytes, item=item)


# ---- Tests ------------------------------------------------------------------------------------------------------

class Accepts(unittest.TestCase):
    def test_every_kind(self):
        for rotations in (0, 3):
            made = make(1, rotations)
            for name, bundle in made.bundles.items():
                report = v.verify(encode(bundle, made.key))
                self.assertTrue(report["ok"], (name, report["failed"], report["steps"][-1]["text"]))

    def test_options(self):
        made = make()
        raw = encode(made.bundles["clip"], made.key)
        keys, witnesses = [made.log.keys[0][0].text], [w.text for w in made.log.witnesses]
        given = lambda **more: v.options(**({"keys": keys, "witnesses": witnesses, "quorum": 2} | more))  # noqa: E731
        other, stranger = Key(ORIGIN, "other").text, Key("stranger.example", "stranger", 4).text
        for want, more in (
                ("", {}), ("", {"quorum": 0}), ("", {"file": io.BytesIO(made.clip)}),
                ("", {"witnesses": witnesses + [stranger], "quorum": 3}),
                ("keys", {"keys": [other]}), ("keys", {"keys": keys + [other]}),
                ("witnesses", {"witnesses": [stranger], "quorum": 1}), ("witnesses", {"quorum": 4}),
                ("witnesses", {"witnesses": [], "quorum": 1}), ("witnesses", {"witnesses": witnesses + [stranger], "quorum": 0}),
                ("witnesses", {"witnesses": [witnesses[0]] * 2, "quorum": 2}),
                ("file", {"file": io.BytesIO(made.clip + b"x")}), ("file", {"file": io.BytesIO(made.clip[:-1] + b"x")})):
            self.assertEqual(v.verify(raw, given(**more))["failed"], want, more)


class Primitives(unittest.TestCase):
    def test_ed25519(self):
        """RFC 8032 section 7.1, and what must be refused."""
        for key, message, signature in (
                ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd2"
                 "5bf5f0595bbe24655141438e7a100b"),
                ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c38"
                 "7b2eaeb4302aeeb00d291612bb0c00")):
            key, message, signature = map(bytes.fromhex, (key, message, signature))
            self.assertTrue(v.ed25519(key, message, signature))
            s = int.from_bytes(signature[32:], "little")
            for bad in (signature[:32] + (s + v.ORDER).to_bytes(32, "little"), signature + b"\0", signature[:-1],
                        signature[:5] + bytes([signature[5] ^ 1]) + signature[6:]):
                self.assertFalse(v.ed25519(key, message, bad))
            self.assertFalse(v.ed25519(key, message + b"x", signature))
        for y in (v.P, v.P + 1, 2 ** 255 - 1):
            self.assertIsNone(v.decode_point(y.to_bytes(32, "little")), "not the canonical spelling")
        self.assertIsNone(v.decode_point(b"\2" + bytes(31)), "not on the curve")

    def test_canonical(self):
        for good in (b'{}', b'[]', b'""', '{"a":"\u20ac\u007f","b":["\\n\\u0000"]}'.encode()):
            v.read_canonical(good)
        for bad in (b'', b'{', b' {}', b'{}\n', b'{"b":"","a":""}', b'{"a":"","a":""}', b'{"a":1}', b'[null]', b'[true]',
                    b'["\\u0041"]', b'["\\/"]', b'["\\u000A"]', b'["\\u001F"]', b'["\x1f"]', b'["\\ud800"]', b'["\xff"]',
                    b'\xef\xbb\xbf{}', b'["a" ]', b'[NaN]', b'["a",]', b'[' * 100000, b'["\xed\xa0\x80"]'):
            with self.assertRaises(v.Refused, msg=bad[:40]):
                v.read_canonical(bad)

    def test_base64_and_numbers(self):
        for bad in ("AB==", "AA=", "A A=", "AA==\n", "AA", "__8=", "====", "\u0660AA="):
            with self.assertRaises(v.Refused, msg=bad):
                v.unbase64(bad)
        for bad in ("", "01", "+1", "-1", "1 ", "\u0661", "9007199254740992", "1e3", "1_0"):
            with self.assertRaises(v.Refused, msg=bad):
                v.number(bad)
        self.assertEqual(v.number("9007199254740991"), 2 ** 53 - 1)

    def test_trees(self):
        """Every proof of small trees holds, and no other index, size or root."""
        leaves = [bytes([i]) for i in range(18)]
        for n in range(1, 18):
            for m in range(n):
                v.check_inclusion("leaf", leaves[m], m, n, inclusion(m, leaves[:n]), root(leaves[:n]))
                for wrong in ((m + 1, n), (m, n + 1), (m ^ 1, n)):
                    if len(inclusion(m, leaves[:n])) and wrong[0] < 18:
                        try:
                            v.check_inclusion("leaf", leaves[m], *wrong, inclusion(m, leaves[:n]), root(leaves[:n]))
                        except v.Refused:
                            continue
                        # A size is bound by the checkpoint, not by an inclusion proof; the index is bound by the path.
                        self.assertEqual(wrong[0], m)
            for m in range(1, n):
                proof = consistency(m, leaves[:n])
                v.check_consistency(m, root(leaves[:m]), n, root(leaves[:n]), proof)
                for bad in (proof[1:], proof + [bytes(32)], proof[:-1]):
                    with self.assertRaises(v.Refused):
                        v.check_consistency(m, root(leaves[:m]), n, root(leaves[:n]), bad)
                with self.assertRaises(v.Refused):
                    v.check_consistency(m, root(leaves[1:m + 1]), n, root(leaves[:n]), proof)


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    length = bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + body


class Refusals(unittest.TestCase):
    """Checks whose work another check would do in most bundles: each is tried by itself."""

    def refuses(self, words, check, *arguments):
        with self.assertRaisesRegex(v.Refused, words):
            check(*arguments)

    def test_forms(self):
        self.refuses("text expected", v.text, 5)
        self.refuses("list of hashes", v.hashes, B64(bytes(33)))
        for day in ("20261122", "2026-W47-7", "2026-11-22T00", "\u0662026-11-22"):
            self.refuses("not a date", v.date, day)
        self.refuses("object", v.statement, "text")
        self.refuses("object expected", v.strings, [])
        report = v.verify(b" " * (v.MOST_BYTES + 1))
        self.assertEqual((report["failed"], report["steps"][0]["text"]), ("format", "longer than 16 MiB"))

    def test_statements(self):
        made = make()
        bundle = dict(made.bundles["scope"])
        bundle["statements"] = bundle["statements"] * 2
        self.assertEqual(v.verify(encode(bundle, made.key))["failed"], "format")

    def test_segments(self):
        made = make()
        bundle = json.loads(json.dumps(made.bundles["item"]))
        bundle["opening"]["segments"][-1]["index"] = str(1 << 24)
        self.assertEqual(v.verify(encode(bundle, made.key))["failed"], "format")
        bundle["opening"]["segments"][-1] |= {"index": "3", "length": "1048577"}
        self.assertEqual(v.verify(encode(bundle, made.key))["failed"], "format")

    def test_notes(self):
        key, witness = Key("a.example", "a"), Key("w.example", "w", 4)
        line = key.line("a\nb\n")
        self.refuses("control", v.signed_note, "a\x01\nb\n\n" + line, 2)
        self.refuses("control", v.signed_note, "a\r\nb\n\n" + line, 2)
        self.refuses("empty line", v.signed_note, "\nb\n\n" + line, 2)
        self.refuses("too short", v.signed_note, "a\nb\n\n\u2014 a.example AAAAAA==\n", 2)
        self.refuses("wrong number", v.signed_note, "a\nb\nc\n\n" + line, 2)
        self.refuses("wrong number", v.signed_note, "a\nb\n\n" + line[:-1], 2)
        rows, signatures = v.signed_note("a\nb\n\n" + line, 2)
        v.signed_by(v.verifier_key(key.text, 1), rows, signatures[0])
        self.refuses("another key", v.signed_by, v.verifier_key(Key("b.example", "a").text, 1), rows, signatures[0])
        rows, signatures = v.signed_note("a\nb\n\n" + witness.line("a\nb\n", 7), 2)
        self.assertEqual(v.cosigned_by(v.verifier_key(witness.text, 4), rows, signatures[0]), 7)
        self.refuses("by another", v.cosigned_by, v.verifier_key(Key("b.example", "w", 4).text, 4), rows, signatures[0])

    def test_places(self):
        self.refuses("no place", v.check_veiled, "", 16, {1 << 16: b""}, [bytes(32)] * 16, bytes(32))
        self.refuses("no place", v.check_veiled, "", 16, {}, [bytes(32)], bytes(32))
        self.refuses("too long", v.check_veiled, "", 16, {0: b""}, [bytes(32)] * 17, bytes(32))

    def test_signatures(self):
        p256, digest = v.CURVES[v.oid("1.2.840.10045.3.1.7")], bytes(32)
        signature = der(0x30, b"\2\1\1", b"\2\1\1")
        self.refuses("uncompressed", v.ecdsa, p256, b"\4" + bytes(63), signature, digest)
        self.refuses("uncompressed", v.ecdsa, p256, b"\2" + bytes(64), signature, digest)
        self.refuses("not on the curve", v.ecdsa, p256, b"\4" + bytes(64), signature, digest)
        generator = b"\4" + p256[3].to_bytes(32, "big") + p256[4].to_bytes(32, "big")
        for r, s in ((0, 1), (1, 0), (p256[2], 1), (1, p256[2])):
            number = lambda n: der(2, n.to_bytes(33, "big") if n > 1 else bytes([n]))  # noqa: E731
            self.assertFalse(v.ecdsa(p256, generator, der(0x30, number(r), number(s)), digest))
        named = lambda name, *more: der(0x30, der(6, v.oid(name)), *more)  # noqa: E731
        ecdsa_sha256, rsa = named("1.2.840.10045.4.3.2"), named("1.2.840.113549.1.1.1")
        key = der(0x30, named("1.2.840.10045.2.1", der(6, v.oid("1.2.840.10045.3.1.7"))), der(3, b"\0" + generator))
        self.refuses("two digests", v.check_signature, key, ecdsa_sha256, "sha384", signature, b"")
        self.refuses("no digest", v.check_signature, key, rsa, None, signature, b"")
        self.refuses("another kind", v.check_signature, key, rsa, "sha256", signature, b"")
        self.refuses("not known", v.check_signature, key, named("1.2.840.113549.1.1.5"), None, signature, b"")
        self.refuses("does not verify", v.check_signature, key, ecdsa_sha256, None, signature, b"")
        curve = der(0x30, named("1.2.840.10045.2.1", der(6, v.oid("1.3.132.0.10"))), der(3, b"\0" + generator))
        self.refuses("curve", v.check_signature, curve, ecdsa_sha256, None, signature, b"")
        small = der(0x30, named("1.2.840.113549.1.1.1"), der(3, b"\0" + der(0x30, der(2, b"\1" * 128), b"\2\1\3")))
        self.refuses("out of range", v.check_signature, small, rsa, "sha256", b"", b"")
        self.refuses("parameters", v.algorithm_of, v.Der.whole(named("1.2.840.10045.4.3.2", der(4, b""))))

    def test_der(self):
        twice = der(0x30, der(6, v.oid("2.5.29.15")), der(4, b""))
        self.refuses("twice", v.extensions, [v.Der.whole(twice)] * 2)
        other = der(0x30, der(6, v.oid("1.2.840.113549.1.7.1")), der(0xa0, der(0x30)))
        self.refuses("not signed data", v.time_token, other, bytes(32), [])
        self.refuses("64 KiB", v.time_token, bytes(v.MOST_TOKEN + 1), bytes(32), [])
        self.refuses("64 KiB", v.open_timestamps, bytes(v.MOST_TOKEN + 1), bytes(32))
        self.refuses("no certificate", v.certificates, "")
        for raw in (b"", b"\x30", b"\x30\1", b"\x30\x80\0\0", b"\x30\x81\1\0", b"\x30\x82\0\x81" + bytes(129), b"\x3f\x81\0", b"\x30\0\0"):
            self.refuses("DER", v.Der.whole, raw)
        for raw in (b"", b"\0\1", b"\xff\x80"):
            self.refuses("integer", v.Der.whole(der(2, raw), 2).integer)


DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "verify", "testdata")


def vectors(*path):
    with open(os.path.join(DATA, *path), "rb") as file:
        return file.read()


def holds(check, *arguments):
    """Whether a check passes; what it gives, if anything."""
    try:
        return check(*arguments) or True
    except (v.Refused, ValueError, IndexError):
        return False


class Vectors(unittest.TestCase):
    """Those beside docs/design/proof-bundle.md, which the other verifiers pass too."""

    def test_canonical(self):
        for entry in json.loads(vectors("canonical.json")):
            raw = base64.b64decode(entry["base64"])
            self.assertEqual(bool(holds(v.read_canonical, raw)), entry["ok"], entry["why"])

    def test_keys_and_notes(self):
        entries = json.loads(vectors("notes.json"))
        for entry in entries["keys"]:
            algorithm = v.WITNESS_KEY if entry["witness"] else v.LOG_KEY
            self.assertEqual(bool(holds(v.verifier_key, entry["vkey"], algorithm)), entry["ok"], entry["why"])

        def check(entry):
            rows, signatures = v.signed_note(entry["note"], 3)
            if entry["vkey"].split("+")[2].startswith("B"):
                key = v.verifier_key(entry["vkey"], v.WITNESS_KEY)
                return v.cosigned_by(key, rows, next(s for s in signatures if s[:2] == (key.name, key.number)))
            v.signed_by(v.verifier_key(entry["vkey"], v.LOG_KEY), rows, signatures[0])
            return 0

        for entry in entries["notes"]:
            try:
                at = check(entry)
            except (v.Refused, StopIteration):
                at = None
            self.assertEqual(at, entry["time"] if entry["ok"] else None, entry["why"])

    def test_veiled(self):
        for entry in json.loads(vectors("veiled.json")):
            def check(entry):
                v.need(v.ascending(entry["places"] or []), "not ascending")
                leaves = dict(zip(entry["places"] or [], map(bytes.fromhex, entry["data"] or [])))
                v.check_veiled("", entry["depth"], leaves, v.hashes(entry["proof"]), bytes.fromhex(entry["root"]))
            self.assertEqual(holds(check, entry), entry["ok"], entry["why"])

    def test_time(self):
        for entry in json.loads(vectors("time", "index.json")):
            raw, imprint = vectors("time", entry["file"]), bytes.fromhex(entry["imprint"])
            if entry["kind"] == "opentimestamps":
                found = holds(v.open_timestamps, raw, imprint)
                self.assertEqual(bool(found), entry["ok"], entry["file"])
                if "root" in entry:
                    self.assertEqual((found[0], found[1].hex()), (entry.get("block", 0), entry["root"]), entry["file"])
                self.assertEqual(found is True, entry.get("pending", False), entry["file"])
                continue
            roots = v.certificates(vectors("time", entry["roots"]).decode())
            at = holds(v.time_token, raw, imprint, roots)
            self.assertEqual(bool(at), entry["ok"], entry["file"])
            self.assertEqual(bool(holds(v.time_token, raw, imprint, [])), entry["alone"], entry["file"])
            if at:
                self.assertEqual(at.strftime("%Y-%m-%dT%H:%M:%S"), entry["time"][:19])


def add_to(*path, by=1):
    """Twist that adds to the number at the path."""
    def change(value):
        for key in path[:-1]:
            value = value[key]
        value[path[-1]] = str(int(value[path[-1]]) + by)
    return change


def put(text, *path):
    def change(value):
        for key in path[:-1]:
            value = value[key]
        value[path[-1]] = text
    return change


def several(*changes):
    def change(value):
        for each in changes:
            each(value)
    return change


def deep(count):
    """Twist that puts a value into so many arrays and objects, the subjects of the event counted."""
    def change(value):
        inner = "x"
        for i in range(count - 1):
            inner = [inner] if i % 2 else {"a": inner}
        value["subjects"] = [inner]
    return change


def last(value):
    """Cut the last accession off the scope; its sums stay."""
    value["accessions"].pop()


# What a lying archive may commit to, sign and have witnessed, and the step that refuses it all the same.
LIES = [
    ("scope", "totals", add_to("files")), ("scope", "totals", add_to("bytes", by=7)), ("scope", "totals", add_to("milliseconds", by=1)),
    ("scope", "totals", add_to("unmeasured")), ("scope", "totals", several(add_to("unmeasured", by=9), add_to("accessions", 0, "unmeasured", by=9))),
    *(("scope", "totals", several(add_to(n, by=k), add_to("accessions", i, n, by=k)))
      for n in ("files", "bytes", "milliseconds") for i in (0, 1) for k in (1, 1000)),
    ("scope", "totals", put("11" * 32, "accessions", 0, "root")), ("scope", "format", last),
    ("scope", "format", lambda s: s["accessions"].reverse()), ("scope", "format", lambda s: s["accessions"].append(s["accessions"][1])),
    ("scope", "format", put("x", "other")), ("scope", "format", put("2026-02-30", "sealed_on")), ("scope", "statements", put("other.example", "origin")),
    ("clip", "statements", put("22" * 32, "scope")), ("clip", "statements", put("other.example", "origin")),
    ("clip", "lineage", add_to("released_ms")), ("clip", "lineage", add_to("released_ms", by=-1)),
    ("clip", "lineage", several(put("2", "number"), put("33" * 32, "previous"), add_to("released_ms", by=-1))),
    ("clip", "lineage", several(put("2", "number"), put("33" * 32, "previous"), add_to("released_ms", by=10 ** 6))),
    ("clip", "format", put("2", "number")), ("clip", "format", put("0", "number")), ("clip", "format", put("33" * 32, "previous")),
    ("clip", "lineage", add_to("clip", "milliseconds", by=2000)), ("clip", "lineage", add_to("clip", "milliseconds", by=-2041)),
    ("clip", "lineage", several(add_to("cuts", 0, "to_ms", by=5000), add_to("released_ms", by=5000))),
    ("clip", "format", put("0", "cuts", 0, "to_ms")), ("clip", "format", put("2", "cuts", 1, "source")), ("clip", "format", put("0", "cuts", 1, "source")),
    ("clip", "lineage", put("44" * 32, "sources", 0, "accession")), ("clip", "lineage", put("44" * 32, "sources", 1, "item")),
    ("clip", "lineage", put("44" * 32, "sources", 0, "segments", 1, "commitment")),
    ("clip", "lineage", add_to("sources", 0, "segments", 1, "index", by=-1)), ("clip", "lineage", add_to("sources", 0, "segments", 1, "index")),
    ("clip", "format", lambda s: s["sources"].reverse() or s["sources"].pop()), ("clip", "lineage", lambda s: s["sources"].reverse()),
    ("clip", "lineage", lambda s: s["sources"][0]["segments"].pop()), ("clip", "format", lambda s: s["sources"][0]["segments"].reverse()),
    ("event", "event", put("failed", "detail", "outcome")), ("event", "event", put("accession", "type")),
    ("event", "event", put("55" * 32, "detail", "sha256")), ("event", "event", put("1", "detail", "size")),
    ("event", "event", put("55" * 32, "detail", "whole")), ("event", "event", put("55" * 32, "detail", "segment_root")),
    ("event", "event", lambda e: e["detail"].pop("whole")), ("event", "event", lambda e: e.pop("agent")),
    ("event", "event", deep(17)), ("event", "event", put("x", "other")), ("event", "event", put("2", "version")),
]


def deepest(seed):
    """A log whose event is nested as deep as may be."""
    def twist(what, value):
        if what == "event":
            deep(16)(value)
        return value
    return make(seed, twist=twist)


def lies(seed):
    """Bundles of a lying archive, each with the step that finds it out."""
    for number, (about, step, change) in enumerate(LIES):
        def twist(what, value):
            if what == about:
                change(value)
            return value
        made = make(seed, number % 3, twist=twist)
        for name, bundle in made.bundles.items():
            if (about == "scope" and name in ("scope", "clip")) or about == name or (about == "event" and "item" in name):
                yield f"lie-{seed}-{number}-{name}", step, made, encode(bundle, made.key)


class Refuses(unittest.TestCase):
    def test_lies(self):
        for name, step, _, raw in lies(1):
            report = v.verify(raw)
            self.assertEqual(report["failed"], step, (name, report["steps"][-1]["text"]))


def write(folder, seeds):
    """Bundles of one log (own), of another tree under the same keys (fork), of other keys (foreign), and lies."""
    index = []

    def add(name, made, raw, ok, failed, key):
        with open(os.path.join(folder, name + ".json"), "wb") as out:
            out.write(raw)
        index.append({"file": name + ".json", "ok": ok, "failed": failed, "seed": key, "options": {
            "keys": [made.log.keys[0][0].text], "witnesses": [w.text for w in made.log.witnesses], "quorum": 3}})

    for seed in seeds:
        for rotations in (0, 3):
            for kind, made in (("own", make(seed, rotations)), ("fork", make(seed + 1000, rotations)),
                               ("foreign", make(seed, rotations, "foreign "))):
                for name, bundle in made.bundles.items():
                    add(f"{kind}-{seed}-{rotations}-{name}", made, encode(bundle, made.key), True, "",
                        made.log.owner + f"key {rotations}")
        made = deepest(seed)
        add(f"deep-{seed}-item", made, encode(made.bundles["item"], made.key), True, "", "key 0")
        for name, step, made, raw in lies(seed):
            add(name, made, raw, False, step, "")
    with open(os.path.join(folder, "index.json"), "w") as out:
        json.dump(index, out, indent=1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(sys.argv[2], [7] + [int(n) for n in sys.argv[3:]])
    else:
        unittest.main()

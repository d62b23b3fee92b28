#!/usr/bin/env python3
"""Check a published Zapis transparency log, offline, with nothing but Python 3.11 and its standard library.

    verify_log.py DIR [--key VKEY]... [--witness VKEY]... [--quorum K] [--roots PEM] [--against CHECKPOINT]... [--json]
    verify_log.py --serve

Written from docs/design/transparency-log.md and proof-bundle.md, and from C2SP tlog-tiles; needs verify.py beside it
and shares no code with Zapis.

DIR         the folder as it was published
--against   file with a checkpoint of this log that was seen elsewhere or earlier: only this shows that a log was
            rewritten or cut off by the one who holds its keys
--serve     read requests {"log": {name: base64}, "options": {…, "against": [text]}} a line each from standard input,
            write a report a line each

The other options and the exit status are those of verify.py. All steps are taken as far as possible; the report is
{"ok", "failed": [names], "steps": [{"name", "state", "text"}]}.
"""
import base64
import json
import os
import re
import sys

import verify as v
from verify import Record, Refused, need

STEPS = {  # and the steps without which it cannot be taken
    "keys": (), "checkpoint": ("keys",), "witnesses": ("keys", "checkpoint"), "entries": ("keys", "checkpoint"),
    "tiles": ("keys", "checkpoint", "entries"), "time": ("keys", "checkpoint", "entries"), "statements": (),
    "against": ("keys", "checkpoint", "entries")}
WIDTH = 256  # hashes of a full tile
KEYS = v.record(format=v.just("zapis log keys"), version=v.just("1"), log=v.LOG)


def read(c, name):
    need(name in c.files, name + ": is not there")
    return c.files[name]


def below(c, folder):
    """Files of a folder by name; what begins with a full stop waits to be renamed."""
    return [(name[len(folder):], data) for name, data in sorted(c.files.items())
            if name.startswith(folder) and not any(part.startswith(".") for part in name.split("/"))]


def decoded(raw):
    try:
        return raw.decode("utf-8")
    except ValueError:
        raise Refused("not text") from None


def step_keys(c):
    c.bundle = Record(log=KEYS(v.read_canonical(read(c, "keys"))).log)
    need(v.ascending(w.encode() for w in c.bundle.log.witnesses), "witnesses: not sorted")
    return v.step_keys(c)


def open_checkpoint(c, note):
    """A checkpoint, signed by the key that was in force at its size."""
    point = v.checkpoint(c.bundle.log.origin, c.keys, note)
    need(point.key is [k for k in c.keys if k.since <= point.size][-1], "signed by a key that was not in force")
    return point


def step_checkpoint(c):
    c.point = open_checkpoint(c, decoded(read(c, "checkpoint")))
    return "ok", f"{c.point.size} entries"


def step_witnesses(c):
    c.points = [c.point]
    return v.step_witnesses(c)


def tile_name(kind, index, width):
    """Path of C2SP tlog-tiles."""
    name = f"{index % 1000:03d}"
    while index := index // 1000:
        name = f"x{index % 1000:03d}/" + name
    return f"tile/{kind}/{name}" + (f".p/{width}" if width < WIDTH else "")


def tile(c, kind, index, width, size):
    """The first width values (of that many bytes) of a tile; the full tile may stand for a part of it."""
    name = tile_name(kind, index, width)
    if name not in c.files:
        name = tile_name(kind, index, WIDTH)
    raw = read(c, name)
    need(len(raw) == size * (WIDTH if name == tile_name(kind, index, WIDTH) else width), name + ": wrong length")
    return [raw[i:i + size] for i in range(0, width * size, size)]


def step_entries(c):
    """All entries, and from them the tree: c.level[h] are the hashes of the complete subtrees of 2^h entries."""
    entries = []
    for first in range(0, c.point.size, WIDTH):
        for raw in tile(c, "entries", first // WIDTH, min(WIDTH, c.point.size - first), 34):
            need(raw[:2] == b"\0\x20", "entries: one of another length")
            entries.append(raw[2:])
    c.level = [[v.leaf(entry) for entry in entries]]
    while len(c.level[-1]) > 1:
        below = c.level[-1]
        c.level.append([v.node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    need(root(c, c.point.size) == c.point.root, "entries: are not those of the checkpoint")
    return "ok", "the entries are those of the checkpoint"


def root(c, size):
    """Root of the first size entries, from the complete subtrees it falls into, the smallest first."""
    total, first = None, size
    for height in range(size.bit_length()):
        if size >> height & 1:
            first -= 1 << height
            h = c.level[height][first >> height]
            total = h if total is None else v.node(h, total)
    return total


def step_tiles(c):
    for height in range(8):
        count = c.point.size >> 8 * height
        for first in range(0, count, WIDTH):
            tile(c, height, first // WIDTH, min(WIDTH, count - first), 32)
    beyond = 0
    for name, raw in below(c, "tile/"):
        match = re.fullmatch(r"(entries|0|[1-7])/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", name, re.ASCII)
        need(match, "tiles: a file of another name")
        kind, high, low, width = match[1], match[2].replace("x", "").replace("/", ""), match[3], int(match[4] or WIDTH)
        index, size = int(high + low), 34 if kind == "entries" else 32
        need("tile/" + name == tile_name(kind, index, width) and (width < WIDTH or not match[4]), "tiles: a file of another name")
        need(len(raw) == width * size, f"{name}: wrong length")
        held = c.level[8 * int(kind)] if kind != "entries" and 8 * int(kind) < len(c.level) else []
        held = c.level[0] if kind == "entries" else held
        values = [raw[i:i + size] for i in range(0, len(raw), size)]
        if kind == "entries":
            need(all(value[:2] == b"\0\x20" for value in values), f"{name}: an entry of another length")
            values = [v.leaf(value[2:]) for value in values]
        known = held[index * WIDTH:index * WIDTH + width]
        need(values[:len(known)] == known, f"{name}: is not of this tree")
        beyond += len(known) < width
    return "open" if beyond else "ok", "all tiles are of this tree" + (f"; {beyond} of a later state" if beyond else "")


def step_time(c):
    roots = v.certificates(c.options.roots) if c.options.roots else []
    words, checked = [], False
    for name, raw in below(c, "time/"):
        match = re.fullmatch(r"([1-9][0-9]{0,15})/([^/]+)\.(tsr|ots)", name, re.ASCII)
        need(match, "time: a file of another name")
        size = int(match[1])
        if size > c.point.size:
            continue  # of a later state
        rows = [c.bundle.log.origin, str(size), base64.b64encode(root(c, size)).decode()]
        said, at = v.stamp({"tsr": "rfc3161", "ots": "opentimestamps"}[match[3]], raw, rows, roots)
        checked |= at is not None
        words.append(f"size {size}: {said}")
    return "ok" if checked else "open", "; ".join(words) or "no time stamps"


def step_statements(c):
    count = 0
    for name, raw in below(c, "statement/"):
        need(name == v.H(raw).hex() + ".json", "statements: one of another digest")
        need(isinstance(v.read_canonical(raw), dict), "statements: no object")
        count += 1
    return "ok", f"{count} statements"


def step_against(c):
    if not c.options.against:
        return "open", "no checkpoint from elsewhere was given"
    for note in c.options.against:
        point = open_checkpoint(c, note)
        need(point.size <= c.point.size, "cut off: a larger checkpoint was seen elsewhere")
        need(root(c, point.size) == point.root, "forked or rewritten: another tree was seen elsewhere")
    return "ok", "continues the checkpoints given"


def verify_log(files, given, against=()):
    """Check {name: bytes} of a published log; given are the options of verify.py."""
    given.against = list(against or ())
    c = Record(files=files, options=given)
    steps = []
    for name, after in STEPS.items():
        try:
            need(all(step["state"] != "failed" for step in steps if step["name"] in after), "a step before it failed")
            state, words = globals()["step_" + name](c)
        except Refused as problem:
            state, words = "failed", str(problem)
        except Exception:  # nothing that this program did not foresee may pass
            state, words = "failed", "of a form that cannot be read"
        steps.append({"name": name, "state": state, "text": words})
    failed = [step["name"] for step in steps if step["state"] == "failed"]
    return {"ok": not failed, "failed": failed, "steps": steps}


def folder(top):
    """{name: bytes} of a folder."""
    files = {}
    for path, _, names in os.walk(top, onerror=lambda problem: (_ for _ in ()).throw(problem)):
        for name in names:
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                files[os.path.relpath(full, top).replace(os.sep, "/")] = file.read(v.MOST_BYTES + 1)
    return files


def serve():
    for line in sys.stdin.buffer:
        request = json.loads(line)
        given = request.get("options", {})
        against = given.pop("against", None)
        files = {name: base64.b64decode(data) for name, data in request["log"].items()}
        sys.stdout.write(json.dumps(verify_log(files, v.options(**given), against)) + "\n")
        sys.stdout.flush()


def main(arguments):
    parser = v.arguments("Check a published Zapis transparency log.", "dir")
    parser.add_argument("--against", action="append", default=[])
    given = parser.parse_args(arguments)
    if given.serve:
        return serve()
    v.usable(parser, given, given.dir)
    try:
        roots, against = v.read_roots(given.roots), []
        for name in given.against:
            with open(name, encoding="utf-8", newline="") as file:
                against.append(file.read())
        report = verify_log(folder(given.dir), v.options(given.key, given.witness, given.quorum, roots), against)
    except v.UNREADABLE as problem:
        return v.unreadable(problem)
    return v.show(report, given.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

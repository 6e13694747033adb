#!/usr/bin/env python3
"""Makes a fuzz target's first inputs of the crates' fixtures: seed.py TARGET REPOSITORY CORPUS"""

import gzip
import json
import pathlib
import struct
import sys
import tarfile


RINGS = "fash/testdata/rings"


def image(repository):
    rings = repository / RINGS
    for path in rings.glob("*.tar.gz"):
        yield path.name, b"\0" + path.read_bytes()
        yield path.stem, b"\2" + gzip.decompress(path.read_bytes())


def topology_json(repository):
    rings = repository / RINGS
    for path in rings.glob("*.json"):
        yield path.name, path.read_bytes()


def leveldb_directory(repository):
    rings = repository / RINGS
    for path in rings.glob("*.tar.gz"):
        files = b""
        with tarfile.open(path) as tar:
            for member in filter(tarfile.TarInfo.isfile, tar):
                name = pathlib.PurePath(member.name).name.encode()
                contents = tar.extractfile(member).read()
                files += struct.pack("B", len(name)) + name + struct.pack("<I", len(contents)) + contents
        yield path.name, files


def fast_frame(repository):
    frames = json.loads((repository / "moray-client/testdata/fast-frames.json").read_text())["frames"]
    for number, frame in enumerate(frames):
        yield f"payload-{number}", bytes([0x80 + frame["version"] - 1 + 2 * frame["status"]]) + frame["json"].encode()
        yield f"frame-{number}", b"\x10" + bytes.fromhex(frame["frame_hex"])
    yield "stream", b"\x07" + b"".join(bytes.fromhex(frame["frame_hex"]) for frame in frames)


target, repository, corpus = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
seeds = {f.__name__: f for f in (image, topology_json, leveldb_directory, fast_frame)}[target]
for name, contents in seeds(repository):
    # The small ones find more: a run is as fast as its input is short.
    if len(contents) <= 64 * 1024:
        (corpus / name).write_bytes(contents)

#!/usr/bin/env python3
"""Makes a fuzz target's first inputs of the library's fixtures: seed.py TARGET FIXTURES CORPUS"""

import gzip
import pathlib
import struct
import sys
import tarfile


def image(rings):
    for path in rings.glob("*.tar.gz"):
        yield path.name, b"\0" + path.read_bytes()
        yield path.stem, b"\2" + gzip.decompress(path.read_bytes())


def topology_json(rings):
    for path in rings.glob("*.json"):
        yield path.name, path.read_bytes()


def leveldb_directory(rings):
    for path in rings.glob("*.tar.gz"):
        files = b""
        with tarfile.open(path) as tar:
            for member in filter(tarfile.TarInfo.isfile, tar):
                name = pathlib.PurePath(member.name).name.encode()
                contents = tar.extractfile(member).read()
                files += struct.pack("B", len(name)) + name + struct.pack("<I", len(contents)) + contents
        yield path.name, files


target, fixtures, corpus = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
seeds = {f.__name__: f for f in (image, topology_json, leveldb_directory)}[target]
for name, contents in seeds(fixtures / "rings"):
    # The small ones find more: a run is as fast as its input is short.
    if len(contents) <= 64 * 1024:
        (corpus / name).write_bytes(contents)

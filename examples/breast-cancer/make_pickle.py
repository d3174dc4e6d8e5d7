#!/usr/bin/env python3
"""Writes to stdout a pickle that would run `touch MARKER` if anybody loaded it. Nothing here does.

    make_pickle.py MARKER >model.ubj
"""
import shlex
import struct
import sys


def pickle_that_touches(marker):
    command = f"touch {shlex.quote(marker)}".encode()
    return b"".join([
        b"\x80\x02",  # PROTO 2
        b"cposix\nsystem\n",  # GLOBAL posix.system
        b"X" + struct.pack("<I", len(command)) + command,  # BINUNICODE
        b"\x85",  # TUPLE1
        b"R",  # REDUCE: the call
        b".",  # STOP
    ])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.buffer.write(pickle_that_touches(sys.argv[1]))

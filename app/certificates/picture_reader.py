"""The process in which pictures are read: it may use little and has nothing.

It is given a picture on its input and writes what became of it to its output: a line of JSON, then
the bytes. Typst has one thread in it, so that the memory does not go with the machine's processors.
"""

import json
import os
import sys

from app.confined import limit

MEMORY = 1_000_000_000
"""Bytes."""
CPU = 8
"""Seconds."""


def main() -> None:
    """Reads a picture from the input; writes it, or why it is refused."""
    limit(memory=MEMORY, cpu=CPU, files=64)
    os.environ["RAYON_NUM_THREADS"] = "1"  # before Typst looks at it
    from app.certificates.drawings import too_slow
    from app.certificates.pictures import picture_from
    from app.domain.errors import Invalid

    data = b""
    try:
        found = picture_from(sys.stdin.buffer.read())
        said: dict[str, object] = {
            "kind": found.kind,
            "ratio": found.ratio,
            "length": len(found.data),
        }
        data = found.data
    except (Invalid, MemoryError) as error:
        (only,) = (error if isinstance(error, Invalid) else too_slow()).fields
        said = {"refused": [only.field, only.sentence, dict(only.params), only.code]}
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + data)

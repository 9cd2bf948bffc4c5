"""The process in which pictures are read: it may use little and has nothing.

It is given a picture on its input and writes what became of it to its output: a line of JSON, then
the bytes. Typst has one thread in it, so that the memory does not go with the machine's processors.
"""

import json
import os
import sys
from contextlib import suppress

MEMORY = 1_000_000_000
"""Bytes."""
CPU = 8
"""Seconds."""


def limit() -> None:
    """Takes from this process what looking at a picture does not need."""
    if sys.platform == "win32":
        return
    import resource

    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: CPU,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for which, most in limits.items():
        with suppress(ValueError, OSError):  # less is granted already
            resource.setrlimit(which, (most, most))


def main() -> None:
    """Reads a picture from the input; writes it, or why it is refused."""
    limit()
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

"""Typst, as we use it: pages from files in memory, with no way to any other file.

The templates are files of ours. What somebody typed reaches them as JSON, pictures as files that
exist in memory only; of the machine's files a template can read those of templates/certificates.

A compiler serves one thread at a time and is kept for the next; while one sets a page, Python goes
on. A process that was forked from one in which a page has been set already cannot set any (Typst's
threads are not there, and it would wait for them forever): begin processes by spawning.
"""

import os
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import typst

from app.certificates.values import Unprintable
from app.paths import TEMPLATES

ROOT = TEMPLATES / "certificates"
STANDARDS: list[Any] = ["ua-1", "a-2a"]
"""Tagged for those who listen to it, and fit to be kept; both refuse what has no typeface."""

_PROBE = b"""
#set document(title: "-")
#set text(font: ("Libertinus Serif", "New Computer Modern", "DejaVu Sans Mono"))
#sys.inputs.text
"""

# Compilers that nobody uses at the moment, by whether they have the server's own typefaces too.
_idle: Mapping[bool, deque[typst.Compiler]] = {False: deque(), True: deque()}
_process: list[int] = []  # in which the first page was set


def page(files: dict[str, bytes], words: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    """What Typst makes of `main.typ` among the files, in which the strings of `words` are set: with
    its own typefaces, which are the same everywhere, and with the server's where a character asks
    for it.

    Raises:
        Unprintable: characters for which there is no typeface.
        typst.TypstError: the template or a picture cannot be used.
    """
    said = "".join(_strings(words))
    missing = unprintable(said)
    if missing:
        raise Unprintable(missing)
    everywhere = not all(_has_face(c, everywhere=False) for c in _strange(said))
    return run(files, options, everywhere=everywhere)


def unprintable(text: str) -> str:
    """The characters of a text for which neither Typst nor this server has a typeface, each once;
    empty where all can be printed. To be asked before certificates are issued."""
    return "".join(
        c
        for c in _strange(text)
        if not _has_face(c, everywhere=False) and not _has_face(c, everywhere=True)
    )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def _strange(text: str) -> list[str]:
    """Characters that a typeface may lack, each once."""
    return sorted({c for c in text if not c.isascii()})


@lru_cache(maxsize=4096)
def _has_face(character: str, *, everywhere: bool) -> bool:
    options = {"format": "pdf", "pdf_standards": STANDARDS, "sys_inputs": {"text": character}}
    try:
        run({"main.typ": _PROBE}, options, everywhere=everywhere)
    except typst.TypstError:
        return False
    return True


def run(files: dict[str, bytes], options: Mapping[str, Any], *, everywhere: bool = False) -> bytes:
    """What Typst makes of `main.typ` among the files. Raises typst.TypstError."""
    if not _process:
        _process.append(os.getpid())
    if _process[0] != os.getpid():
        raise RuntimeError("this process was forked from one that had set pages; spawn it instead")
    idle = _idle[everywhere]
    try:
        compiler = idle.pop()
    except IndexError:
        compiler = typst.Compiler(root=ROOT, font_paths=_faces(everywhere=everywhere))
    try:
        made = compiler.compile(input=files, **options)
    finally:
        idle.append(compiler)
    assert isinstance(made, bytes)  # one page, and not written to a file
    return made


@lru_cache(maxsize=2)
def _faces(*, everywhere: bool) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=everywhere)

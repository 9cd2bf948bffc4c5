"""Typst, as we use it: pages from files in memory, with no way to any other file.

The templates are files of ours, a folder for each kind of paper. What somebody typed reaches them
as JSON, drawings (SVG) as files that exist in memory only; of the machine's files a template can
read those of its own folder. Typst takes only text from memory, so PNG and JPEG lie in a folder of
their own for as long as a page is set: then that folder is all that it sees of the machine, and the
templates come from memory too.

A compiler serves one thread at a time and is kept for the next; while one sets a page, Python goes
on. A process that was forked from one in which a page has been set already cannot set any (Typst's
threads are not there, and it would wait for them forever): begin processes by spawning.
"""

import io
import os
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import segno
import typst

from app.domain.errors import N_, Clash
from app.paths import TEMPLATES

STANDARDS: list[Any] = ["ua-1", "a-2a"]
"""Tagged for those who listen to it, and fit to be kept; both refuse what has no typeface."""

_PROBE = b"""
#set document(title: "-")
#set text(font: ("Libertinus Serif", "New Computer Modern", "DejaVu Sans Mono"))
#sys.inputs.text
"""

_MASK = 3  # of eight that all can be read; comparing them takes longer than setting the page

_PIXELS = (".png", ".jpg")

# Compilers that nobody uses at the moment, by the folder of their templates, and by whether they
# have the server's own typefaces too.
_idle: dict[tuple[Path, bool], deque[typst.Compiler]] = {}
_process: list[int] = []  # in which the first page was set


class Unprintable(Clash):
    """A name or another text has characters that no typeface of this server has. Installing one
    that has them helps, and so does writing the name otherwise."""

    code = "unprintable"
    sentence = N_("No typeface on this server has these characters: %(characters)s")

    def __init__(self, characters: str) -> None:
        super().__init__(characters=characters)
        self.characters = characters


def page(
    root: Path, files: dict[str, bytes], words: Mapping[str, Any], options: Mapping[str, Any]
) -> bytes:
    """What Typst makes of `main.typ` among the files and those of the folder `root`, in which the
    strings of `words` are set: with its own typefaces, which are the same everywhere, and with the
    server's where a character asks for it.

    Raises:
        Unprintable: characters for which there is no typeface.
        typst.TypstError: the template or a picture cannot be used.
    """
    said = "".join(_strings(words))
    missing = unprintable(said)
    if missing:
        raise Unprintable(missing)
    everywhere = not all(_has_face(c, everywhere=False) for c in _strange(said))
    return run(root, files, options, everywhere=everywhere)


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
    elif isinstance(value, dict):  # alternative text is read aloud, and needs no typeface
        yield from _strings([each for name, each in value.items() if name != "alt"])
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
        run(TEMPLATES / "certificates", {"main.typ": _PROBE}, options, everywhere=everywhere)
    except typst.TypstError:
        return False
    return True


def run(
    root: Path, files: dict[str, bytes], options: Mapping[str, Any], *, everywhere: bool = False
) -> bytes:
    """What Typst makes of `main.typ` among the files and those of the folder `root`. The names of
    the files have no folder in them.

    Raises typst.TypstError.
    """
    if not _process:
        _process.append(os.getpid())
    if _process[0] != os.getpid():
        raise RuntimeError("this process was forked from one that had set pages; spawn it instead")
    pixels = {name: data for name, data in files.items() if name.endswith(_PIXELS)}
    if pixels:
        texts = {name: data for name, data in files.items() if name not in pixels}
        return _run_beside(pixels, {**_templates(root), **texts}, options, everywhere=everywhere)
    idle = _idle.setdefault((root, everywhere), deque())
    try:
        compiler = idle.pop()
    except IndexError:
        compiler = typst.Compiler(root=root, font_paths=_faces(everywhere=everywhere))
    try:
        return _compiled(compiler, files, options)
    finally:
        idle.append(compiler)


def _run_beside(
    pixels: Mapping[str, bytes],
    texts: dict[str, bytes],
    options: Mapping[str, Any],
    *,
    everywhere: bool,
) -> bytes:
    """The same with pictures that are no text. A compiler for one page costs less than a thousandth
    of a second; what Typst remembers goes by what is in a file, not by where it lay."""
    with TemporaryDirectory(prefix="convoca-page-") as place:
        for name, data in pixels.items():
            Path(place, name).write_bytes(data)
        compiler = typst.Compiler(root=Path(place), font_paths=_faces(everywhere=everywhere))
        return _compiled(compiler, texts, options)


def _compiled(
    compiler: typst.Compiler, files: dict[str, bytes], options: Mapping[str, Any]
) -> bytes:
    made = compiler.compile(input=files, **options)
    assert isinstance(made, bytes)  # one page, and not written to a file
    return made


@lru_cache(maxsize=8)
def _templates(root: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in root.glob("*.typ")}


def qr_code(address: str) -> bytes:
    """A QR code as SVG, with a quiet zone, so that it can be read on a tinted ground too."""
    out = io.BytesIO()
    made = segno.make_qr(address, error="m", mask=_MASK, boost_error=False)
    made.save(out, kind="svg", border=2, xmldecl=False, light="white")
    return out.getvalue()


@lru_cache(maxsize=2)
def _faces(*, everywhere: bool) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=everywhere)

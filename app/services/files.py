"""The store of files: by their content, so that the same file is kept once and never changes.

A file's name is the SHA-256 of its bytes in hex. What kind of file it is, its bytes say; what a
browser or a file's name says is not believed. Whatever a browser would run is refused.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path, PurePath
from tempfile import NamedTemporaryFile
from typing import IO, BinaryIO

from sqlmodel import select

from app.db import DbSession
from app.domain.errors import N_, Invalid, NotFound
from app.domain.ids import new_id
from app.domain.report_states import ReportStatus
from app.models import CertificateDesign, Guest, Material, ReportImport
from app.services.media_types import EXTENSIONS, media_type_of

_NAME = re.compile(r"[0-9a-f]{64}\Z")
_UNWANTED = re.compile(
    r'[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"*/:<>?\\|]'
)
_ESCAPES = {"%22": '"', "%0A": "\n", "%0D": "\r"}
"""All that browsers escape in a file's name when they send it."""

MEGABYTE = 1_000_000
"""Bytes, as `languages.file_size` says them to people too."""

RESERVE = 200 * MEGABYTE
"""So much is left free for the database: no file is taken when there is less."""

_CHUNK = 1 << 20
_KEPT_UNUSED = timedelta(days=1)
"""So long a file may lie in the store before a row names it, or after none does."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the store: its name there, its size in bytes, its type by its content."""

    name: str
    size: int
    media_type: str


class FileStore:
    """Files in a folder, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, source: BinaryIO | Path, limit: int, file_name: str = "") -> Stored:
        """Keeps what `source` (a stream from where it stands, or a file) holds.

        It is there entirely or not at all, also after a power cut. `file_name`, as its giver calls
        it, tells a table from other plain text and refuses programs written as text.

        Raises:
            Invalid: at ``file``: ``too_large`` (more than `limit` bytes), ``empty``,
                ``unknown_format``.
        """
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return self.put(stream, limit, file_name)
        incoming = self._folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=incoming, delete=False) as temporary:
            path = Path(temporary.name)
            try:
                name, size = _copy(source, temporary, limit)
                media_type = media_type_of(path, file_name)
                self._settle(path, name)
            finally:
                path.unlink(missing_ok=True)
        return Stored(name, size, media_type)

    def keep(self, data: bytes) -> str:
        """Keeps bytes that are read here and given to nobody, whatever they are. Says their name.

        They are there entirely or not at all, also after a power cut."""
        incoming = self._folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=incoming, delete=False) as temporary:
            path = Path(temporary.name)
            try:
                name, _ = _copy(BytesIO(data), temporary, len(data))
                self._settle(path, name)
            finally:
                path.unlink(missing_ok=True)
        return name

    def has_space(self) -> bool:
        """Whether the disk has room for another file and more than `RESERVE` besides."""
        return free_space(self._folder) > RESERVE

    def path(self, name: str) -> Path:
        """Where a file lies. Raises NotFound where there is none of this name."""
        path = self._place(name)
        if not path.is_file():
            raise NotFound
        return path

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file, to be read. Raises NotFound where there is none of this name."""
        with self.path(name).open("rb") as stream:
            yield stream

    def remove_unused(self, in_use: set[str], now: datetime) -> int:
        """Deletes what no row names, once it has lain there for a day. Says how many.

        It may take a while, and others may put and take away files meanwhile: what comes again
        after `in_use` was read counts as new. To be called outside of any transaction.
        """
        before = (now - _KEPT_UNUSED).timestamp()
        count = 0
        for path in self._folder.glob("*/*"):
            if path.name not in in_use:
                with suppress(FileNotFoundError):
                    count += self._remove(path, before)
        return count

    def _remove(self, path: Path, before: float) -> bool:
        """Deletes a file that is there since `before`; whether it was. Raises FileNotFoundError."""
        if path.stat().st_mtime >= before:
            return False
        if not _NAME.match(path.name):
            path.unlink()
            return True
        # It may come again at this very moment: so we look once more when it is out of the way.
        aside = self._folder / "incoming" / f"{path.name}.{new_id()}"
        aside.parent.mkdir(exist_ok=True)
        path.replace(aside)
        if aside.stat().st_mtime >= before:
            aside.replace(path)
            return False
        aside.unlink()
        return True

    def _place(self, name: str) -> Path:
        if not _NAME.match(name):
            raise NotFound
        return self._folder / name[:2] / name

    def _settle(self, path: Path, name: str) -> None:
        place = self._place(name)
        place.parent.mkdir(exist_ok=True)
        path.replace(place)  # also where it is there: it counts as new, and is not tidied away
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def files_in_use(db: DbSession) -> set[str]:
    """The names of the files that rows name. Four queries. A report is needed for as long as what
    it leaves open may be answered: until it is applied."""
    photos = db.exec(select(Guest.photo).where(Guest.photo != ""))
    reports = db.exec(
        select(ReportImport.digest).where(ReportImport.status == ReportStatus.PREVIEW)
    )
    pictures = {
        picture["file"]
        for logos, signatories in db.exec(
            select(CertificateDesign.logos, CertificateDesign.signatories)
        )
        for picture in (*logos, *(each["signature"] for each in signatories if each["signature"]))
    }
    materials = db.exec(select(Material.file).where(Material.file != ""))
    return {*photos, *reports, *pictures, *materials}


def free_space(folder: Path) -> int:
    """How many bytes we may still write to the disk of a folder, which need not be there yet."""
    there = next(each for each in (folder, *folder.resolve().parents) if each.exists())
    return shutil.disk_usage(there).free


def download_name(file_name: str, media_type: str) -> str:
    """A name to save a file under: of what its giver called it the last part, without what file
    systems and headers take amiss, with the ending that its type has."""
    stem = stem_of(file_name, media_type)
    return f"{stem or 'file'}.{EXTENSIONS.get(media_type, 'bin')}"


def stem_of(file_name: str, media_type: str) -> str:
    """The same without an ending; empty where nothing is left of it."""
    for escape, character in _ESCAPES.items():
        file_name = file_name.replace(escape, character)
    stem = PurePath(file_name.replace("\\", "/")).name
    wanted = EXTENSIONS.get(media_type, "bin")
    if stem.lower().endswith(f".{wanted}"):
        stem = stem[: -len(wanted) - 1]
    return _UNWANTED.sub("", stem).strip(" .")[:150]


def _copy(source: BinaryIO, to: IO[bytes], limit: int) -> tuple[str, int]:
    """Digest and size of what was written, which is on the disk then."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise Invalid.one(
                "file",
                N_("This file is too large: at most %(limit)s MB."),
                code="too_large",
                limit=limit // MEGABYTE,
            )
        digest.update(chunk)
        to.write(chunk)
    if not size:
        raise Invalid.one("file", N_("Choose a file that holds something."), code="empty")
    to.flush()
    os.fsync(to.fileno())
    return digest.hexdigest(), size

"""The store of files: by content, entirely or not at all, and nothing that would be run."""

import hashlib
import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from app.db import DbSession
from app.domain.errors import Invalid, NotFound
from app.models import Material
from app.services.files import FileStore, Stored, download_name, files_in_use
from tests.factories import Make

LIMIT = 1000
PDF = b"%PDF-1.7\n..."


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def zipped(*names: str, first: tuple[str, str] | None = None) -> bytes:
    to = io.BytesIO()
    with ZipFile(to, "w") as archive:
        if first:
            archive.writestr(ZipInfo(first[0]), first[1])
        for name in names:
            archive.writestr(ZipInfo(name), "x")  # all of the same day: tests are named by it
    return to.getvalue()


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_a_file_is_kept_once_under_its_digest(store: FileStore, tmp_path: Path) -> None:
    name = hashlib.sha256(PDF).hexdigest()
    assert store.put(io.BytesIO(PDF), LIMIT) == Stored(name, len(PDF), "application/pdf")
    (tmp_path / "again").write_bytes(PDF)
    assert store.put(tmp_path / "again", LIMIT) == Stored(name, len(PDF), "application/pdf")
    with store.open(name) as stream:
        assert stream.read() == PDF
    assert files_in(tmp_path / "files") == [name]


@pytest.mark.parametrize("name", ["", "..", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_name_that_is_no_digest_leads_nowhere(store: FileStore, name: str) -> None:
    store.put(io.BytesIO(PDF), LIMIT)
    with pytest.raises(NotFound):
        store.path(name)


def test_what_is_not_there_is_not_found(store: FileStore) -> None:
    with pytest.raises(NotFound):
        store.path("a" * 64)


@pytest.mark.parametrize(("size", "code"), [(LIMIT + 1, "too_large"), (0, "empty")])
def test_what_is_refused_leaves_nothing(
    store: FileStore, tmp_path: Path, size: int, code: str
) -> None:
    with pytest.raises(Invalid) as error:
        store.put(io.BytesIO(b"%PDF-"[:size].ljust(size)), LIMIT)
    assert [(f.field, f.code) for f in error.value.fields] == [("file", code)]
    assert files_in(tmp_path) == []


def test_a_stream_that_breaks_leaves_nothing(store: FileStore, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError("the line is down")
            return super().read(4)

    with pytest.raises(OSError, match="the line is down"):
        store.put(Broken(PDF), LIMIT)
    assert files_in(tmp_path) == []


OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN = "application/vnd.oasis.opendocument."


@pytest.mark.parametrize(
    ("content", "file_name", "media_type"),
    [
        (PDF, "x.html", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "", "image/png"),
        (b"\xff\xd8\xff\xe0..", "", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "", "image/webp"),
        (b"GIF89a....", "", "image/gif"),
        (b"\x00\x00\x00\x20ftypisom....", "", "video/mp4"),
        (b"\x00\x00\x00\x20ftypM4A ....", "", "audio/mp4"),
        (b"ID3\x04....", "", "audio/mpeg"),
        (b"\xff\xfb\x90..", "", "audio/mpeg"),
        (
            zipped("[Content_Types].xml", "ppt/presentation.xml"),
            "",
            f"{OFFICE}presentationml.presentation",
        ),
        (
            zipped("[Content_Types].xml", "word/document.xml"),
            "",
            f"{OFFICE}wordprocessingml.document",
        ),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "", f"{OFFICE}spreadsheetml.sheet"),
        (zipped(first=("mimetype", f"{OPEN}presentation")), "", f"{OPEN}presentation"),
        (zipped("a.txt"), "", "application/zip"),
        ("naïve, 3\n".encode(), "notes.txt", "text/plain"),
        ("\ufeffa;b\n".encode(), "LIST.CSV", "text/csv"),
        (b"caf\xe9;\x80\r\n", "list.csv", "text/csv"),
        (b"caf\xe9", "x.txt", "text/plain"),
        ("café\n".encode("utf-16"), "x.txt", "text/plain"),
        ("\ufeffa;b\n".encode("utf-16-be"), "x.csv", "text/csv"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHola\n", "es.vtt", "text/vtt"),
        (
            b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm",
            "",
            "video/webm",
        ),
        (b"\x00\x00\x00\x14ftypqt  ....", "", "video/quicktime"),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", "IMG.MOV", "video/quicktime"),
    ],
)
def test_the_bytes_say_what_it_is(
    store: FileStore, content: bytes, file_name: str, media_type: str
) -> None:
    assert store.put(io.BytesIO(content), LIMIT, file_name).media_type == media_type


def lying_zip() -> bytes:
    """Says that its table of contents is of gigabytes."""
    data = bytearray(zipped("a.txt"))
    place = data.rfind(b"PK\x05\x06")
    data[place + 12 : place + 16] = b"\xff\xff\xff\x7f"
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "file_name"),
    [
        (b"<!doctype html><script>", "x.txt"),
        (b"\n  <svg xmlns='http://www.w3.org/2000/svg'>", "x.png"),
        ("\ufeff<?xml version='1.0'?>".encode(), ""),
        (b"#!/bin/sh\n", ""),
        (b"alert(1)", "x.js"),
        (b"echo", "x.bat"),
        (b"{\\rtf1", "x.txt"),
        (b"MZ\x90\x00", "x.pdf"),
        (b"\x7fELF\x02", ""),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "x.doc"),
        (b"\xff\xfe<\x00", "x.txt"),
        (b"caf\xe9", ""),
        (b"caf\x81", "x.txt"),
        ("\ufeff <html>".encode("utf-16-be"), "x.txt"),
        (b"\xff\xfe\x00", "x.txt"),
        (b"<script>\xe9", "x.csv"),
        (b"WEBVTT\xe9", "x.vtt"),
        (b"1\n00:01 --> 00:02\n", "x.vtt"),
        (b"\x1aE\xdf\xa3\xa3B\x82\x88matroska", "x.webm"),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", "x.pdf"),
        (zipped("[Content_Types].xml", "ppt/presentation.xml", "ppt/VBAPROJECT.BIN"), "x.pptx"),
        (zipped("meta-inf/manifest.mf"), "x.zip"),
        (zipped(".\\Meta-Inf\\Manifest.MF"), "x.zip"),
        (b"a\x00b", "x.txt"),
        (zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "x.docx"),
        (zipped("[Content_Types].xml"), "x.docx"),
        (zipped("META-INF/MANIFEST.MF"), "x.zip"),
        (zipped(first=("mimetype", "text/html")), "x.odt"),
        (zipped("a.txt")[:-30], "x.zip"),
        (lying_zip(), "x.zip"),
        (b"\x00\x00\x00\x20ftypheic....", "x.mp4"),
    ],
)
def test_what_a_browser_or_a_computer_would_run_is_refused(
    store: FileStore, tmp_path: Path, content: bytes, file_name: str
) -> None:
    with pytest.raises(Invalid) as error:
        store.put(io.BytesIO(content), LIMIT, file_name)
    assert [(f.field, f.code) for f in error.value.fields] == [("file", "unknown_format")]
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("given", "media_type", "name"),
    [
        ("Slides.PDF", "application/pdf", "Slides.pdf"),
        ("C:\\Users\\ana\\Panel 2.pptx", f"{OFFICE}presentationml.presentation", "Panel 2.pptx"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("page.html", "application/pdf", "page.html.pdf"),
        ('a"b\r\nc\u202efdp.exe', "application/pdf", "abcfdp.exe.pdf"),
        ("a%22b%0Ac%0D%0a.pdf", "application/pdf", "abc%0a.pdf"),
        ("", "image/png", "file.png"),
        ("...", "image/png", "file.png"),
        ("ñ" * 300, "image/png", "ñ" * 150 + ".png"),
    ],
)
def test_a_name_to_save_it_under(given: str, media_type: str, name: str) -> None:
    assert download_name(given, media_type) == name


def test_what_no_row_names_goes_after_a_day(
    store: FileStore, tmp_path: Path, db: DbSession, make: Make
) -> None:
    now = datetime.now(UTC)
    kept, gone, new = (store.put(io.BytesIO(PDF + each), LIMIT).name for each in (b"1", b"2", b"3"))
    session = make.session(make.cycle())
    db.add(Material(session_id=session.id, kind="slides", title="x", file=kept))
    db.flush()
    for name in (kept, gone):
        os.utime(store.path(name), times=(0, (now - timedelta(hours=25)).timestamp()))
    assert store.remove_unused(files_in_use(db), now) == 1
    assert files_in(tmp_path) == sorted([kept, new])


def test_what_comes_again_counts_as_new(store: FileStore, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    name = store.put(io.BytesIO(PDF), LIMIT).name
    os.utime(store.path(name), times=(0, 0))
    store.put(io.BytesIO(PDF), LIMIT)
    assert store.remove_unused(set(), now) == 0


def test_what_comes_again_while_it_is_being_deleted_stays(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    name = store.put(io.BytesIO(PDF), LIMIT).name
    place = store.path(name)
    os.utime(place, times=(0, 0))
    stat = Path.stat
    again = [place]

    def looked(path: Path, **values: bool) -> os.stat_result:
        found = stat(path, **values)
        if path in again:
            again.clear()
            store.put(io.BytesIO(PDF), LIMIT)
        return found

    monkeypatch.setattr(Path, "stat", looked)
    assert store.remove_unused(set(), now) == 0
    assert again == []
    assert files_in(tmp_path) == [name]


def test_what_vanishes_meanwhile_stops_nothing(store: FileStore) -> None:
    name = store.put(io.BytesIO(PDF), LIMIT).name
    os.utime(store.path(name), times=(0, 0))
    folder = store.path(name).parent
    for place in (folder, folder.parent / "incoming"):
        (place / "a").symlink_to(folder / "gone")
        (place / "z").symlink_to(folder / "gone")
    assert store.remove_unused(set(), datetime.now(UTC)) == 1


def test_an_upload_that_was_given_up_goes_after_a_day(store: FileStore) -> None:
    name = store.put(io.BytesIO(PDF), LIMIT).name
    left = store.path(name).parent.parent / "incoming" / "tmpx"
    left.write_bytes(b"half")
    os.utime(left, times=(0, 0))
    assert store.remove_unused(set(), datetime.now(UTC)) == 1
    assert not left.exists()

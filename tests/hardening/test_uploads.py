"""Files that are two things at once: whatever is taken comes out as something to be saved, as what
its bytes are, from an address where nothing runs."""

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from app.domain.errors import Invalid
from app.models import Material
from app.services.files import FileStore, download_name
from app.services.media_types import EXTENSIONS
from app.web.downloads import send_material

PAGE = b"<!doctype html><script>alert(1)</script>"


def zipped(**entries: bytes) -> bytes:
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return to.getvalue()


GIF = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
BOTH: dict[str, tuple[str, bytes]] = {
    "a PDF and a page": ("talk.html", b"%PDF-1.7\n" + PAGE),
    "a page within a PDF": ("talk.pdf.html", b"%PDF-1.7\n1 0 obj\n" + PAGE + b"\n%%EOF"),
    "a GIF and a script": ("a.js", b"GIF89a/*" + GIF[8:] + b"*/=1;alert(1)"),
    "a GIF and a program": ("a.jar", GIF + zipped(META_dot_x=b"x")),
    "a PNG and a page": ("a.svg", b"\x89PNG\r\n\x1a\n" + PAGE),
    "a JPEG and PHP": ("a.php.jpg", b"\xff\xd8\xff\xe0<?php system($_GET[0]); ?>"),
    "MP3 and a page": ("a.xhtml", b"ID3\x03\0\0\0\0\0\0" + PAGE),
    "a zip with a page": ("a.zip", zipped(index_dot_html=PAGE)),
}
NEVER: dict[str, tuple[str, bytes]] = {
    "a page": ("a.txt", PAGE),
    "a page after a mark": ("a.txt", b"\xef\xbb\xbf \r\n" + PAGE),
    "a page before a PDF": ("a.pdf", PAGE + b"%PDF-1.7"),
    "SVG": ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "SVG as text": ("a.txt", b"<?xml version='1.0'?><svg onload='alert(1)'/>"),
    "a program": ("a.pdf", b"MZ\x90\0"),
    "ELF": ("a.png", b"\x7fELF\x02\x01\x01"),
    "a script": ("a.pdf", b"#!/bin/sh\nid\n"),
    "a program for Java": ("a.zip", zipped(**{"META-INF__MANIFEST_dot_MF": b"x"})),
    "macros": ("a.pptx", zipped(**{"[Content_Types]_dot_xml": b"", "x__vbaProject_dot_bin": b""})),
}  # fmt: skip
NAMES = [
    "../../etc/passwd", "..\\..\\boot.ini", 'a".pdf', "a\r\nX-Evil: 1.pdf", "a\u202efdp.exe",
    "a.pdf\0.html", "%0d%0aX-Evil: 1", "a\u2028b", "\ud800.pdf", "=?utf-8?q?x?=.pdf", "ñ漢😀.pdf",
    "con", "", ";x=y.pdf",
    "." * 300, "x" * 5000 + ".pdf.exe", "'; filename=evil.html",
]  # fmt: skip


def sent(store: FileStore, file: str, media_type: str, name: str) -> Any:
    row = Material(session_id="s", kind="slides", title="t", file=file, media_type=media_type)
    row.file_name = download_name(name, media_type)
    state = SimpleNamespace(state=SimpleNamespace(files=store))
    scope = {"type": "http", "method": "GET", "headers": [], "app": state, "path": "/x"}
    return send_material(Request(scope), row)


@pytest.mark.parametrize("what", BOTH)
def test_what_is_taken_is_only_saved(tmp_path: Path, what: str) -> None:
    store = FileStore(tmp_path)
    name, data = BOTH[what]
    stored = store.put(io.BytesIO(data), 10_000, name)
    answer = sent(store, stored.name, stored.media_type, name)
    headers = dict(answer.headers)
    assert stored.media_type in EXTENSIONS
    assert headers["content-type"] == stored.media_type
    assert not headers["content-type"].startswith(("text/html", "image/svg", "application/xhtml"))
    kind, _, saved = headers["content-disposition"].partition(";")
    assert kind == "attachment"
    assert saved.strip('"').endswith(f".{EXTENSIONS[stored.media_type]}")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize("what", NEVER)
def test_what_a_browser_or_a_machine_would_run_is_not_taken(tmp_path: Path, what: str) -> None:
    name, data = NEVER[what]
    with pytest.raises(Invalid):
        FileStore(tmp_path).put(io.BytesIO(data), 10_000, name)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_one_name(tmp_path: Path, name: str) -> None:
    store = FileStore(tmp_path)
    stored = store.put(io.BytesIO(b"%PDF-1.7\n"), 100, name)
    answer = sent(store, stored.name, stored.media_type, name)
    (said,) = [value for key, value in answer.raw_headers if key == b"content-disposition"]
    assert said.isascii()
    assert said.startswith(b"attachment; filename")
    for inside in (b"\r", b"\n", b"/", b"\\", b"%0D", b"%0A", b"%E2%80%AE", b"%00"):
        assert inside not in said
    assert said.count(b'"') in (0, 2)
    assert said.rstrip(b'"').endswith(b".pdf")
    assert len(said) < 1000

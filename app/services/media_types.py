"""What kind of file it is, by its bytes."""

import codecs
import contextlib
import re
import struct
from pathlib import Path, PurePath
from zipfile import BadZipFile, ZipFile

from app.domain.errors import N_, Invalid

PDF = "application/pdf"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
PPTX = f"{_OFFICE}presentationml.presentation"
DOCX = f"{_OFFICE}wordprocessingml.document"
XLSX = f"{_OFFICE}spreadsheetml.sheet"
ODP, ODT, ODS = f"{_OPEN}presentation", f"{_OPEN}text", f"{_OPEN}spreadsheet"

EXTENSIONS = {
    PDF: "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    PPTX: "pptx",
    DOCX: "docx",
    XLSX: "xlsx",
    ODP: "odp",
    ODT: "odt",
    ODS: "ods",
    "application/zip": "zip",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "text/plain": "txt",
    "text/csv": "csv",
    "text/vtt": "vtt",
}
"""Every type that the store takes, with the ending of its files."""

_STARTS = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
)
_VIDEO = frozenset((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1"))
_VIDEO |= {b"M4V ", b"MSNV", b"dash"}
_DOCUMENTS = {"ppt/presentation.xml": PPTX, "word/document.xml": DOCX, "xl/workbook.xml": XLSX}
_OPEN_DOCUMENTS = {each.encode(): each for each in (ODP, ODT, ODS)}
_QUICKTIME = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip"))  # of old, without "ftyp"
_TEXTS = {
    "": "text/plain",
    ".txt": "text/plain",
    ".md": "text/plain",
    ".csv": "text/csv",
    ".vtt": "text/vtt",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MAX_DIRECTORY = 4_000_000  # bytes of a zip's table of contents: what is read at once
_MAX_TEXT = 10_000_000  # bytes


def media_type_of(path: Path, file_name: str = "") -> str:
    """One of `EXTENSIONS`.

    Raises Invalid at ``file`` (``unknown_format``) for anything else: pages, vector pictures,
    programs, macros, what is not what it begins like.
    """
    with path.open("rb") as stream:
        start = stream.read(64)
    found = ""
    if start.startswith(b"PK\x03\x04"):
        found = _zip_type(path)
    elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        found = "image/webp"
    elif start[4:8] == b"ftyp":
        found = "audio/mp4" if start[8:12] == b"M4A " else ""
        found = "video/mp4" if start[8:12] in _VIDEO else found
        found = "video/quicktime" if start[8:12] == b"qt  " else found
    elif start[4:8] in _QUICKTIME and file_name.lower().endswith(".mov"):
        found = "video/quicktime"
    elif start.startswith(b"\x1aE\xdf\xa3"):
        found = "video/webm" if b"\x42\x82\x84webm" in start else ""
    else:
        found = next((kind for magic, kind in _STARTS if start.startswith(magic)), "")
        found = found or _text_type(path, file_name)
    if not found:
        raise Invalid.one(
            "file",
            N_(
                "We do not take this kind of file. Use PDF, PowerPoint, Word or Excel without "
                "macros (.pptx, .docx, .xlsx), OpenDocument, a picture, MP4, WebM, MOV, MP3, ZIP, "
                "subtitles (.vtt) or plain text."
            ),
            code="unknown_format",
        )
    return found


def _zip_type(path: Path) -> str:
    """Office's files are zips. Nothing in it is unpacked but the line that names its type."""
    if not _has_small_directory(path):
        return ""
    try:
        with ZipFile(path) as archive:
            # Whoever opens it may not care about the case of names.
            entries = {_plain_name(entry.filename): entry for entry in archive.infolist()}
            if any(name.endswith("vbaproject.bin") for name in entries):
                return ""
            if "meta-inf/manifest.mf" in entries or "androidmanifest.xml" in entries:
                return ""  # programs for Java and phones
            if "[content_types].xml" in entries:
                return next((t for name, t in _DOCUMENTS.items() if name in entries), "")
            kind = entries.get("mimetype")
            if kind is not None:
                if kind.file_size > 100:
                    return ""
                return _OPEN_DOCUMENTS.get(archive.read(kind).strip(), "")
            return "application/zip"
    except (BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError):
        return ""


def _plain_name(name: str) -> str:
    return name.replace("\\", "/").lower().lstrip("./")


def _has_small_directory(path: Path) -> bool:
    """Whether the table of contents is of a size to be read into memory."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - 65_557))  # the end's record, with the longest comment
        end = stream.read()
    place = end.rfind(b"PK\x05\x06")
    if place < 0 or len(end) < place + 22 or b"PK\x06\x07" in end:  # cut off, or a zip of gigabytes
        return False
    (length,) = struct.unpack_from("<I", end, place + 12)
    return bool(length <= _MAX_DIRECTORY)


def _text_type(path: Path, file_name: str) -> str:
    """Plain text that nothing would run or show as a page: in UTF-8, in UTF-16 that says so, and in
    Windows-1252, as Excel writes it, where the name says that it is text."""
    suffix = PurePath(file_name).suffix.lower()
    kind = _TEXTS.get(suffix, "")
    if not kind or path.stat().st_size > _MAX_TEXT:
        return ""
    text = _decoded(path.read_bytes(), windows=bool(suffix) and kind != "text/vtt")
    if text is None or _CONTROL.search(text):
        return ""
    if text.lstrip().startswith(("<", "#!", "%!", "{\\rtf")):
        return ""
    return "" if kind == "text/vtt" and not text.startswith("WEBVTT") else kind


def _decoded(data: bytes, *, windows: bool) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", *(["cp1252"] if windows else [])]
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(encoding)
    return None

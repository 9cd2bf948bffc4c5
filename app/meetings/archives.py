"""What is in a workbook, looked at before anything is unpacked.

A workbook is a ZIP archive of XML. What the archive says of itself is checked first (how many
entries, how large they will be), then each part that is needed is unpacked as far as was said and
no further, and what its XML must not have is looked for in its bytes. Only the standard library is
used: this runs in the process that is limited, before anything else is loaded there.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice, pairwise

from app.domain.errors import N_
from app.meetings.refusals import MEGABYTE, Refused, too_many_columns, too_many_rows

UNPACKED = 20 * MEGABYTE
"""Bytes that a workbook may have unpacked."""
MOST_ROWS = 20_000
"""Rows of a workbook, empty ones too: reading one takes longer than reading text."""
_MOST_CELLS = 250_000
_MOST_TAGS = (8, 100_000)  # for each cell and row (they have four to six), and of all else
# Bytes of what is beside the cells: a report has little of it, and reading it takes long.
_MOST_BESIDE = 1 * MEGABYTE
_MOST_STRINGS = 10 * MEGABYTE
_MOST_ENTRIES = 500
_MOST_DIRECTORY = 128 * 1024  # bytes
_MOST_RATIO = 200  # text in XML is packed to a tenth, seldom to a fiftieth
_SMALL = 256 * 1024  # bytes; what unpacks to no more than that may be as dense as it likes
_END = b"PK\x05\x06"
_TAIL = 65_536 + 22  # bytes, in which the end of the directory lies
_PART = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels"
    r"|xl/sharedStrings\.xml|xl/styles\.xml|xl/worksheets/[^/]+\.xml",
    re.IGNORECASE,
)
_ROWS = re.compile(rb"<(?:\w{1,20}:)?row[\s/>]")
_CELLS = re.compile(rb"<(?:\w{1,20}:)?c[\s/>]")
_FAR = re.compile(rb"""\sr\s?=\s?["'][A-Za-z]{3,}(\d{1,7})["']""")
_WIDE = 4 * 1_000  # bytes, in which no more than a thousand cells have room
_MOST_FAR = 100  # cells beyond column ZZ: each makes its row as long as the sheet is wide
_ENCODING = re.compile(rb"""encoding\s{0,9}=\s{0,9}["']([^"']{1,40})["']""")

_DAMAGED = N_("This workbook is damaged. Open it, save it again, and upload that.")
_NO_WORKBOOK = N_("This is a packed archive. Unpack it, and upload the report itself.")
_OPEN_DOCUMENT = N_("This is an OpenDocument spreadsheet. Save it as CSV or XLSX, and upload that.")
_BINARY = N_("This is a workbook in the XLSB format. Save it as CSV or XLSX, and upload that.")
_MACROS = N_("This workbook has macros. Save it as XLSX without them, and upload that.")
_LOCKED = N_("This workbook is encrypted. Save it without a password, and upload that.")
_CELLS_LIMIT = N_("This workbook has more than %(limit)s cells. Save it as CSV, and upload that.")
_STUFFED = N_(
    "This workbook has far more in it than a table. Copy the table into a new one, and upload that."
)
_BOMB = N_("This workbook unpacks to more than %(limit)s MB. No attendance report does.")
_ENTITIES = N_("This workbook defines entities of its own, which no spreadsheet program writes.")
_TOO_MANY = N_("This archive has more parts than a workbook has.")


def damaged() -> Refused:
    """It cannot be read."""
    return Refused(_DAMAGED, code="damaged")


def bomb() -> Refused:
    """It is much larger than it looks."""
    return Refused(_BOMB, code="hostile", limit=UNPACKED // MEGABYTE)


def lean(data: bytes) -> bytes:
    """The workbook with nothing in it but what its cells are read from, not packed.

    Raises Refused for what is no workbook, is larger than it may be, or has in it what a report
    has not.
    """
    _look_at_the_end(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            wanted = _wanted(archive.infolist())
            parts = {info.filename: _unpacked(archive, info) for info in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, RuntimeError, KeyError):
        raise damaged() from None
    except (NotImplementedError, struct.error):
        raise damaged() from None
    _look_at_the_parts(parts)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as kept:
        for name, part in parts.items():
            kept.writestr(name, part)
    return out.getvalue()


def _look_at_the_end(data: bytes) -> None:
    """Before the library reads the directory, however long that is."""
    tail = data[-_TAIL:]
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise damaged()
    count, size = struct.unpack("<HI", tail[at + 10 : at + 16])
    if count > _MOST_ENTRIES or size > _MOST_DIRECTORY:
        raise Refused(_TOO_MANY, code="hostile")


def _wanted(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The entries that cells are read from. Raises Refused by what the directory says."""
    names = {info.filename.lower() for info in entries}
    if "mimetype" in names or "content.xml" in names:
        raise Refused(_OPEN_DOCUMENT, code="wrong_kind")
    if "xl/workbook.bin" in names:
        raise Refused(_BINARY, code="wrong_kind")
    if "[content_types].xml" not in names or not any(n.startswith("xl/") for n in names):
        raise Refused(_NO_WORKBOOK, code="wrong_kind")
    if any(name.rsplit("/", 1)[-1] == "vbaproject.bin" for name in names):
        raise Refused(_MACROS, code="wrong_kind")
    if len(entries) > _MOST_ENTRIES:
        raise Refused(_TOO_MANY, code="hostile")
    if any(info.flag_bits & 1 for info in entries):
        raise Refused(_LOCKED, code="wrong_kind")
    # All of them, also those that are left out: a workbook with a bomb beside it is not one.
    if sum(info.file_size for info in entries) > UNPACKED:
        raise bomb()
    for info in entries:
        dense = info.file_size > _MOST_RATIO * max(info.compress_size, 1)
        if dense and info.file_size > _SMALL:
            raise bomb()
    if len(names) != len(entries):
        raise damaged()  # two of one name: two programs would see two different workbooks
    return [info for info in entries if _PART.fullmatch(info.filename)]


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One entry, as far as the directory said that it goes."""
    with archive.open(info) as part:
        found = part.read(info.file_size + 1)
    if len(found) != info.file_size:
        raise damaged()
    return found


def _look_at_the_parts(parts: dict[str, bytes]) -> None:
    rows = cells = tags = 0
    for name, part in parts.items():
        encoding = _ENCODING.search(part[:200])
        if encoding and encoding[1].lower() not in (b"utf-8", b"us-ascii"):
            raise damaged()
        if b"\0" in part:
            raise damaged()
        if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
            raise Refused(_ENTITIES, code="hostile")
        lower = name.lower()
        if not lower.startswith("xl/worksheets/"):
            if len(part) > (_MOST_STRINGS if lower == "xl/sharedstrings.xml" else _MOST_BESIDE):
                raise Refused(_STUFFED, code="hostile")
            continue
        begins = [found.start() for found in islice(_ROWS.finditer(part), MOST_ROWS - rows + 1)]
        rows += len(begins)
        if rows > MOST_ROWS:
            raise too_many_rows(MOST_ROWS)
        _look_at_the_rows(part, [*begins, len(part)])
        cells += _count(_CELLS.finditer(part), _MOST_CELLS - cells)
        tags += part.count(b"<")
        if cells > _MOST_CELLS:
            raise Refused(_CELLS_LIMIT, code="too_large", limit=_MOST_CELLS)
        if tags > _MOST_TAGS[0] * (rows + cells) + _MOST_TAGS[1]:
            raise Refused(_STUFFED, code="hostile")
        if far := next(islice(_FAR.finditer(part), _MOST_FAR, None), None):
            raise too_many_columns(int(far[1]))


def _look_at_the_rows(part: bytes, bounds: list[int]) -> None:
    """Whether one row is many times as wide as a table: the library would make all of it first."""
    for place, (begin, end) in enumerate(pairwise(bounds), 1):
        if (
            end - begin > _WIDE
            and _count(_CELLS.finditer(part, begin, end), _WIDE // 4) > _WIDE // 4
        ):
            raise too_many_columns(place)


def _count(found: Iterator[object], most: int) -> int:
    """How many there are; one more than `most` where there are more."""
    count = 0
    for _ in found:
        count += 1
        if count > most:
            break
    return count

"""What a file is, by its first bytes: its name says nothing about that."""

from app.domain.errors import N_
from app.meetings.refusals import Refused

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECRET = "EncryptedPackage".encode("utf-16-le")

_PROGRAM = N_("This is a program, whatever its name ends in, and no attendance report.")
_PDF = N_("This is a PDF. Download the report as CSV, or save it as CSV or XLSX, and upload that.")
_ARCHIVE = N_("This is a packed archive. Unpack it, and upload the report itself.")
_PICTURE = N_("This is a picture. Download the report as CSV, and upload that.")
_OLD = N_("This is a workbook in the old XLS format. Save it as CSV or XLSX, and upload that.")
_LOCKED = N_(
    "This workbook is protected with a password. Save it as CSV or as XLSX without one, and upload "
    "that."
)
_PAGE = N_(
    "This is a web page, whatever its name ends in. Open it with a spreadsheet program, save it as "
    "CSV or XLSX, and upload that."
)
_XML = N_("This is an XML file. Save it as CSV or XLSX, and upload that.")
_DOCUMENT = N_("This is a text document. Save its table as CSV or XLSX, and upload that.")
_DATA = N_("This is a file for programs (JSON). Download the report as CSV, and upload that.")
_DATABASE = N_("This is a database. Save its table as CSV or XLSX, and upload that.")

_BEGINNINGS = (
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
    (b"\xfe\xed\xfa", _PROGRAM),
    (b"\xcf\xfa\xed\xfe", _PROGRAM),
    (b"\xca\xfe\xba\xbe", _PROGRAM),
    (b"#!", _PROGRAM),
    (b"%PDF", _PDF),
    (b"Rar!", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"{\\rtf", _DOCUMENT),
    (b"SQLite format 3", _DATABASE),
    # BIFF 2 to 4: worksheets that were never in a container.
    (b"\x09\x00\x04\x00", _OLD),
    (b"\x09\x02\x06\x00", _OLD),
    (b"\x09\x04\x06\x00", _OLD),
)
_TAGS = ("<!doctype html", "<html", "<table", "<head", "<body", "<meta", "<style", "<div")


def is_zip(data: bytes) -> bool:
    """Whether it may be a workbook. Raises Refused where it is a file of a kind that is not read.

    MZ and PK are letters that a name may begin with, so what follows has a say.
    """
    head = data[:8]
    for beginning, sentence in _BEGINNINGS:
        if head.startswith(beginning) or (len(beginning) > 8 and data.startswith(beginning)):
            if beginning == b"MZ" and b"\0" not in data[:256]:
                continue
            raise Refused(sentence, code="wrong_kind")
    if head == _OLE:
        raise Refused(_LOCKED if _SECRET in data else _OLD, code="wrong_kind")
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def refuse_markup(text: str) -> None:
    """Raises Refused where a text is a page or XML."""
    start = text[:2_000].lstrip().lower()
    if start.startswith("mime-version:") or any(start.startswith(tag) for tag in _TAGS):
        raise Refused(_PAGE, code="wrong_kind")
    if start.startswith(('{"', '[{"', "[[")):
        raise Refused(_DATA, code="wrong_kind")
    if start.startswith(("<?xml", "<!")):
        raise Refused(_PAGE if "<html" in start or "<table" in start else _XML, code="wrong_kind")

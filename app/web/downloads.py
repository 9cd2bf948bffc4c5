"""Files that are downloaded."""

import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.domain.errors import NotFound
from app.models import Material
from app.services.files import FileStore

_ONE = r"[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18}"
_RANGE = re.compile(rf"\s*bytes\s*=\s*({_ONE})(\s*,\s*({_ONE}))*\s*", re.IGNORECASE)
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


def download(data: bytes, media_type: str, name: str) -> Response:
    """A file under a name of ASCII letters, digits, dots and hyphens (slugs are nothing else)."""
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "private, no-store",
    }
    return Response(data, media_type=media_type, headers=headers)


def send_material(request: Request, row: Material, *, cache: str = "private, no-cache") -> Response:
    """The file of a material, whole or in part (Range), as something to be saved: wherever it is
    opened all the same, nothing in it runs. Raises NotFound for a link.

    A file in the store never changes, so its name is its ETag, and is all that If-None-Match needs.
    """
    if not row.file:
        raise NotFound
    store: FileStore = request.app.state.files
    headers = {
        "content-type": row.media_type,  # without a charset, which may be another one
        "cache-control": cache,
        "content-security-policy": _SANDBOX,
        "etag": f'"{row.file}"',
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex",
    }
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    path = store.path(row.file)
    if not _is_range(request.headers.get("range", "")):
        scope = request.scope
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"range"]
    return FileResponse(path, headers=headers, media_type=row.media_type, filename=row.file_name)


def _is_range(header: str) -> bool:
    """Whether it asks for parts of the file. What is no such wish is as if it were not there (RFC
    9110, 14.2): the framework would refuse it."""
    if not _RANGE.fullmatch(header):
        return False
    ends = [one.split("-") for one in header.partition("=")[2].replace(" ", "").split(",")]
    return all(int(start) <= int(end) for start, end in ends if start and end)

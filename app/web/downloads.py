"""Files that are downloaded."""

from starlette.responses import Response


def download(data: bytes, media_type: str, name: str) -> Response:
    """A file under a name of ASCII letters, digits, dots and hyphens (slugs are nothing else)."""
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "private, no-store",
    }
    return Response(data, media_type=media_type, headers=headers)

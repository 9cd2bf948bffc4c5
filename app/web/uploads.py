"""Files that people send: streamed to the disk, from those who may, with no transaction open.

A route that takes one has an address that ends in ``/upload`` (elsewhere bodies are small), and
asks for the upload before the database::

    @router.post("/part/{token}/photo/upload")
    def upload_photo(request: Request, upload: GuestUpload, db: Db, files: Files, …):

Dependencies are met in that order. The other way round whoever sends slowly would hold the
database, and on SQLite everybody with it.
"""

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from app.db import Database, DbSession
from app.domain.errors import N_, Invalid, NotSignedIn
from app.services import accounts
from app.services.files import MEGABYTE, FileStore, Stored
from app.services.guests import guest_of_link
from app.services.photos import photo_from
from app.web.forms import Form
from app.web.security import COOKIE

MATERIAL_LIMIT = 50 * MEGABYTE
PHOTO_LIMIT = 10 * MEGABYTE
_MAX_FIELDS = 50
_MAX_FIELD = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with at most one file. Without one `file` is None; `file_name` is what the browser
    calls it, and not to be believed."""

    form: Form
    file: BinaryIO | None
    file_name: str

    def put(self, store: FileStore, limit: int) -> Stored:
        """Keeps the file in the store.

        Raises:
            Invalid: at ``file``, as `FileStore.put`; ``missing`` if there is none.
        """
        if self.file is None:
            raise Invalid.one("file", N_("Choose a file."), code="missing")
        return store.put(self.file, limit, self.file_name)


def photo_of(upload: Upload, store: FileStore) -> Stored:
    """Keeps the photo that was sent, made anew.

    Raises:
        Invalid: at ``file``, as `services.photos.photo_from`; ``missing`` if there is none.
    """
    if upload.file is None:
        raise Invalid.one("file", N_("Choose a file."), code="missing")
    data = photo_from(upload.file, PHOTO_LIMIT)
    return store.put(io.BytesIO(data), PHOTO_LIMIT)


def receives(may: Callable[[Request, DbSession], object]) -> Any:
    """A dependency that gives the `Upload`. `may` raises for whoever may not send one; it is asked
    first, in a transaction of its own that reads only and is over before the file comes."""

    def check(request: Request) -> None:
        database: Database = request.app.state.database
        with database.begin(writes=False) as db:
            may(request, db)

    async def receive(request: Request) -> AsyncIterator[Upload]:
        await run_in_threadpool(check, request)
        limits = {"max_files": 1, "max_fields": _MAX_FIELDS, "max_part_size": _MAX_FIELD}
        async with request.form(**limits) as data:
            texts = {name: value for name, value in data.items() if isinstance(value, str)}
            sent = [value for value in data.values() if isinstance(value, UploadFile)]
            if sent and sent[0].filename:
                yield Upload(Form(texts), sent[0].file, sent[0].filename)
            else:
                yield Upload(Form(texts), None, "")

    return Depends(receive)


def _organizer(request: Request, db: DbSession) -> None:
    if accounts.actor_of_cookie(db, request.cookies.get(COOKIE, "")) is None:
        raise NotSignedIn


def _guest(request: Request, db: DbSession) -> None:
    guest_of_link(db, request.app.state.links, request.path_params["token"])


def _files(request: Request) -> FileStore:
    files: FileStore = request.app.state.files
    return files


OrganizerUpload = Annotated[Upload, receives(_organizer)]
GuestUpload = Annotated[Upload, receives(_guest)]
Files = Annotated[FileStore, Depends(_files)]

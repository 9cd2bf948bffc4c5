"""Files that people send: streamed to the disk, from those who may, with no transaction open.

A route that takes one has an address that ends in ``/upload`` (elsewhere bodies are small), and
asks for the file before the database::

    @router.post("/part/{token}/photo/upload")
    def upload_photo(request: Request, kept: Photo, db: Db, …):

Dependencies are met in that order. The other way round whoever sends slowly would hold the
database, and on SQLite everybody with it. Whether the file may be at all (a session, a part, room
for one more) is asked before its first byte is read, in a transaction of its own.
"""

import io
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app.db import Database, DbSession
from app.domain.errors import N_, Full, Invalid, NotFound
from app.domain.permissions import Permission
from app.services import cycles, materials, sessions
from app.services.certificate_designs import LARGEST_PICTURE, Kept, looked_through
from app.services.files import MEGABYTE, FileStore, Stored
from app.services.guests import guest_of_link
from app.services.part_details import room_for_slides
from app.services.photos import photo_from
from app.services.pictures import is_picture, picture_from
from app.web.access.gate import organizer_for
from app.web.forms import Form, form_data
from app.web.problems import of_system

MATERIAL_LIMIT = 50 * MEGABYTE
PHOTO_LIMIT = 10 * MEGABYTE
_MAX_FIELDS = 50
_MAX_FIELD = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with at most one file. Without one `file` is None; `file_name` is what the browser
    calls it, and not to be believed. `refused` is why nothing of it was read; `room` how many bytes
    its sender may still give, None: no matter."""

    form: Form
    file: BinaryIO | None = None
    file_name: str = ""
    refused: Invalid | None = None
    room: int | None = None

    def put(self, store: FileStore) -> Stored:
        """Keeps the file in the store; a picture is made anew first.

        Raises:
            Invalid: at ``file``, as `FileStore.put` and `services.pictures.picture_from`;
                ``missing`` if there is none.
            Full: the disk has no space for it.
        """
        room = MATERIAL_LIMIT if self.room is None else min(self.room, MATERIAL_LIMIT)
        file = self._there()
        start = file.read(12)
        size = file.seek(0, 2)
        file.seek(0)
        if size <= room and is_picture(start):
            file = io.BytesIO(picture_from(file))
        with told_if_full():
            return store.put(file, room, self.file_name)

    def put_photo(self, store: FileStore) -> Stored:
        """Keeps the photo that was sent, made anew. Raises like `put` and
        `services.photos.photo_from`."""
        data = photo_from(self._there(), PHOTO_LIMIT)
        with told_if_full():
            return store.put(io.BytesIO(data), PHOTO_LIMIT)

    def put_picture(self, store: FileStore) -> Kept:
        """Keeps a logo or a signature, looked through. Raises like `put` and
        `certificates.picture_checks.checked`."""
        picture = looked_through(self._there().read(LARGEST_PICTURE + 1))
        with told_if_full():
            stored = store.keep(picture.data)
        return Kept(stored, picture.kind, picture.ratio)

    def _there(self) -> BinaryIO:
        if self.refused is not None:
            raise self.refused
        if self.file is None:
            raise Invalid.one("file", N_("Choose a file."), code="missing")
        return self.file


@contextmanager
def told_if_full() -> Iterator[None]:
    """Raises Full, or what else `problems.of_system` makes of it, where the disk does not take what
    is written inside."""
    try:
        yield
    except OSError as error:
        known = of_system(error)
        if known is None:
            raise
        raise known from None


def receives(may: Callable[[Request, DbSession], int | None]) -> Any:
    """A dependency that gives the `Upload`. `may` raises for whoever may not send one, and says how
    many bytes they may (None: what everybody may); what it raises as Invalid is told by the page.
    It is asked first, in a transaction of its own that reads only and is over before the file
    comes. Raises Full where the disk has no space left to speak of."""

    def check(request: Request) -> int | None:
        database: Database = request.app.state.database
        with database.begin(writes=False) as db:
            room = may(request, db)
        if not _files(request).has_space():
            raise Full
        return room

    async def receive(request: Request) -> AsyncIterator[Upload]:
        limits = {"max_files": 1, "max_fields": _MAX_FIELDS, "max_part_size": _MAX_FIELD}
        try:
            room = await run_in_threadpool(check, request)
            with told_if_full():
                data = await form_data(request, **limits)
        except Invalid as error:
            yield Upload(Form({}), refused=error)
            return
        except HTTPException as error:
            if error.status_code != 400:
                raise
            yield Upload(Form({}), refused=_unreadable())
            return
        try:
            texts = {name: value for name, value in data.items() if isinstance(value, str)}
            sent = [value for value in data.values() if isinstance(value, UploadFile)]
            if sent and sent[0].filename:
                yield Upload(Form(texts), sent[0].file, sent[0].filename, room=room)
            else:
                yield Upload(Form(texts))
        finally:
            await data.close()

    return Depends(receive)


def _unreadable() -> Invalid:
    return Invalid.one(
        "file",
        N_("Your browser sent this in a way that we cannot read. Give the file a shorter name."),
        code="unreadable",
    )


def _organizer(request: Request, db: DbSession) -> None:
    actor = organizer_for(request, db, Permission.SCHEDULE_EDIT)
    asked = request.path_params
    if not re.fullmatch(r"[0-9]{1,9}", asked["number"]):
        raise NotFound
    cycle = cycles.cycle_for_slug(db, actor, asked["slug"])
    session = sessions.session_by_number(db, actor, cycle.id, int(asked["number"]))
    materials.check_room(db, session.id)


def _designer(request: Request, db: DbSession) -> None:
    actor = organizer_for(request, db, Permission.CERTIFICATES_EDIT)
    cycles.cycle_for_slug(db, actor, request.path_params["slug"])


def _guest(request: Request, db: DbSession) -> None:
    guest_of_link(db, request.app.state.links, request.path_params["token"])


def _speaker(request: Request, db: DbSession) -> int:
    asked = request.path_params
    guest = guest_of_link(db, request.app.state.links, asked["token"])
    try:
        return room_for_slides(db, guest, asked["part_id"])
    except NotFound:  # the page says it, with whom to ask
        raise Invalid.one("file", N_("You are no longer in this part."), code="no_part") from None


def _files(request: Request) -> FileStore:
    files: FileStore = request.app.state.files
    return files


DesignUpload = Annotated[Upload, receives(_designer)]
OrganizerUpload = Annotated[Upload, receives(_organizer)]
GuestUpload = Annotated[Upload, receives(_guest)]
SlidesUpload = Annotated[Upload, receives(_speaker)]
Files = Annotated[FileStore, Depends(_files)]


def _kept(put: Callable[[FileStore], Stored], store: FileStore) -> Stored | Invalid:
    """Keeps the file before there is a transaction; whatever was wrong is told by the page."""
    try:
        return put(store)
    except Invalid as error:
        return error


def _material(upload: OrganizerUpload, files: Files) -> Stored | Invalid:
    return _kept(upload.put, files)


def _slides(upload: SlidesUpload, files: Files) -> Stored | Invalid:
    return _kept(upload.put, files)


def _photo(upload: GuestUpload, files: Files) -> Stored | Invalid:
    return _kept(upload.put_photo, files)


def _design_picture(upload: DesignUpload, files: Files) -> Kept | Invalid:
    try:
        return upload.put_picture(files)
    except Invalid as error:
        return error


DesignPicture = Annotated[Kept | Invalid, Depends(_design_picture)]
MaterialFile = Annotated[Stored | Invalid, Depends(_material)]
SlidesFile = Annotated[Stored | Invalid, Depends(_slides)]
PhotoFile = Annotated[Stored | Invalid, Depends(_photo)]

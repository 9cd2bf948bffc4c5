"""Takes off the disk what an erasure has left there: files, and what the database keeps of pages
that were written over.

SQLite writes zeros over what is deleted (`secure_delete`, see `db`), but its log still has the
pages of before until it is written into the database and cut off; so that is done here, as soon as
nobody reads what was before. PostgreSQL keeps dead rows until it vacuums, and nothing here can
hurry that without locking everybody out: see docs/privacy.md.
"""

import re
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import col, select

from app.db import Database
from app.domain.errors import NotFound
from app.models import Erasure, Message
from app.services.files import FileStore, files_in_use

_AT_ONCE = 100  # erasures that are looked at together
_MAIL = re.compile(r"(?P<id>[0-9a-z]{26})\.eml|\.[0-9a-z]{26}\.[0-9a-f]{8}")
_SETTLED = timedelta(hours=1)  # a file that nobody has written to for so long, nobody writes to
_MAILS = 500  # that are asked for together


def take_away(database: Database, store: FileStore, mail_dir: Path, now: datetime) -> bool:
    """Whether nothing is left to be taken away. To be called outside of any transaction, again and
    again until then: a kill in the midst of it costs nothing but another call."""
    with database.begin(writes=False) as db:
        waiting = select(Erasure.id, Erasure.files).where(col(Erasure.done_at).is_(None))
        found = dict(db.exec(waiting.order_by(col(Erasure.id)).limit(_AT_ONCE)).all())
        in_use = files_in_use(db) if found else set()
    if not found:
        return True
    for names in found.values():
        for each in names:
            kind, _, name = each.partition(":")
            if kind == "mail":
                (mail_dir / f"{Path(name).name}.eml").unlink(missing_ok=True)
            elif name not in in_use:
                with suppress(NotFound, FileNotFoundError):
                    store.path(name).unlink()
    if not database.forget():
        return False
    with database.begin(writes=True) as db:
        rows = select(Erasure).where(col(Erasure.id).in_(found)).order_by(col(Erasure.id))
        for row in db.exec(rows).all():
            row.done_at, row.files = now, []
    return len(found) < _AT_ONCE


def tidy_mails(database: Database, mail_dir: Path, now: datetime) -> int:
    """Deletes mails that were written as files and that no row stands for any more: it was tidied
    away, or erased at the moment of writing; and what a killed worker had begun. How many. To be
    called outside of any transaction."""
    before, old = (now - _SETTLED).timestamp(), dict[Path, str]()
    for path in mail_dir.iterdir() if mail_dir.is_dir() else ():
        if found := _MAIL.fullmatch(path.name):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    old[path] = found["id"] or ""
    ids, there = sorted(set(old.values())), set[str]()
    for start in range(0, len(ids), _MAILS):
        with database.begin(writes=False) as db:
            known = select(Message.id).where(col(Message.id).in_(ids[start : start + _MAILS]))
            there.update(db.exec(known))
    gone = [path for path, message_id in old.items() if message_id not in there]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)

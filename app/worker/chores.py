"""What comes round by the clock: reminders, questions to people with parts, certificates to be
issued, details whose time is over, tidying up."""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from app.db import Database
from app.logs import log_failure
from app.services import certificate_runs, part_requests, reminders, retention
from app.services.erasure_disk import take_away, tidy_mails
from app.services.files import FileStore, files_in_use
from app.worker.tidy import tidy

logger = logging.getLogger("convoca.worker")

_AT_A_TIME = 3.0  # seconds for certificates, then mails have their turn


class Chores:
    """Does each chore when its time has come round; called often, and cheap when nothing is due.

    Several workers may do the same at once: what is queued is queued once. A chore that fails is
    logged and tried when its time comes round again; mail goes out meanwhile.
    """

    def __init__(
        self, database: Database, files: FileStore | None = None, mail_dir: Path | None = None
    ) -> None:
        self._database = database
        self._files = files
        self._mail_dir = mail_dir
        self._meetings = reminders.Meetings()
        self._next: dict[str, datetime] = {}
        self._name = secrets.token_hex(8)  # by which others know what is ours
        self._chores: tuple[tuple[str, timedelta, Callable[[datetime], None]], ...] = (
            ("reminders", timedelta(seconds=20), self._remind),
            ("certificates", timedelta(seconds=1), self._issue),
            ("parts", timedelta(minutes=15), self._ask),
            ("retention", timedelta(minutes=10), self._retain),
            ("erasures", timedelta(minutes=1), self._take_away),
            ("tidy", timedelta(hours=1), self._tidy),
        )

    def look(self, now: datetime) -> None:
        """Does what is due at the aware instant `now`."""
        for name, every, do in self._chores:
            if now < self._next.get(name, now):
                continue
            self._next[name] = now + every
            try:
                do(now)
            except Exception as error:
                log_failure(logger, name, error)

    def _remind(self, now: datetime) -> None:
        with self._database.begin(writes=False) as db:
            if not reminders.anything_due(db, now, self._meetings):
                return
        with self._database.begin(writes=True) as db:
            reminders.run_due(db, now, self._meetings)

    def _ask(self, now: datetime) -> None:
        with self._database.begin(writes=True) as db:
            part_requests.remind_parts(db, now)

    def _issue(self, now: datetime) -> None:
        began = time.monotonic()
        with self._database.begin(writes=False) as db:
            if not certificate_runs.waiting(db, now):
                return
        with self._database.begin(writes=True) as db:
            run_id = certificate_runs.take(db, self._name, now)
        more = run_id is not None
        while run_id is not None and more:
            passed = time.monotonic() - began
            if passed > _AT_A_TIME:
                break
            moment = now + timedelta(seconds=passed)
            try:
                with self._database.begin(writes=True) as db:
                    more = certificate_runs.go_on(db, self._name, run_id, moment)
            except Exception as error:
                with self._database.begin(writes=True) as db:
                    why = type(error).__name__
                    certificate_runs.failed(db, self._name, run_id, why, moment)
                raise
        if run_id is not None and more:  # others may go on with it, and so may we
            with self._database.begin(writes=True) as db:
                certificate_runs.release(db, self._name, run_id)

    def _retain(self, now: datetime) -> None:
        """Pieces, for a few seconds; the rest when its time comes round again."""
        began = time.monotonic()
        with self._database.begin(writes=False) as db:
            cycle_id = retention.due_now(db, now)
        while cycle_id is not None and time.monotonic() - began < _AT_A_TIME:
            with self._database.begin(writes=True) as db:
                more = retention.erase_piece(db, cycle_id, now)
            if not more:
                with self._database.begin(writes=False) as db:
                    cycle_id = retention.due_now(db, now)
        if cycle_id is not None:
            self._next["retention"] = now + timedelta(seconds=5)

    def _take_away(self, now: datetime) -> None:
        if self._files is not None and self._mail_dir is not None:
            take_away(self._database, self._files, self._mail_dir, now)

    def _tidy(self, now: datetime) -> None:
        with self._database.begin(writes=True) as db:
            tidy(db, now)
        if self._files is not None:
            with self._database.begin(writes=False) as db:
                in_use = files_in_use(db)
            self._files.remove_unused(in_use, now)  # nobody waits for the disk
        if self._mail_dir is not None:
            tidy_mails(self._database, self._mail_dir, now)

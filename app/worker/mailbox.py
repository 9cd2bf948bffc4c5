"""Fetches the answers that come by mail, beside the sending of mails."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy.exc import InterfaceError, OperationalError

from app.db import Database
from app.logs import log_failure
from app.mail.mailbox import Mailbox, MailboxError, Refused
from app.models import now
from app.services.inbound import could_not_fetch, opened, receive
from app.settings import Settings

logger = logging.getLogger("convoca.mailbox")

_LONGEST_PAUSE = 900.0
_MOST_FAILURES = 3  # of one mail, before it is left alone
_LAST_WORDS = 10.0  # seconds to put down the mail at hand when we are to stop


class MailboxReader:
    """Reads what is new in a mailbox, every so many seconds. Several may run."""

    def __init__(
        self,
        database: Database,
        mailbox: Callable[[], Mailbox],
        *,
        every: float = 60.0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._mailbox = mailbox
        self._every = every
        self._clock = clock
        self._stop = threading.Event()
        self._failures: dict[tuple[str, int], int] = {}  # folder and UID: times in a row
        self._taken: set[tuple[str, int]] = set()  # that could not be marked
        self._said_read_only = False

    def run(self, stop: threading.Event) -> None:
        """Reads until `stop` is set. Nothing that goes wrong ends it: it is logged and tried again
        after a pause."""
        self._stop = stop
        pause = self._every
        while not stop.is_set():
            try:
                self.run_once()
                pause = self._every
            except MailboxError as error:
                logger.warning("the mailbox cannot be read: %s", error)
                pause = min(max(pause * 2, 1.0), max(_LONGEST_PAUSE, self._every))
            except Exception as error:
                log_failure(logger, "mailbox", error)
                pause = min(max(pause * 2, 1.0), max(_LONGEST_PAUSE, self._every))
            stop.wait(pause)

    def run_once(self) -> int:
        """Takes in every mail that was not read yet, the oldest first; how many.

        Each is committed before it is marked: whoever is killed in between reads it once more, and
        it counts once. A mail that cannot be taken in, or that the server does not hand over, stays
        as it is and is logged; the others do not wait for it. After several times the latter is put
        before an organizer, and left alone. Raises MailboxError where the mailbox cannot be read,
        and what a database raises that is away.
        """
        taken = 0
        with self._mailbox() as mailbox:
            self._say_if_read_only(mailbox)
            for uid in sorted(mailbox.unseen(), key=lambda uid: (self._failed(mailbox, uid), uid)):
                if self._stop.is_set():
                    break
                taken += self._take(mailbox, uid)
        return taken

    def _take(self, mailbox: Mailbox, uid: int) -> bool:
        """Whether it is taken in now."""
        key = (mailbox.identity, uid)
        if key in self._taken or self._failed(mailbox, uid) >= _MOST_FAILURES:
            return False
        try:
            arrived = mailbox.fetch(uid)
        except MailboxError as error:
            self._not_handed_over(mailbox, uid, error)
            if not isinstance(error, Refused):
                raise
            return False
        if arrived is None:
            return False
        try:
            found = opened(arrived.raw)
            with self._database.begin(writes=True) as db:
                receive(db, arrived.raw, self._clock(), size=arrived.size, found=found)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log_failure(logger, f"mail {uid} of the mailbox could not be taken in", error)
            return False
        if mailbox.read_only:
            self._taken.add(key)
            return True
        try:
            mailbox.mark_seen(uid)
        except Refused as error:
            logger.warning("mail %s of the mailbox cannot be marked as read: %s", uid, error)
            self._taken.add(key)
        return True

    def _failed(self, mailbox: Mailbox, uid: int) -> int:
        return self._failures.get((mailbox.identity, uid), 0)

    def _not_handed_over(self, mailbox: Mailbox, uid: int, error: MailboxError) -> None:
        count = self._failed(mailbox, uid) + 1
        self._failures[mailbox.identity, uid] = count
        logger.warning("mail %s of the mailbox could not be fetched: %s", uid, error)
        if count == _MOST_FAILURES:
            with self._database.begin(writes=True) as db:
                could_not_fetch(db, mailbox.identity, uid, str(error), self._clock())

    def _say_if_read_only(self, mailbox: Mailbox) -> None:
        if mailbox.read_only and not self._said_read_only:
            self._said_read_only = True
            logger.warning(
                "the mailbox is read-only for us: what was read cannot be marked, and is read "
                "again after each start"
            )


@contextlib.contextmanager
def reading_mailbox(settings: Settings, database: Database) -> Iterator[None]:
    """Reads the mailbox of the settings in a thread, as long as this is open; nothing where there
    is none."""
    if not settings.imap_url:
        yield
        return
    stop = threading.Event()
    reader = MailboxReader(database, lambda: Mailbox(settings.imap_url), every=settings.imap_every)
    thread = threading.Thread(target=reader.run, args=(stop,), name="mailbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_LAST_WORDS)

"""Fetches the answers that come by mail, beside the sending of mails."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from app.db import Database
from app.mail.mailbox import Mailbox, MailboxError
from app.models import now
from app.services.inbound import receive
from app.settings import Settings

logger = logging.getLogger("convoca.mailbox")

_LONGEST_PAUSE = 900.0
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
                known = isinstance(error, SQLAlchemyError)
                logger.error("mailbox: %s", type(error).__name__, exc_info=not known)
                pause = min(max(pause * 2, 1.0), max(_LONGEST_PAUSE, self._every))
            stop.wait(pause)

    def run_once(self) -> int:
        """Takes in every unseen mail, the oldest first; how many.

        Each is committed before it is marked as seen: whoever is killed in between reads it once
        more, and it counts once. A mail that cannot be taken in stays unseen and is logged; the
        others do not wait for it. Raises MailboxError, and what a database raises that is away.
        """
        taken = 0
        with self._mailbox() as mailbox:
            for uid in mailbox.unseen():
                if self._stop.is_set():
                    break
                arrived = mailbox.fetch(uid)
                if arrived is None:
                    continue
                try:
                    with self._database.begin(writes=True) as db:
                        receive(db, arrived.raw, self._clock(), size=arrived.size)
                except (OperationalError, InterfaceError):
                    raise
                except Exception:
                    logger.exception("mail %s of the mailbox could not be taken in", uid)
                    continue
                mailbox.mark_seen(uid)
                taken += 1
        return taken


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

"""The worker: sends what is due, again and again, until it is told to stop."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.mail.failures import Reason, SendError
from app.mail.transport import Transport, transport_for
from app.mail.values import Sender
from app.models import Message, now
from app.services.links import Links
from app.settings import Settings
from app.worker import claims
from app.worker.compose import compose
from app.worker.tidy import tidy

logger = logging.getLogger("convoca.worker")

BATCH = 20
POLL = 1.0  # seconds between two looks at an outbox that is empty
_PAUSE = 5.0  # seconds after the mail server or the database failed, doubled each time
_LONGEST_PAUSE = 60.0
_MARGIN = timedelta(minutes=2)  # no mail is begun when less than this is left of the lease
_TIDY_EVERY = timedelta(hours=1)
_TROUBLES = 2  # lost connections in a row after which it is the server, not a mail


class _ServerDown(Exception):
    def __init__(self, error: SendError) -> None:
        self.error = error


class Worker:
    """Sends the outbox over a transport. Several may run, in one process or in many."""

    def __init__(
        self,
        database: Database,
        links: Links,
        transport: Transport,
        sender: Sender,
        *,
        clock: Callable[[], datetime] = now,
        poll: float = POLL,
    ) -> None:
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._links = links
        self._transport = transport
        self._sender = sender
        self._clock = clock
        self._poll = poll
        self._stop = threading.Event()
        self._server_down = False
        self._troubles = 0
        self._tidied: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; then finishes the mail at hand and gives back the rest.

        Nothing that goes wrong ends it: what fails is logged and tried again after a pause.
        """
        self._stop = stop
        pause = _PAUSE
        while not stop.is_set():
            try:
                handled = self.run_once(self._clock())
                self._tidy_now_and_then()
                failed = self._server_down
            except Exception as error:
                # The database may be away or locked; and a mistake of ours must not stop the mail.
                known = isinstance(error, SQLAlchemyError)
                logger.error("worker: %s", type(error).__name__, exc_info=not known)
                handled, failed = 0, True
            if failed:
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                pause = _PAUSE
                if not handled:
                    stop.wait(self._poll)

    def run_once(self, now: datetime) -> int:
        """Sends everything that is due at the aware instant `now`; how many mails were tried.

        Stops early when the mail server cannot be spoken to. Raises what the database raises.
        """
        self._server_down = False
        begun = time.monotonic()
        handled = 0
        try:
            while not self._stop.is_set() and not self._server_down:
                with self._database.begin(writes=False) as db:
                    if not claims.something_is_due(db, now):
                        break
                with self._database.begin(writes=True) as db:
                    at = self._at(now, begun)
                    batch = claims.claim(db, self.name, self._sender.domain, at, BATCH)
                if not batch:
                    break  # another worker was faster
                handled += self._send_batch(batch, now, begun)
        finally:
            self._transport.close()
        return handled

    @staticmethod
    def _at(now: datetime, begun: float) -> datetime:
        """What time it has become since `now`."""
        return now + timedelta(seconds=time.monotonic() - begun)

    def _send_batch(self, batch: Sequence[Message], now: datetime, begun: float) -> int:
        """Sends what was taken. What is not tried is given back."""
        open_ids = {message.id for message in batch}
        ends = min(m.leased_until for m in batch if m.leased_until is not None) - _MARGIN
        handled = 0
        try:
            for message in batch:
                if self._stop.is_set() or self._at(now, begun) >= ends:
                    break
                self._send(message, open_ids, now, begun)
                open_ids.discard(message.id)
                handled += 1
        except _ServerDown as down:
            # It would have been the same for each of them.
            self._server_down = True
            for message_id in sorted(open_ids):
                self._record_failure(message_id, down.error, self._at(now, begun))
            handled += len(open_ids)
            open_ids.clear()
        finally:
            if open_ids:
                with self._database.begin(writes=True) as db:
                    claims.release(db, self.name, open_ids)
        return handled

    def _send(self, message: Message, open_ids: set[str], now: datetime, begun: float) -> None:
        try:
            with self._database.begin(writes=False) as db:
                mail = compose(db, self._links, self._sender, message, self._at(now, begun))
            self._transport.send(
                mail,
                name=message.id,
                sender=self._sender.address,
                recipient=message.to_address,
            )
        except SendError as error:
            self._failed(message, error, self._at(now, begun))
            return
        except SQLAlchemyError:
            raise
        except Exception as error:
            # A mistake of ours in one mail must not keep the others waiting.
            logger.exception("mail %s could not be written", message.id)
            failure = SendError(Reason.WRITING, type(error).__name__)
            self._failed(message, failure, self._at(now, begun))
            return
        self._troubles = 0
        # Should it not be possible to write that down, it is better repeated later than at once.
        open_ids.discard(message.id)
        with self._database.begin(writes=True) as db:
            claims.record_sent(db, message.id, self._at(now, begun))

    def _failed(self, message: Message, error: SendError, at: datetime) -> None:
        logger.warning("mail %s (%s) was not sent: %s", message.id, message.kind, error)
        if not error.connection:
            self._troubles = 0
            self._record_failure(message.id, error, at)
            return
        self._troubles += 1
        if error.reason not in (Reason.DROPPED, Reason.TIMEOUT) or self._troubles >= _TROUBLES:
            raise _ServerDown(error)
        self._record_failure(message.id, error, at)

    def _record_failure(self, message_id: str, error: SendError, at: datetime) -> None:
        with self._database.begin(writes=True) as db:
            claims.record_failure(db, self.name, message_id, error, at)

    def _tidy_now_and_then(self) -> None:
        at = self._clock()
        if self._tidied is not None and at - self._tidied < _TIDY_EVERY:
            return
        with self._database.begin(writes=True) as db:
            tidy(db, at)
        self._tidied = at


def worker_for(settings: Settings, database: Database, links: Links) -> Worker:
    """The worker of an installation."""
    sender = Sender(settings.mail_from, settings.mail_from_name)
    transport = transport_for(settings.smtp_url, settings.mail_dir, hello=sender.domain)
    return Worker(database, links, transport, sender)

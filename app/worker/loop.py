"""The worker: sends what is due, again and again, until it is told to stop."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database, DbSession
from app.logs import log_failure
from app.mail.failures import SendError
from app.mail.transport import Transport, server_of, transport_for
from app.mail.values import Sender
from app.services import sending
from app.services.files import FileStore
from app.services.links import Links
from app.services.outbox_figures import note_turn
from app.services.secret_key import secret_key
from app.settings import Settings
from app.worker import claims, pauses
from app.worker.batch import ENOUGH, Batch, Desk, Outcome
from app.worker.chores import Chores
from app.worker.clocks import Clock, Told, from_then_on
from app.worker.composer import Composer
from app.worker.pace import Limits
from app.worker.writer import Start, Writer

logger = logging.getLogger("convoca.worker")

BATCH = 20  # mails that are taken at first
MOST = 500
_LEAST = 5
MANY = 500  # invitations that wait: for so many it is worth another process that writes them
_QUICK, _SLOW = 1.0, ENOUGH  # seconds for a batch: more are taken below, fewer above
NOTE_TURNS = 30.0  # seconds between two notes of what was done
POLL = 1.0  # seconds between two looks at an outbox that is empty
_PAUSE = 5.0  # seconds after the mail server or the database failed, doubled each time
_LONGEST_PAUSE = 60.0
_TROUBLES = 2  # lost connections in a row after which it is the server, not a mail


class Worker:
    """Sends the outbox over a transport. Several may run, in one process or in many."""

    def __init__(
        self,
        database: Database,
        links: Links,
        transport: Transport,
        sender: Sender,
        *,
        limits: Limits | None = None,
        chores: Chores | None = None,
        writer: Writer | None = None,
        clock: Callable[[], datetime] | None = None,
        poll: float = POLL,
    ) -> None:
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._transport = transport
        self._domain = sender.domain
        self._clock = Clock() if clock is None else Told(clock)
        self._poll = poll
        self._stop = threading.Event()
        limits = limits or Limits("")
        self._server = limits.server
        self._desk = Desk(
            name=self.name,
            database=database,
            composer=Composer(database, links, sender),
            transport=transport,
            sender=sender.address,
            limits=limits,
            stop=lambda: self._stop,
            writer=writer,
        )
        self._size = BATCH
        self._server_down = False
        self._trouble: SendError | None = None
        self._troubles = 0
        self._full_until: datetime | None = None
        self._chores = chores
        self._held = False
        self._sent = self._failures = 0  # since that was noted last
        self._noted = -NOTE_TURNS

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; then finishes the mail at hand and gives back the rest.

        Nothing that goes wrong ends it: what fails is logged and tried again after a pause.
        """
        self._stop = stop
        pause = _PAUSE
        while not stop.is_set():
            try:
                self._look_round()
                handled = self.run_once(between=self._look_round)
                failed = self._server_down
                self._note_turn()
            except Exception as error:
                # The database may be away or locked; and a mistake of ours must not stop the mail.
                log_failure(logger, "worker", error)
                handled, failed = 0, True
            if failed:
                self._say_pause(pause)
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                pause = _PAUSE
                if not handled:
                    stop.wait(self._poll)

    def run_once(
        self, now: datetime | None = None, between: Callable[[], None] | None = None
    ) -> int:
        """Sends everything that is due; how many mails were tried. `between` is called after each
        batch: ten thousand mails take a while. `now`: as if it were this aware instant, and time
        went on from there; None: by the worker's clock, which is asked again and again.

        Stops early when the mail server cannot be spoken to, or lets no more through for now.
        Raises what the database raises.
        """
        clock = self._clock if now is None else from_then_on(now)
        self._server_down, self._trouble = False, None
        handled = 0
        self._desk.give_back()
        self._expire(clock)
        try:
            while not self._stop.is_set() and not self._server_down:
                outcome = self._round(clock)
                if outcome is None:
                    break
                handled += outcome.tried
                if between is not None:
                    between()
        finally:
            self._transport.close()
            if self._desk.writer:
                self._desk.writer.end()
        return handled

    def _expire(self, clock: Clock) -> None:
        """Puts aside what came too late, also what is not due to be tried again yet."""
        with self._database.begin(writes=False) as db:
            now = clock.ask(db)
            if not claims.something_is_over(db, now):
                return
        with self._database.begin(writes=True) as db:
            claims.expire(db, now)

    def _round(self, clock: Clock) -> Outcome | None:
        """Takes some mails and sends them; None when there is nothing to do."""
        with self._database.begin(writes=False) as db:
            now = clock.ask(db)
            urgent = self._full_until is not None and now < self._full_until
            if not claims.something_is_due(db, now, urgent=urgent) or self._is_held(db):
                return None
            paused = pauses.noted(db, self._server)
            self._have_written(db, now)
        # First, as it may take a while: so nobody waits for mails that we have taken.
        away = self._away()
        if self._stop.is_set():
            return None
        claim = self._take(clock, urgent)
        if not claim.messages:
            # Another worker was faster, unless there was something to put aside.
            return Outcome() if claim.settled else None
        batch = Batch(self._desk, claim.messages, clock)
        if self._size == MOST and not urgent:
            batch.more = lambda: self._take(clock).messages
        started = time.monotonic()
        outcome = batch.fail(away) if away else batch.send()
        self._learn(outcome, time.monotonic() - started)
        self._sent += outcome.sent
        self._failures += outcome.tried - outcome.sent
        if paused and outcome.sent and not urgent:
            with self._database.begin(writes=True) as db:
                pauses.end(db, self._server, clock())
        if outcome.full_until is not None and not urgent:
            self._note_pause(pauses.HOUR, "", clock(), outcome.full_until)
        return None if urgent and outcome.full_until else outcome

    def _is_held(self, db: DbSession) -> bool:
        """Whether nothing may go, as asked before anybody is spoken to; claiming asks again."""
        held = sending.is_held(db)
        if held and not self._held:
            logger.warning("worker: nothing is sent since a restore, until somebody says so")
        self._held = held
        return held

    def _note_turn(self) -> None:
        """For those who watch over workers. Not often: it is a commit, after which whoever keeps
        pages has to look whether they changed."""
        if time.monotonic() - self._noted < NOTE_TURNS:
            return
        with self._database.begin(writes=True, durable=False) as db:
            note_turn(db, sent=self._sent, failures=self._failures, now=self._clock.ask(db))
        self._sent = self._failures = 0
        self._noted = time.monotonic()

    def _have_written(self, db: DbSession, now: datetime) -> None:
        """Begins the process that writes, if there is enough to do for it and the server is quick:
        where that is slow, we can write as fast as it takes."""
        writer = self._desk.writer
        if writer is not None and writer.may_begin and self._size > BATCH:
            waiting = claims.invitations_due(db, now, MANY)
            if len(waiting) == MANY:
                writer.begin(waiting)

    def _take(self, clock: Clock, urgent: bool = False) -> claims.Claim:
        with self._database.begin(writes=True) as db:
            now = clock.ask(db)
            return claims.claim(db, self.name, self._domain, now, self._size, urgent=urgent)

    def _away(self) -> SendError | None:
        try:
            self._transport.open(self._stop.is_set)
        except SendError as error:
            return error
        return None

    def _learn(self, outcome: Outcome, seconds: float) -> None:
        """From what became of a batch: whether to pause, how much to take the next time. As much
        as a few seconds suffice for, so that a sign-in link never waits for long."""
        if outcome.sent or outcome.trouble is None:
            self._troubles = 0
        if outcome.trouble is not None:
            self._troubles += 1
        self._server_down = outcome.down or self._troubles >= _TROUBLES
        self._trouble = outcome.trouble if self._server_down else None
        self._full_until = outcome.full_until
        if seconds > _SLOW:
            self._size = max(_LEAST, self._size // 2)
        elif seconds < _QUICK and outcome.tried >= self._size:
            self._size = min(MOST, self._size * 2)

    def _say_pause(self, seconds: float) -> None:
        if self._trouble is not None:
            now = self._clock()
            until = now + timedelta(seconds=seconds)
            self._note_pause(self._trouble.reason, self._trouble.detail, now, until)

    def _note_pause(self, why: str, detail: str, now: datetime, until: datetime) -> None:
        seconds = (until - now).total_seconds()
        logger.warning("worker: no mail goes for %.0f s: %s", seconds, why)
        try:
            with self._database.begin(writes=True) as db:
                pauses.note(db, self._server, why, detail, now, until)
        except SQLAlchemyError as error:
            logger.error("worker: that could not be noted: %s", type(error).__name__)

    def _look_round(self) -> None:
        if self._chores is not None:
            self._chores.look(self._clock())


def worker_for(settings: Settings, database: Database, links: Links) -> Worker:
    """The worker of an installation."""
    sender = Sender(settings.mail_from, settings.mail_from_name)
    transport = transport_for(
        settings.smtp_url,
        settings.mail_dir,
        hello=sender.domain,
        timeout=settings.smtp_timeout,
    )
    limits = Limits(server_of(settings.smtp_url), settings.smtp_per_second, settings.smtp_per_hour)
    chores = Chores(database, FileStore(settings.files_dir), settings.mail_dir)
    start = Start(
        database_url=database.engine.url.render_as_string(hide_password=False),
        key=secret_key(settings.secret_key, settings.data_dir),
        base_url=links.base_url,
        sender_address=sender.address,
        sender_name=sender.name,
    )
    writer = Writer(start)
    return Worker(database, links, transport, sender, limits=limits, chores=chores, writer=writer)

"""Sending what was taken, one after the other; what is not tried is given back."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database, Jot
from app.logs import log_failure
from app.mail.failures import Reason, SendError, brief
from app.mail.transport import Transport
from app.mail.values import Mail
from app.models import Message
from app.services.outbox import SIGN_IN
from app.worker import claims, pace
from app.worker.clocks import Clock
from app.worker.composer import Composer
from app.worker.pace import Limits
from app.worker.refusals import Refusals
from app.worker.writer import Writer

logger = logging.getLogger("convoca.worker")

ENOUGH = 4.0  # seconds after which the rest of a batch is given back
_FEW = 60  # when so many are left, more are taken
_FOR_MORE = 1.5  # seconds from the start; afterwards no more are, so that what is left gets done
_MARGIN = timedelta(minutes=2)  # no mail is begun when less than this is left of the lease
_BETWEEN_NOTES = 0.2  # seconds between two tries to write down that a mail is out
_LONGEST_WAIT = 2.0  # seconds; for a place further away the mails are given back
_LONGEST_LEAD = 0.5
# Perhaps; elsewise the server is the cause.
_OF_THE_MAIL = (Reason.DROPPED, Reason.TIMEOUT, Reason.DELAYED)


@dataclass(frozen=True, slots=True)
class Desk:
    """What one worker sends with. `name` stands in the leases."""

    name: str
    database: Database
    composer: Composer
    transport: Transport
    sender: str
    limits: Limits
    stop: Callable[[], threading.Event]
    refusals: Refusals = field(default_factory=Refusals)
    writer: Writer | None = None
    owed: set[str] = field(default_factory=set)  # mails that could not be given back yet

    def give_back(self) -> None:
        """Gives back what is owed, if anything. Raises what the database raises."""
        if self.owed:
            with self.database.begin(writes=True) as db:
                claims.release(db, self.name, self.owed)
            self.owed.clear()


@dataclass(slots=True)
class Outcome:
    """What became of a batch. `trouble`: the connection ended with this error. `down`: that was
    the server's fault for certain. `full_until`: the hour's number is reached."""

    tried: int = 0
    sent: int = 0
    trouble: SendError | None = None
    down: bool = False
    full_until: datetime | None = None


@dataclass(slots=True)
class Batch:
    """Mails that a worker has taken, the first first. `at` says what time it is. `more` takes
    others and gives them; it is asked while a few are left, as a second process that writes would
    have nothing to do while they are looked for."""

    desk: Desk
    messages: Sequence[Message]
    at: Clock
    more: Callable[[], Sequence[Message]] | None = None
    outcome: Outcome = field(default_factory=Outcome)
    _open: dict[str, Message] = field(default_factory=dict)  # taken and not tried
    _ahead: dict[str, Mail | Exception] = field(default_factory=dict)
    _lead: timedelta = timedelta()

    def send(self) -> Outcome:
        """Sends until all are tried, the worker is stopped, the leases end or the connection does,
        or it has taken long enough: what has come in meanwhile may be more urgent.

        Raises what the database raises.
        """
        started = time.monotonic()
        try:
            self._take_up(self.messages)
            with self.desk.database.jotting() as jot:
                while self._open and not self._is_enough(started):
                    self._take_more(started)
                    message = next(iter(self._open.values()))
                    if not (self._is_ours(message) and self._next(message, jot)):
                        break
        finally:
            self.desk.composer.close()
            if self.desk.writer:
                self.desk.writer.forget()
            self._give_back(set(self._open))
        return self.outcome

    def _take_up(self, messages: Sequence[Message]) -> None:
        self._open |= {message.id: message for message in messages}
        if not (self.desk.writer and self.desk.writer.ask_for(messages)):
            self.desk.composer.read_ahead(messages)

    def _take_more(self, started: float) -> None:
        if self.more is None or len(self._open) > _FEW:
            return
        found: Sequence[Message] = ()
        if time.monotonic() - started < _FOR_MORE:
            # What is wrong with the database whoever takes the next batch will see.
            with suppress(SQLAlchemyError):
                found = self.more()
        if found:
            self._take_up(found)
        else:
            self.more = None

    def fail(self, error: SendError) -> Outcome:
        """The server cannot be spoken to: it would have been the same for each of them."""
        if error.reason in _OF_THE_MAIL:
            error = SendError(Reason.UNREACHABLE, error.detail or "no answer", connection=True)
        self._open = self._open or {message.id: message for message in self.messages}
        for message_id in sorted(self._open):
            self._record_failure(message_id, error)
        self.outcome.tried += len(self._open)
        self.outcome.trouble, self.outcome.down = error, True
        self._open.clear()
        return self.outcome

    def _is_enough(self, started: float) -> bool:
        return self.desk.stop().is_set() or time.monotonic() - started > ENOUGH

    def _is_ours(self, message: Message) -> bool:
        """Whether its lease lasts for as long as sending it may take."""
        return claims.holds(message.leased_until, self.at(), _MARGIN)

    def _next(self, message: Message, jot: Jot) -> bool:
        """Tries one mail; whether to go on with the next."""
        try:
            mail = self._composed(message)
            if not (self._reached(message) and self._wait_for_place(message)):
                return False
            if message.expires_at is not None and message.expires_at <= self.at():
                raise SendError(Reason.OVER, final=True)
            self.desk.transport.send(
                mail,
                name=message.id,
                sender=self.desk.sender,
                recipient=message.to_address,
                meanwhile=lambda: self._compose_ahead(message.id),
                slow=lambda: self._give_back(set(self._open) - {message.id}),
            )
        except SendError as error:
            return self._failed(message, error)
        except SQLAlchemyError:
            raise
        except Exception as error:
            # A mistake of ours in one mail must not keep the others waiting.
            log_failure(logger, f"mail {message.id} could not be written", error)
            return self._failed(message, SendError(Reason.WRITING, type(error).__name__))
        # Should it not be possible to write that down, it is better repeated later than at once.
        del self._open[message.id]
        self.outcome.tried += 1
        self.desk.refusals.clear()
        self._announce()
        # Before the next is begun, so that a kill repeats one mail at most. Nobody waits for the
        # disk: what is committed outlives this process. See docs/adr/0017.
        noted = self._note(message, jot)
        self.outcome.sent += 1
        return noted

    def _note(self, message: Message, jot: Jot) -> bool:
        """Writes down that a mail is out, before anything else is done: whoever finds it unsent
        when its lease has ended sends it again. So where the database is locked or away it is tried
        until then; once told to stop, one more time. Whether it went the usual way.

        Raises what the database raised last.
        """
        try:
            self.at.hear(claims.record_sent(jot, message.id, self.at()))
            return True
        except SQLAlchemyError as error:
            logger.warning("mail %s is out, noting it failed: %s", message.id, _cause(error))
        # The server does not wait for so long for the mail that it was told of.
        self.desk.transport.close()
        self.desk.composer.close()
        while True:
            last = self.desk.stop().wait(_BETWEEN_NOTES)
            try:
                with self.desk.database.jotting() as another:
                    self.at.hear(claims.record_sent(another, message.id, self.at()))
                return False
            except SQLAlchemyError:
                if last or not claims.holds(message.leased_until, self.at()):
                    raise

    def _reached(self, message: Message) -> bool:
        """Whether the server can be spoken to, and the mail is ours still after the time that a new
        connection may have taken."""
        stopped = self.desk.stop().is_set
        try:
            self.desk.transport.open(stopped)
        except SendError as error:
            if not stopped():
                self.fail(error)
            return False
        return self._is_ours(message)

    def _composed(self, message: Message) -> Mail:
        made = self._ahead.pop(message.id, None)
        if isinstance(made, Exception):
            raise made
        return made or self._write(message)

    def _write(self, message: Message) -> Mail:
        mail = self.desk.writer.take(message.id) if self.desk.writer else None
        return mail or self.desk.composer.compose(message, self.at())

    def _compose_ahead(self, message_id: str) -> None:
        """Makes the next mail, as the server has something to do as well."""
        following = next((m for m in self._open.values() if m.id != message_id), None)
        if following is not None:
            try:
                made: Mail | Exception = self._write(following)
            except Exception as error:
                made = error
            self._ahead[following.id] = made

    def _announce(self) -> None:
        """Lets the server look at the next one's address while we write down the last one's end."""
        following = next(iter(self._open.values()), None)
        if following is None or self.desk.limits.any or self.desk.stop().is_set():
            return
        mail = self._ahead.get(following.id)
        if isinstance(mail, Mail):
            to = following.to_address
            self.desk.transport.announce(mail, sender=self.desk.sender, recipient=to)

    def _wait_for_place(self, message: Message) -> bool:
        """Waits until the limits let a mail go; False where it has to be given back."""
        limits, missed = self.desk.limits, None
        while limits.any:
            asked = self.at()
            with self.desk.database.begin(writes=True, durable=False) as db:
                urgent = message.kind == SIGN_IN
                first = asked + self._lead
                place = pace.reserve(db, limits, first, urgent=urgent, missed=missed)
            # A place must not have passed by the time that it is written down.
            took = min(self.at() - asked, timedelta(seconds=_LONGEST_LEAD))
            self._lead = max(took, self._lead * 0.9)
            wait = (place.at - self.at()).total_seconds()
            if not place.taken and wait > _LONGEST_WAIT:
                self.outcome.full_until = place.at
                return False
            if self.desk.stop().wait(max(0.0, wait)):
                return False
            if place.taken and self.at() - place.at <= pace.late(limits):
                return True
            missed = place if place.taken else None
        return True

    def _failed(self, message: Message, error: SendError) -> bool:
        # What the server said names whom the mail was for; it stands in the row.
        logger.warning("mail %s (%s) was not sent: %s", message.id, message.kind, brief(error))
        if error.connection and error.reason not in _OF_THE_MAIL:
            self.fail(error)
            return False
        held = self.desk.refusals.note(message.id, message.to_address, error)
        if held and error.final:
            error = SendError(Reason.HELD, error.detail)
        self._record_failure(message.id, error)
        if held:
            with self.desk.database.begin(writes=True) as db:
                claims.revive(db, set(held) - {message.id}, error, self.at())
            self.outcome.trouble, self.outcome.down = error, True
        self._open.pop(message.id, None)
        self.outcome.tried += 1
        if error.connection:
            self.outcome.trouble = error
            return False
        return not held

    def _record_failure(self, message_id: str, error: SendError) -> None:
        with self.desk.database.begin(writes=True) as db:
            claims.record_failure(db, self.desk.name, message_id, error, self.at())

    def _give_back(self, ids: set[str]) -> None:
        """Lets other workers have them. Where that fails it is done as soon as it can be, or their
        leases end it."""
        for message_id in ids:
            self._open.pop(message_id, None)
        self.desk.owed.update(ids)
        try:
            self.desk.give_back()
        except SQLAlchemyError as error:
            logger.error("worker: mails could not be given back: %s", type(error).__name__)


def _cause(error: SQLAlchemyError) -> str:
    """What kind of thing the database said: its words may quote a row."""
    return type(getattr(error, "orig", None) or error).__name__

"""Sends events to webhooks, beside the sending of mails: in threads of its own, so that a receiver
that is slow holds up neither mails nor other receivers."""

import contextlib
import logging
import os
import random
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.domain.errors import Invalid
from app.logs import log_failure
from app.outgoing.failures import PostError, Reason
from app.outgoing.guard import Guard
from app.outgoing.posting import TOGETHER, post
from app.outgoing.signing import headers
from app.outgoing.targets import read_target
from app.services.links import Links, Purpose
from app.services.secret_key import secret_key
from app.settings import Settings
from app.worker import claims, webhook_claims
from app.worker.clocks import Clock, Told, from_then_on
from app.worker.webhook_claims import Came, Taken, came_of

logger = logging.getLogger("convoca.webhooks")

SENDERS = 16
"""Requests at once, to all webhooks together."""
POLL = 1.0
"""Seconds between two looks while nothing is due."""

_PAUSE = 5.0  # seconds after the database failed
_BETWEEN_NOTES = 0.2  # seconds between two tries to write down what came of a request
_WHILE_BUSY = 0.25  # seconds at most between two looks while requests are under way


class Courier:
    """Takes deliveries and makes the requests. Several may run, in one process or in many.

    `key`: `Links.key` for webhooks. `plain`: http is spoken as well, for whoever develops.
    """

    def __init__(
        self,
        database: Database,
        key: bytes,
        guard: Guard | None = None,
        *,
        plain: bool = False,
        together: float = TOGETHER,
        senders: int = SENDERS,
        clock: Callable[[], datetime] | None = None,
        poll: float = POLL,
    ) -> None:
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._key = key
        self._guard = guard or Guard()
        self._plain = plain
        self._together = together
        self._senders = senders
        self._clock = Clock() if clock is None else Told(clock)
        self._poll = poll
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()  # by the webhook
        self._one_ended = threading.Event()
        self._turn = 0

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; then waits for the requests under way, which have an end.

        Nothing that goes wrong ends it: what fails is logged and tried again after a pause.
        """
        self._stop = stop
        while not stop.is_set():
            try:
                self.run_once(forever=True)
            except Exception as error:
                log_failure(logger, "webhooks", error)
                stop.wait(_PAUSE)

    def run_once(self, now: datetime | None = None, *, forever: bool = False) -> int:
        """Sends all that is due; how many requests were made. `now`: as if it were this aware
        instant, and time went on from there. `forever`: goes on to look until it is stopped.

        Raises what the database raises.
        """
        clock = self._clock if now is None else from_then_on(now)
        made = 0
        with ThreadPoolExecutor(self._senders, thread_name_prefix="webhook") as senders:
            while not self._stop.is_set():
                self._one_ended.clear()
                taken = self._take(clock)
                for each in taken:
                    senders.submit(self._deliver, each, clock)
                made += len(taken)
                if taken:
                    continue
                if self._busy():
                    self._one_ended.wait(_WHILE_BUSY)
                elif forever:
                    self._stop.wait(self._poll)
                else:
                    break
        return made

    def _busy(self) -> int:
        with self._lock:
            return self._under_way.total()

    def _take(self, clock: Clock) -> list[Taken]:
        with self._lock:
            under_way = Counter(self._under_way)
        room = self._senders - under_way.total()
        if room <= 0:
            return []
        with self._database.begin(writes=False) as db:
            due = webhook_claims.due_webhooks(db, clock.ask(db))
        open_to_more = [each for each in due if under_way[each] < webhook_claims.AT_ONCE]
        if not open_to_more:
            return []
        # Taking changes nothing that a power cut could not undo: what was taken is sent anew.
        with self._database.begin(writes=True, durable=False) as db:
            taken = webhook_claims.claim(
                db, self.name, self._key, clock.ask(db), self._in_turn(open_to_more),
                under_way, room,
            )  # fmt: skip
        with self._lock:
            self._under_way.update(each.webhook_id for each in taken)
        return taken

    def _in_turn(self, webhook_ids: Sequence[str]) -> list[str]:
        """Each of them comes first once."""
        self._turn += 1
        place = self._turn % len(webhook_ids)
        return [*webhook_ids[place:], *webhook_ids[:place]]

    def _deliver(self, taken: Taken, clock: Clock) -> None:
        """In a thread of its own; nothing is raised."""
        try:
            if not claims.holds(taken.leased_until, clock()):
                return  # the machine was suspended: others may have it by now
            came = self._came(taken, clock)
            if came.reason is not None:
                logger.warning(
                    "webhook %s: %s has not arrived: %s %s",
                    taken.webhook_id, taken.message_id, came.reason, came.status or "",
                )  # fmt: skip
            self._note(taken, came, clock)
        except Exception as error:
            log_failure(logger, f"webhook {taken.webhook_id}", error)
        finally:
            with self._lock:
                self._under_way[taken.webhook_id] -= 1
                self._under_way += Counter()  # without those that have none
            self._one_ended.set()

    def _came(self, taken: Taken, clock: Clock) -> Came:
        try:
            target = read_target(taken.address, plain=self._plain)
            signed = headers(taken.keys, taken.message_id, int(clock().timestamp()), taken.body)
            answer = post(target, taken.body, signed, self._guard, together=self._together)
            return came_of(answer)
        except PostError as error:
            return Came(error.reason)
        except Invalid:
            return Came(Reason.ADDRESS)  # it was taken by rules of before
        except Exception as error:
            log_failure(logger, f"webhook {taken.webhook_id}", error)
            return Came(Reason.OURS)

    def _note(self, taken: Taken, came: Came, clock: Clock) -> None:
        """Writes down what came of a request; where the database is locked or away it is tried
        until the lease ends, since whoever takes it then sends it again; once told to stop, one
        more time."""
        while True:
            try:
                with self._database.begin(writes=True, durable=False) as db:
                    chance = random.random()  # noqa: S311 - no secret
                    webhook_claims.record(db, self.name, taken, came, clock.ask(db), chance)
                return
            except SQLAlchemyError:
                last = self._stop.wait(_BETWEEN_NOTES)
                if last or not claims.holds(taken.leased_until, clock()):
                    raise


@contextlib.contextmanager
def telling_webhooks(settings: Settings, database: Database) -> Iterator[None]:
    """Tells webhooks in threads, as long as this is open."""
    links = Links(secret_key(settings.secret_key, settings.data_dir), settings.base_url)
    courier = Courier(database, links.key(Purpose.WEBHOOK), plain=settings.development)
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,), name="webhooks")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

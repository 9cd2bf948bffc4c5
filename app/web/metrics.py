"""Figures of this process for Prometheus, and those that the database has for all processes.

Labels are patterns of addresses, methods that HTTP has, classes of status, and reasons that are
ours: none of them grows with people or with what somebody asks for. docs/operations.md says what
each figure means; a test holds that list and this one together.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.models import now
from app.services.outbox_figures import Figures, outbox_figures

logger = logging.getLogger("convoca.web")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FEED = "/feed/{token}.ics"


class Metrics:
    """Of one web process. Several processes are asked one by one: what comes from the database is
    the same from each, what they counted themselves adds up."""

    def __init__(self, database: Database) -> None:
        self.registry = registry = CollectorRegistry()
        self._counts: dict[tuple[str, str, str], Counter] = {}
        self._timers: dict[str, Histogram] = {}
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "convoca_requests",
            "Requests answered, by the pattern of their address, method and class of status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "convoca_request_seconds",
            "Seconds until a request was answered, streams left out.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._unavailable = Counter(
            "convoca_unavailable", "Requests answered with 503.", registry=registry
        )
        self._busy = Counter(
            "convoca_database_busy",
            "Requests that the database refused: locked, away, or ended by it.",
            registry=registry,
        )
        self._feeds = Counter(
            "convoca_feed_hits",
            "Calendars fetched, and how many of them had not changed.",
            ("answer",),
            registry=registry,
        )
        self._batch = Histogram(
            "convoca_desk_batch_size",
            "Check-ins that were committed together.",
            buckets=_BATCH,
            registry=registry,
        )
        self._wait = Histogram(
            "convoca_desk_wait_seconds",
            "Seconds that the first of a batch waited until it was committed.",
            buckets=_SECONDS,
            registry=registry,
        )
        registry.register(_OfDatabase(database))

    def answered(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """A request is over. `status` 0: who asked went away before. `seconds` None: a stream."""
        known = method if method in _METHODS else "other"
        kind = f"{status // 100}xx" if status else "none"
        # Found once for each: to look one up by its labels takes longer than to count.
        count = self._counts.get((route, known, kind))
        if count is None:
            count = self._requests.labels(route, known, kind)
            self._counts[route, known, kind] = count
        count.inc()
        if seconds is not None:
            timer = self._timers.get(route)
            if timer is None:
                timer = self._timers[route] = self._seconds.labels(route)
            timer.observe(seconds)
        if status == 503:
            self._unavailable.inc()
        if route == _FEED and status in (200, 304):
            self._feeds.labels("whole" if status == 200 else "unchanged").inc()

    def database_busy(self) -> None:
        """The database refused a request."""
        self._busy.inc()

    def desk(self, size: int, seconds: float) -> None:
        """So many check-ins are committed together; the first waited so long."""
        self._batch.observe(size)
        self._wait.observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it. Asks the database."""
        return generate_latest(self.registry)


class _OfDatabase(Collector):
    """What the database knows, read when somebody asks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> list[Metric]:
        """Nothing beforehand: that would ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures; without a database only that there is none."""
        moment, found = now(), None
        try:
            with self._database.begin(writes=False) as db:
                found = outbox_figures(db, moment)
        except SQLAlchemyError as error:
            logger.warning("figures: the database does not answer: %s", type(error).__name__)
        yield _gauge("convoca_database_up", "Whether the database answers.", found is not None)
        if found is not None:
            yield from _told(found, moment)


def _told(found: Figures, moment: datetime) -> Iterator[Metric]:
    yield _gauge("convoca_outbox_waiting", "Mails that wait, also for their time.", found.waiting)
    yield _gauge("convoca_outbox_due", "Mails whose time has come.", found.due)
    yield _gauge(
        "convoca_outbox_oldest_due_seconds",
        "For how long the oldest of these has been due; 0: none is.",
        (moment - found.oldest_due).total_seconds() if found.oldest_due else 0,
    )
    failed = GaugeMetricFamily(
        "convoca_outbox_failed", "Mails that were given up, by the reason.", labels=["reason"]
    )
    for reason, count in sorted(found.failed.items()):
        failed.add_metric([reason], count)
    yield failed
    yield _gauge("convoca_sending_held", "Whether nothing is sent since a restore.", found.held)
    yield CounterMetricFamily(
        "convoca_mails_sent", "Mails that all workers have sent.", value=found.sent
    )
    yield CounterMetricFamily(
        "convoca_send_failures", "Tries of all workers that failed.", value=found.failures
    )
    if found.last_turn is not None:
        yield _gauge(
            "convoca_worker_last_turn_seconds",
            "For how long no worker has looked into the outbox.",
            max(0.0, (moment - found.last_turn).total_seconds()),
        )


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=float(value))

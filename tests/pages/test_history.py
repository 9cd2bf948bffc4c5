"""The page that says who did what."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select, update
from starlette.testclient import TestClient

from app.db import Database
from app.models import AuditEntry, Cycle
from app.models.audited import AUDITED
from app.models.trail import Doing, set_doing
from app.web.history_words import CHANGES, COLUMNS, NOUNS, VALUES
from tests.factories import Make


@pytest.fixture
def slug(database: Database) -> str:
    """Of a cycle that Olga changed, a program of hers, and a participant."""
    with database.begin(writes=True) as db:
        set_doing(db, Doing("organizer", "u1", "Olga", "page", "create_cycle"))
        make = Make(db)
        cycle = make.cycle(title={"en": "Flowers"})
        make.enrolment(cycle, name="Ana Ruiz")
        slug = cycle.slug
    with database.begin(writes=True) as db:
        set_doing(db, Doing("program", "u2", "Pia", "api", "change_cycle"))
        row = db.exec(select(Cycle)).one()
        row.capacity = 40
    return slug


def _rows(page: str) -> Iterator[str]:
    for row in re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)[1:]:
        yield " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_every_table_of_the_trail_has_a_name() -> None:
    assert sorted(NOUNS) == sorted(AUDITED)
    assert sorted(CHANGES) == ["added", "changed", "removed"]


def test_every_column_of_the_trail_has_a_name() -> None:
    kept = {
        (table, column)
        for table, audited in AUDITED.items()
        for column in (*audited.plain, *audited.private, *audited.hidden)
    }
    told = {column for _, column in kept} - {"cycle_id"}
    assert (sorted(told), set(VALUES) - kept) == (sorted(COLUMNS), set())


def test_the_newest_first_in_words(organizer_client: TestClient, slug: str) -> None:
    rows = list(_rows(organizer_client.get(f"/organize/c/{slug}/history").text))
    assert "Pia (by a program) API" in rows[0]
    assert "Cycle “Flowers” changed" in rows[0]
    assert rows[0].endswith("Places 40")
    assert [("Olga" in row, "Page" in row) for row in rows[1:]] == [(True, True)] * (len(rows) - 1)
    assert len(rows) > 2


@pytest.mark.parametrize(
    ("query", "who"),
    [
        ("who=u1", {"Olga"}),
        ("who=u2", {"Pia"}),
        ("what=enrolment", {"Olga"}),
        ("what=nothing-known", {"Olga", "Pia"}),
        ("since=2999-01-01", set()),
        ("until=2000-01-01", set()),
        ("since=soon&until=9999-12-31", {"Olga", "Pia"}),
        ("who=a%00b", set()),
        ("row=a%00b", set()),
        ("who=nobody", set()),
    ],
)
def test_filters(organizer_client: TestClient, slug: str, query: str, who: set[str]) -> None:
    page = organizer_client.get(f"/organize/c/{slug}/history?{query}")
    assert page.status_code == 200
    rows = list(_rows(page.text))
    assert {name for row in rows for name in ("Olga", "Pia") if name in row} == who
    assert ("Nothing was done that fits this." in page.text) == (not who)


def test_days_are_the_readers(organizer_client: TestClient, database: Database, slug: str) -> None:
    with database.begin(writes=True) as db:
        at = datetime(2026, 11, 26, 2, 30, tzinfo=UTC)  # the evening before, in Bogota
        db.connection().execute(
            update(AuditEntry).where(col(AuditEntry.actor_id) == "u2").values(at=at)
        )
    organizer_client.cookies.set("zone", "America/Bogota")
    base = f"/organize/c/{slug}/history?who=u2"
    for query, count in (("since=2026-11-25&until=2026-11-25", 1), ("since=2026-11-26", 0)):
        assert len(list(_rows(organizer_client.get(f"{base}&{query}").text))) == count


def test_pages_follow_each_other(
    organizer_client: TestClient, database: Database, slug: str
) -> None:
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        at = datetime(2026, 11, 26, 12, tzinfo=UTC)
        for number in range(130):
            db.add(
                AuditEntry(
                    at=at + timedelta(seconds=number),
                    deed_id=f"d{number}",
                    deed="x",
                    channel="page",
                    actor_kind="organizer",
                    actor_id="u9",
                    actor_name=f"Nr. {number}",
                    noun="cycle",
                    row_id=cycle.id,
                    change="changed",
                    cycle_id=cycle.id,
                )
            )
    seen: list[str] = []
    path: str | None = f"/organize/c/{slug}/history?who=u9"
    while path:
        page = organizer_client.get(path).text
        seen += re.findall(r"Nr\. (\d+)", "\n".join(_rows(page)))
        following = re.search(r'href="([^"]*after=[^"]*)"', page)
        path = following[1].replace("&amp;", "&") if following else None
        if path:
            assert "who=u9" in path
    assert seen == [str(number) for number in reversed(range(130))]

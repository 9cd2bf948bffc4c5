"""What is told to webhooks, in the transaction of the fact itself; and webhooks themselves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import func
from sqlmodel import SQLModel, col, select

from app.db import Database, DbSession
from app.domain.answers import Answer, AnswerSource
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import Clash, NotFound
from app.domain.webhooks import ROTATION, EventType
from app.models import AuditEntry, Cycle, Webhook, WebhookDelivery, WebhookEvent
from app.outgoing.failures import Reason
from app.schemas.certificate import RevokeIn, SupersedeIn
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.schemas.webhook import DATA, WebhookIn
from app.services import (
    certificate_life,
    check_in,
    enrolments,
    my_answers,
    webhook_deliveries,
    webhook_events,
    webhook_secrets,
    webhooks,
)
from app.services.check_in_batch import CheckIns, Done, Slip
from app.worker.tidy import KEEP_EVENTS, tidy
from tests.factories import NOW, Make
from tests.services.attendance_world import OVER
from tests.services.certificate_world import Certified
from tests.services.mailing_world import World, planned_world
from tests.services.webhooks_world import ALL, OLGA, add, target, told

Counting = Callable[[], AbstractContextManager[list[str]]]
SOON = NOW + timedelta(hours=1)


def person(n: int = 1) -> EnrolmentIn:
    return EnrolmentIn(name=f"Ana {n}", email=f"ana{n}@example.org", country="CL", consent=True)


def types(db: DbSession) -> list[str]:
    return [kind for kind, _ in told(db)]


@pytest.fixture
def cycle(db: DbSession, make: Make) -> Cycle:
    row = make.cycle(status="published", release_number=1, capacity=1)
    add(db, row.id)
    return row


def test_an_enrolment_from_its_beginning_to_its_end(db: DbSession, cycle: Cycle) -> None:
    first = enrolments.enrol(db, cycle.slug, person(1), NOW)
    second = enrolments.enrol(db, cycle.slug, person(2), NOW)
    assert enrolments.withdraw(db, first, SOON) == [second]
    enrolments.enrol(db, cycle.slug, person(1), SOON + timedelta(minutes=1))
    ids = {first.id: "first", second.id: "second"}
    found = [(kind, ids[str(d["enrolment_id"])], d["status"]) for kind, d in told(db)]
    assert sorted(found) == sorted(
        [
            ("enrolment.created", "first", "confirmed"),
            ("enrolment.confirmed", "first", "confirmed"),
            ("enrolment.created", "second", "waitlisted"),
            ("enrolment.waitlisted", "second", "waitlisted"),
            ("enrolment.withdrawn", "first", "withdrawn"),
            ("enrolment.confirmed", "second", "confirmed"),
            ("enrolment.waitlisted", "first", "waitlisted"),
        ]
    )


def test_one_that_waits_for_an_organizer(db: DbSession, cycle: Cycle) -> None:
    cycle.approval = True
    row = enrolments.enrol(db, cycle.slug, person(), NOW)
    assert types(db) == ["enrolment.created"]
    change = EnrolmentChange(status=EnrolmentStatus.CONFIRMED)
    enrolments.change_enrolment(db, OLGA, row.id, change, now=SOON)
    enrolments.change_enrolment(db, OLGA, row.id, change, now=SOON)
    assert types(db) == ["enrolment.created", "enrolment.confirmed"]


@pytest.fixture
def world(db: DbSession) -> World:
    return planned_world(db)


def test_an_answer_that_counts(db: DbSession, world: World) -> None:
    add(db, world.cycle.id)
    world.publish(invite=True)
    for what, at in ((Answer.ACCEPTED, SOON), (Answer.ACCEPTED, SOON), (Answer.DECLINED, NOW)):
        my_answers.answer(
            db, world.cycle.id, world.ana.id, 1, what, "See you", AnswerSource.PAGE, at
        )
    release, *answers = told(db)
    assert release[0] == "release.published"
    assert release[1]["number"] == world.cycle.release_number
    assert answers == [
        (
            "answer.given",
            {
                "cycle_id": world.cycle.id,
                "session_id": world.session.id,
                "person_id": world.ana.id,
                "answer": "accepted",
                "source": "page",
            },
        )
    ]


def test_a_check_in_by_itself_and_twice(db: DbSession, world: World) -> None:
    add(db, world.cycle.id, events=[EventType.CHECKED_IN])
    world.publish()
    enrolment = world.make.enrolment(world.cycle)
    for _ in range(2):
        check_in.check_in(db, enrolment, 1, world.session.starts_at, "room")
    assert [(kind, d["enrolment_id"], d["source"]) for kind, d in told(db)] == [
        ("attendance.checked_in", enrolment.id, "room")
    ]


def desk(database: Database, listens: bool) -> tuple[CheckIns, list[Slip]]:
    with database.begin(writes=True) as db:
        world = planned_world(db)
        world.publish()
        at = world.session.starts_at
        ids = [world.make.enrolment(world.cycle).id for _ in range(3)]
        if listens:
            add(db, world.cycle.id, events=[EventType.CHECKED_IN])
            add(db, world.cycle.id, 8443, events=[EventType.ENROLMENT_CREATED])
    return CheckIns(database), [Slip(each, 1, 1, at) for each in ids]


def test_the_desk_tells_of_whoever_is_new(database: Database) -> None:
    work, slips = desk(database, listens=True)
    work(slips[:2])
    outcomes = work([*slips, slips[2]])
    assert [isinstance(o, Done) and o.already for o in outcomes] == [True, True, False, True]
    with database.begin(writes=False) as db:
        found = [(kind, d["enrolment_id"]) for kind, d in told(db)]
        assert sorted(found) == sorted(
            ("attendance.checked_in", slip.enrolment_id) for slip in slips
        )
        assert db.exec(select(func.count()).select_from(WebhookDelivery)).one() == 3


def test_the_desk_asks_nothing_more_where_nobody_listens(
    database: Database, count_queries: Counting
) -> None:
    work, slips = desk(database, listens=False)
    work(slips[:1])  # what it keeps of the session is kept
    with count_queries() as queries:
        work(slips[1:])
    assert len(queries) == 2  # who they are, and the check-ins


def test_the_desk_asks_as_much_for_three_as_for_one(
    database: Database, count_queries: Counting
) -> None:
    work, slips = desk(database, listens=True)
    counts = []
    for some in (slips[:1], slips[1:]):
        work([])
        with count_queries() as queries:
            work(some)
        counts.append(len(queries))
    assert counts[1] == 2 + 4
    assert counts[0] >= counts[1]


def test_certificates(db: DbSession) -> None:
    known = Certified(db)
    add(db, known.cycle.id, events=[e for e in ALL if e.startswith("certificate.")])
    row = known.issue(known.ana)
    new = certificate_life.supersede(db, OLGA, row.code, SupersedeIn(reason="Name"), OVER)
    for _ in range(2):
        certificate_life.revoke(db, OLGA, new.code, RevokeIn(reason="Mistake"), OVER)
    found = [(k, d["certificate_id"], d.get("superseded_by_id")) for k, d in told(db)]
    assert found == [
        ("certificate.issued", row.id, None),
        ("certificate.issued", new.id, None),
        ("certificate.superseded", row.id, new.id),
        ("certificate.revoked", new.id, None),
    ]


# Who is told.


def test_only_those_who_want_it_and_are_there_already(db: DbSession, make: Make) -> None:
    mine, other = (make.cycle(status="published", release_number=1) for _ in range(2))
    enrolments.enrol(db, mine.slug, person(1), NOW)  # before anybody listens
    wants = add(db, mine.id, events=[EventType.ENROLMENT_CREATED])
    add(db, mine.id, 8443, events=[EventType.RELEASE_PUBLISHED])
    add(db, other.id)
    off = add(db, mine.id, 8444)
    webhooks.disable_webhook(db, OLGA, mine.id, off.id, NOW)
    enrolments.enrol(db, mine.slug, person(2), NOW)
    rows = db.exec(select(WebhookDelivery)).all()
    assert [row.webhook_id for row in rows] == [wants.id]
    assert types(db) == ["enrolment.created"]


def test_a_fact_that_is_rolled_back_is_not_told(database: Database) -> None:
    with database.begin(writes=True) as db:
        row = Make(db).cycle(status="published", release_number=1)
        add(db, row.id)
    with database.begin(writes=True) as db:
        enrolments.enrol(db, row.slug, person(), NOW)
        assert types(db) != []
        db.rollback()
    with database.begin(writes=False) as db:
        assert types(db) == []


def test_the_same_fact_is_told_once(db: DbSession, cycle: Cycle) -> None:
    row = enrolments.enrol(db, cycle.slug, person(), NOW)
    count = len(told(db))
    webhook_events.tell_enrolment(db, row, created=True)
    assert len(told(db)) == count == 2


def test_what_is_told_names_nobody(db: DbSession, cycle: Cycle) -> None:
    """So that nothing has to be looked for when somebody's data is erased: each type has its
    schema, which has no place for a name or an address."""
    enrolments.enrol(db, cycle.slug, person(), NOW)
    kept = [*db.exec(select(WebhookEvent)), *db.exec(select(WebhookDelivery))]
    text = repr([row.model_dump() for row in kept])
    assert kept
    for said in ("ana1@example.org", "Ana 1", "CL"):
        assert f"'{said}" not in text
    free = {"source": ["personal-page", "room", "api"]}
    for model in DATA.values():
        for name, field in model.model_fields.items():
            kind: Any = field.annotation
            schema = TypeAdapter(kind).json_schema()
            is_id = name.endswith("_id")
            assert is_id or name == "number" or name in free or "enum" in schema, name


# Webhooks.


def test_the_trail_knows_of_another_secret_and_of_no_address_but_its_host(
    database: Database,
) -> None:
    with database.begin(writes=True) as db:
        cycle_id = Make(db).cycle().id
        row = add(db, cycle_id, path="/only-owners-know?key=only-owners-know")
    for deed in ("rotate", "end", "change"):
        with database.begin(writes=True) as db:
            if deed == "rotate":
                webhooks.rotate_secret(db, OLGA, cycle_id, row.id, NOW)
            elif deed == "end":
                webhooks.end_old_secret(db, OLGA, cycle_id, row.id)
            else:
                other = replace(target(path="/only-owners-know"), host="other.example.org")
                command = WebhookIn(description="The registry", events=ALL)
                webhooks.change_webhook(db, OLGA, cycle_id, row.id, command, other)
    with database.begin(writes=False) as db:
        query = select(AuditEntry).where(AuditEntry.row_id == row.id).order_by(AuditEntry.id)
        lines = db.exec(query).all()
    until = (NOW + ROTATION).isoformat()
    assert [(each.before, each.after) for each in lines[1:]] == [
        ({"before_until": None}, {"before_until": until}),
        ({"before_until": until}, {"before_until": None}),
        ({"address": "hooks.example.org"}, {"address": "other.example.org"}),
    ]
    assert lines[0].after["address"] == "hooks.example.org"
    assert "only-owners-know" not in str([each.model_dump() for each in lines])


def test_at_most_ten_of_a_cycle_each_with_an_address_of_its_own(
    db: DbSession, cycle: Cycle
) -> None:
    with pytest.raises(Clash) as raised:
        add(db, cycle.id)
    assert raised.value.code == "same_address"
    for n in range(9):
        add(db, cycle.id, path=f"/{n}")
    with pytest.raises(Clash) as raised:
        add(db, cycle.id, path="/more")
    assert raised.value.code == "too_many"


def test_another_cycle_s_is_not_there(db: DbSession, make: Make, cycle: Cycle) -> None:
    row, other = db.exec(select(Webhook)).one(), make.cycle()
    command = WebhookIn(events=ALL)
    acts: list[Callable[[], Any]] = [
        lambda: webhooks.get_webhook(db, OLGA, other.id, row.id),
        lambda: webhooks.change_webhook(db, OLGA, other.id, row.id, command, target()),
        lambda: webhooks.rotate_secret(db, OLGA, other.id, row.id, NOW),
        lambda: webhooks.end_old_secret(db, OLGA, other.id, row.id),
        lambda: webhooks.disable_webhook(db, OLGA, other.id, row.id, NOW),
        lambda: webhooks.enable_webhook(db, OLGA, other.id, row.id, NOW),
        lambda: webhooks.remove_webhook(db, OLGA, other.id, row.id),
        lambda: webhooks.send_test(db, OLGA, other.id, row.id, NOW),
        lambda: webhooks.get_webhook(db, OLGA, cycle.id, "nobody"),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
    assert db.exec(select(Webhook)).one().disabled_at is None


def test_another_webhook_s_delivery_is_not_there(db: DbSession, cycle: Cycle) -> None:
    first, second = db.exec(select(Webhook)).one(), add(db, cycle.id, 8443)
    delivery = webhooks.send_test(db, OLGA, cycle.id, first.id, NOW)
    with pytest.raises(NotFound):
        webhook_deliveries.get_delivery(db, OLGA, second, delivery.id)
    with pytest.raises(NotFound):
        webhook_deliveries.send_again(db, OLGA, cycle.id, second, delivery.id, NOW)


def test_a_cycle_knows_whether_it_has_webhooks(db: DbSession, make: Make) -> None:
    row = make.cycle()
    revision = row.revision
    assert not row.has_webhooks
    webhook = add(db, row.id)
    db.refresh(row)
    assert (row.has_webhooks, row.revision) == (True, revision)
    webhooks.send_test(db, OLGA, row.id, webhook.id, NOW)
    webhooks.remove_webhook(db, OLGA, row.id, webhook.id)
    db.refresh(row)
    assert (row.has_webhooks, row.revision) == (False, revision)
    assert db.exec(select(WebhookDelivery)).all() == []


def test_secrets_follow_from_a_seed_and_the_key_and_rotate(db: DbSession, cycle: Cycle) -> None:
    row = db.exec(select(Webhook)).one()
    secret, keys = webhook_secrets.shown(b"key", row), webhook_secrets.signing_keys
    assert secret.startswith("whsec_")
    assert webhook_secrets.shown(b"another", row) != secret
    assert secret not in repr(row.model_dump())
    before = keys(b"key", row, NOW)
    assert len(before) == 1
    webhooks.rotate_secret(db, OLGA, cycle.id, row.id, NOW)
    assert webhook_secrets.shown(b"key", row) != secret
    last = NOW + ROTATION - timedelta(seconds=1)
    assert keys(b"key", row, last)[1:] == before
    assert len(keys(b"key", row, NOW + ROTATION)) == 1
    webhooks.rotate_secret(db, OLGA, cycle.id, row.id, NOW)  # two at a time, not three
    assert before[0] not in keys(b"key", row, NOW)
    webhooks.end_old_secret(db, OLGA, cycle.id, row.id)
    assert len(keys(b"key", row, NOW)) == 1


def test_disabling_gives_up_what_waits_and_enabling_begins_anew(
    db: DbSession, cycle: Cycle
) -> None:
    row = db.exec(select(Webhook)).one()
    enrolments.enrol(db, cycle.slug, person(), NOW)
    webhooks.disable_webhook(db, OLGA, cycle.id, row.id, NOW)
    webhooks.disable_webhook(db, OLGA, cycle.id, row.id, SOON)
    assert (row.disabled_why, row.disabled_at) == (webhooks.BY_HAND, NOW)
    found = db.exec(select(WebhookDelivery.status, WebhookDelivery.reason)).all()
    assert found == [("failed", Reason.DISABLED)] * 2
    with pytest.raises(Clash):
        webhooks.send_test(db, OLGA, cycle.id, row.id, NOW)
    row.failures, row.failing_since = 9, NOW
    webhooks.enable_webhook(db, OLGA, cycle.id, row.id, SOON)
    assert row.failures == 0
    assert row.model_dump(include={"disabled_at", "failing_since"}) == {
        "disabled_at": None,
        "failing_since": None,
    }
    assert webhooks.disabled_by_themselves(db, cycle.id) == []


def test_a_list_costs_the_same_for_three(
    db: DbSession, cycle: Cycle, count_queries: Counting
) -> None:
    row = db.exec(select(Webhook)).one()
    for n in range(2):
        webhooks.send_test(db, OLGA, cycle.id, row.id, NOW)
        counts = []
        with count_queries() as queries:
            (listed,) = webhooks.list_webhooks(db, OLGA, cycle.id)
        counts.append(len(queries))
        with count_queries() as queries:
            seen = webhook_deliveries.list_deliveries(db, OLGA, row)
        counts.append(len(queries))
        assert counts == [2, 2]
        assert (listed.waiting, listed.failed, len(seen.rows)) == (n + 1, 0, n + 1)


def test_deliveries_back_and_forth(db: DbSession, cycle: Cycle) -> None:
    row = db.exec(select(Webhook)).one()
    ids = [webhooks.send_test(db, OLGA, cycle.id, row.id, NOW).id for _ in range(5)][::-1]

    def page(**where: str) -> tuple[list[str], str | None, str | None]:
        seen = webhook_deliveries.list_deliveries(db, OLGA, row, limit=2, **where)
        return [sent.delivery.id for sent in seen.rows], seen.newer, seen.older

    first, newer, older = page()
    assert (first, newer) == (ids[:2], None)
    assert older is not None
    second, newer, older = page(after=older)
    assert second == ids[2:4]
    assert older is not None
    assert newer is not None
    third, back, end = page(after=older)
    assert (third, end) == (ids[4:], None)
    assert back is not None
    assert page(before=back)[0] == ids[2:4]
    assert page(before=newer)[0] == ids[:2]
    assert page(status="failed")[0] == []
    assert page(kind="webhook.test")[0] == ids[:2]
    assert page(kind="answer.given")[0] == []


def test_the_old_is_tidied_away(db: DbSession, cycle: Cycle) -> None:
    row = db.exec(select(Webhook)).one()
    webhooks.rotate_secret(db, OLGA, cycle.id, row.id, NOW)
    for days, status in ((31, "delivered"), (31, "waiting"), (29, "failed")):
        delivery = webhooks.send_test(db, OLGA, cycle.id, row.id, NOW)
        delivery.status = status
        event = db.get_one(WebhookEvent, delivery.event_id)
        event.created_at = NOW + KEEP_EVENTS - timedelta(days=days)
    db.flush()
    tidy(db, NOW + KEEP_EVENTS)
    db.expire_all()
    left = db.exec(select(WebhookDelivery.status).order_by(col(WebhookDelivery.id))).all()
    assert left == ["waiting", "failed"]
    assert row.seed_before == ""


def test_removing_one_while_something_is_told(real_database: Database) -> None:
    """Whoever tells waits for the removal, instead of failing for it with all that it tells of."""
    with real_database.begin(writes=True) as db:
        row = Make(db).cycle(status="published", release_number=1)
        webhook = add(db, row.id)
    removed, told_by, outcome = Event(), Event(), list[object]()

    def tells() -> None:
        removed.wait(10)
        told_by.set()
        try:
            with real_database.begin(writes=True) as other:
                fact = webhook_events.checked_in(row.id, "e", "n", "s", NOW, "room")
                outcome.append(webhook_events.tell(other.connection(), [fact]))
        except Exception as error:
            outcome.append(error)

    thread = Thread(target=tells)
    thread.start()
    with real_database.begin(writes=True) as db:
        webhooks.remove_webhook(db, OLGA, row.id, webhook.id)
        removed.set()
        told_by.wait(10)
        thread.join(0.3)  # it has got as far as it gets
        assert outcome == []
    thread.join(10)
    assert outcome == [0]


def test_no_table_of_webhooks_has_a_place_for_a_person() -> None:
    tables = SQLModel.metadata.tables
    for name in ("webhook_event", "webhook_delivery"):
        referred = {key.column.table.name for key in tables[name].foreign_keys}
        assert referred <= {"cycle", "webhook", "webhook_event"}

"""What the mails say."""

import re

import pytest

from app.db import Database, DbSession
from app.domain.documents import to_document
from app.domain.enrolment import EnrolmentStatus
from app.mail.failures import Reason, SendError
from app.models import Enrolment, Message, Release, SignInLink
from app.services import accounts, outbox
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from app.services.mail_list import list_messages
from app.services.schedules import draft_schedule
from app.worker.compose import MOST_SESSIONS, compose
from tests.factories import NOW, Make
from tests.worker.written import SENDER, written


def _release(db: DbSession, cycle_id: str) -> None:
    document = to_document(draft_schedule(db, cycle_id).without_meeting_links())
    db.add(Release(cycle_id=cycle_id, number=1, document=document))
    db.flush()


def _queue(db: DbSession, enrolment: Enrolment, kind: str = "enrolment-confirmed") -> Message:
    return outbox.enqueue(
        db,
        kind=kind,
        intent=f"{kind}:{enrolment.id}",
        to_name=enrolment.name,
        to_address="ana@example.org",
        language=enrolment.language,
        context={"enrolment_id": enrolment.id},
        cycle_id=enrolment.cycle_id,
        now=NOW,
    )


def test_a_confirmation(db: DbSession, links: Links, make: Make) -> None:
    cycle = make.cycle(
        title={"en": "Cluster & territory"}, contact_email="help@example.org", language="en"
    )
    make.session(cycle, 1)
    make.session(cycle, 2, title={"en": "Funding <clusters>"})
    make.session(cycle, 3, status="cancelled")
    enrolment = make.enrolment(cycle, name="Ana Ruiz", zone="Europe/Madrid")
    _release(db, cycle.id)
    mail, text, html = written(db, links, _queue(db, enrolment))
    assert mail["Subject"] == "You are enrolled: Cluster & territory"
    assert str(mail["Reply-To"]) == "help@example.org"
    page = links.my(enrolment.id, 1)
    feed = links.feed(enrolment.id, 1)
    assert (
        text
        == f"""\
You are enrolled

Cluster & territory

The next session:
  Tuesday 1 December 2026
  15:00–16:30, Madrid time
  (09:00–10:30, Bogotá time)
  1. Session 1

Hello Ana Ruiz,

Your place is confirmed. Your page has the dates, the way into each session and your check-in.

Open your page:
{page}

This link is yours alone: whoever has it can act for you. Please do not pass it on.

On the day: Open your page from this mail. Press “Join” to enter the session and “Check in” to be \
counted as present.
Check-in is open from 14:45 to 17:00, Madrid time.

All sessions to come
Times are in Madrid time.

  Tuesday 1 December 2026, 15:00–16:30
    1. Session 1
  Tuesday 8 December 2026, 15:00–16:30
    2. Funding <clusters>

In your calendar: Subscribe once, and your calendar follows every change.
{feed.replace("http:", "webcal:")}

Or add this address in your calendar program:
{feed}

--
You get this mail because your address was used to enrol in “Cluster & territory”. If that was \
not you, ignore it.

Questions? Answer this mail or write to help@example.org.
"""
    )
    assert re.findall(r'href="([^"]+)"', html) == [page, feed.replace("http:", "webcal:")]
    assert "Funding &lt;clusters&gt;" in html
    assert "<table" not in html
    assert "src=" not in html


@pytest.mark.parametrize(
    ("kind", "status", "subject"),
    [
        ("enrolment-pending", "pending", "We have your enrolment: Cycle"),
        ("enrolment-waitlisted", "waitlisted", "You are on the waiting list: Cycle"),
        ("enrolment-link", "pending", "Your link to Cycle"),
    ],
)
def test_who_is_not_confirmed_gets_no_calendar(
    db: DbSession, links: Links, make: Make, kind: str, status: str, subject: str
) -> None:
    cycle = make.cycle(title={"en": "Cycle"}, language="en")
    enrolment = make.enrolment(cycle, status=status)
    mail, text, html = written(db, links, _queue(db, enrolment, kind))
    assert mail["Subject"] == subject
    assert mail["Reply-To"] is None
    assert "The dates are not out yet." in text
    assert re.findall(r"\w+://\S+", text) == [links.my(enrolment.id, 1)]
    assert re.findall(r'href="([^"]+)"', html) == [links.my(enrolment.id, 1)]


def test_only_what_was_published_is_told(db: DbSession, links: Links, make: Make) -> None:
    cycle = make.cycle(language="en")
    make.session(cycle, 1)
    _release(db, cycle.id)
    make.session(cycle, 2)
    _, text, _ = written(db, links, _queue(db, make.enrolment(cycle)))
    assert "Session 2" not in text
    assert "1. Session 1" in text


def test_a_long_cycle_is_cut(db: DbSession, links: Links, make: Make) -> None:
    cycle = make.cycle(language="en")
    for n in range(MOST_SESSIONS + 4):
        make.session(cycle, n + 1)
    _release(db, cycle.id)
    _, text, html = written(db, links, _queue(db, make.enrolment(cycle)))
    assert text.count("09:00–10:30") == MOST_SESSIONS + 1
    assert "And 4 more on your page." in text
    assert "And 4 more on your page." in html
    assert len(html) < 40_000  # Gmail cuts at 102 kB


def test_the_links_are_those_of_the_moment(db: DbSession, links: Links, make: Make) -> None:
    enrolment = make.enrolment(make.cycle())
    message = _queue(db, enrolment)
    enrolment.link_generation = 3
    enrolment.feed_generation = 2
    _, text, _ = written(db, links, message)
    assert links.my(enrolment.id, 3) in text
    assert links.feed(enrolment.id, 2) in text


@pytest.mark.parametrize(
    "name",
    [
        "Win at https://evil.example",
        "evil.example",
        "call 5551234",
        "x@evil.example",
        "a" * 91,
        "ｗｗｗ。evil。example",
        "<b>",
        "www evil",
    ],
)
def test_a_name_that_is_an_advertisement_is_not_repeated(
    db: DbSession, links: Links, make: Make, name: str
) -> None:
    enrolment = make.enrolment(make.cycle(), name=name, language="en")
    _, text, html = written(db, links, _queue(db, enrolment))
    assert name not in text
    assert name not in html
    assert "Hello" not in text
    message = _queue(db, enrolment)
    message.to_name = name
    assert str(written(db, links, message)[0]["To"]) == "ana@example.org"


@pytest.mark.parametrize(
    "name",
    [
        "Ana Ruiz",
        "J.R. Smith",
        "José M.Pérez",
        "María-José d’Ávila y Ñáñez",
        "王小明",
        "María de los Ángeles " * 4 + "Núñez",
        "Ana 👩\u200d💻",
    ],
)
def test_a_name_is_a_name(db: DbSession, links: Links, make: Make, name: str) -> None:
    enrolment = make.enrolment(make.cycle(), name=name, language="en")
    _, text, _ = written(db, links, _queue(db, enrolment))
    assert f"Hello {name}," in text


def _reason(db: DbSession, links: Links, message: Message) -> tuple[Reason, bool]:
    with pytest.raises(SendError) as caught:
        compose(db, links, SENDER, message, NOW)
    return caught.value.reason, caught.value.final


def test_what_no_longer_holds_is_not_told(db: DbSession, links: Links, make: Make) -> None:
    enrolment = make.enrolment(make.cycle())
    message = _queue(db, enrolment)
    enrolment.status = EnrolmentStatus.WITHDRAWN
    assert _reason(db, links, message) == (Reason.MOOT, True)
    db.delete(enrolment)
    db.flush()
    assert _reason(db, links, message) == (Reason.GONE, True)


def test_a_sign_in_mail(db: DbSession, links: Links) -> None:
    user = accounts.add_user(db, "Olga Ruiz", "olga@example.org", language="en")
    accounts.request_link(db, user.email, NOW)
    [message] = list_messages(db, SYSTEM).rows
    mail, text, html = written(db, links, message)
    assert mail["Subject"] == "Your sign-in link"
    [url] = re.findall(r"http://\S+", text)
    token = url.removeprefix("http://testserver/organize/sign-in/")
    assert links.read(Purpose.SIGN_IN, token)[0] == message.context["link_id"]
    assert re.findall(r'href="([^"]+)"', html) == [url]
    assert accounts.check_link(db, links, token, NOW).id == user.id
    link = db.get(SignInLink, message.context["link_id"])
    assert link is not None
    link.expires_at = NOW
    assert _reason(db, links, message) == (Reason.EXPIRED, True)
    link.used_at = NOW
    assert _reason(db, links, message) == (Reason.GONE, True)


def test_nothing_in_the_row_opens_a_door(database: Database, links: Links) -> None:
    with database.begin(writes=True) as db:
        enrolment = Make(db).enrolment(Make(db).cycle())
        message = _queue(db, enrolment)
        token = links.token(Purpose.MY, enrolment.id, 1).rpartition(".")[2]
        written = message.model_dump_json()
    assert token not in written
    assert "http" not in written

"""What mails say that go to an address, not to somebody enrolled: a team's, a link to data."""

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.permissions import AccountStanding, Role
from app.domain.teams import INVITED_FOR
from app.languages import date_long
from app.mail.failures import SendError
from app.models import Message, TeamInvitation
from app.services import data_links, team_invitations
from app.services.links import Links
from app.worker.compose import compose
from tests.factories import NOW, Make
from tests.worker.written import SENDER, written

UNTIL = NOW + INVITED_FOR


def _asked(db: DbSession, cycle_id: str | None, invited_by: str = "Olga Ruiz") -> TeamInvitation:
    row = TeamInvitation(
        cycle_id=cycle_id,
        email="vera@example.org",
        email_key="vera@example.org",
        role=Role.VIEWER if cycle_id else "",
        standing="" if cycle_id else AccountStanding.ORGANIZER,
        language="en",
        invited_by=invited_by,
        expires_at=UNTIL,
        created_at=NOW,
    )
    return team_invitations.ask(db, row, NOW)


def test_an_invitation_to_a_team(db: DbSession, links: Links, make: Make) -> None:
    cycle = make.cycle(title={"en": "Cluster & territory"}, language="en")
    row = _asked(db, cycle.id)
    mail, text, html = written(db, links, db.exec(select(Message)).one())
    url = team_invitations.invitation_link(links, row.id)
    assert mail["Subject"] == "You are invited: Cluster & territory"
    assert (
        text
        == f"""\
You are invited

Olga Ruiz asks you to join the team of “Cluster & territory”. Your role: Viewer.

Accept:
{url}

The link is yours alone, and good until {date_long(UNTIL, "en", "UTC")}.

--
You get this mail because an organizer typed your address. If it means nothing \
to you, ignore it: without the link nothing happens.
"""
    )
    assert (html.count(f'href="{url}"'), html.count("Cluster &amp; territory")) == (1, 2)


def test_an_invitation_to_organize(db: DbSession, links: Links) -> None:
    _asked(db, None)
    mail, text, _ = written(db, links, db.exec(select(Message)).one())
    assert mail["Subject"] == "You are invited: Convoca"
    assert text.splitlines()[2] == "Olga Ruiz asks you to organize training cycles with Convoca."


def test_who_asks_is_named_as_a_name_only(db: DbSession, links: Links, make: Make) -> None:
    _asked(db, None, invited_by="Win at https://bad.example/ <b>now</b>")
    _, text, html = written(db, links, db.exec(select(Message)).one())
    assert ("bad.example" in text, "bad.example" in html, "<b>now" in html) == (False,) * 3


def test_an_invitation_that_was_taken_back(db: DbSession, links: Links) -> None:
    row = _asked(db, None)
    message = db.exec(select(Message)).one()
    row.revoked_at = NOW
    with pytest.raises(SendError):
        compose(db, links, SENDER, message, NOW)
    row.revoked_at = None
    with pytest.raises(SendError):
        compose(db, links, SENDER, message, row.expires_at)


def test_a_link_to_what_is_held(db: DbSession, links: Links, make: Make) -> None:
    person = make.person(email="ana@example.org")
    cycle = make.cycle()
    message = data_links.ask_for_everything(db, person, "Ana Ruiz", "en", cycle.id, NOW)
    assert message is not None
    mail, text, html = written(db, links, message)
    url = data_links.data_address(links, message.context["data_link_id"], message.to_address)
    assert mail["Subject"] == "Your link to your data"
    assert text.splitlines()[:2] + text.splitlines()[2:3] == [
        "What is held about you",
        "",
        "Hello Ana Ruiz,",
    ]
    assert (text.count(url), html.count(f'href="{url}"')) == (1, 1)

"""What is kept of mail that comes in, once; machines and letters."""

import base64
import quopri
from datetime import timedelta

import pytest
from sqlmodel import select

from app.db import DbSession
from app.mail.inbound import LIMIT
from app.models import InboundMail, Message
from app.services.inbound import receive
from app.services.links import Links
from app.worker.tidy import tidy
from tests.mail import inbound_corpus as corpus
from tests.services.test_inbound import RECEIVED, answer, became, invite


def test_the_same_id_with_other_words_is_another_mail(db: DbSession) -> None:
    """Some programs number their mails badly. The way that it came is no difference."""
    invited = invite(db)
    letter = corpus.letter(to=invited.to, message_id="<1@mail.example.org>")
    first = receive(db, letter, RECEIVED)
    reply = receive(db, invited.mail(), RECEIVED)
    assert (became(reply), answer(db, invited)[0]) == (("reply", "placed", ""), "accepted")
    assert first.id != reply.id
    for raw, row in ((letter, first), (invited.mail(), reply)):
        other_way = b"Received: by another\r\n" + raw
        assert receive(db, other_way, RECEIVED + timedelta(days=1)).id == row.id
    assert len(db.exec(select(InboundMail)).all()) == 2


def test_links_of_ours_are_not_kept(db: DbSession) -> None:
    invited = invite(db)
    links = Links("k" * 40, "https://convoca.example")
    url = links.my(invited.guest.id, 1, "/sessions/1/answer")
    text = f"Yes.\n> Come: {url}\n> or {links.feed(invited.guest.id, 12)}\n"
    coded = base64.encodebytes(text.encode()).decode()
    quoted = quopri.encodestring(text.encode()).decode()
    raw = corpus.letter(to=invited.to).replace(b"a colleague", text.encode())
    raw += (coded + "\n\n" + quoted + "\n\n" + text.replace("/answer", "/\r\n> answer")).encode()
    row = receive(db, raw, RECEIVED)
    assert len(row.raw) == len(raw)
    seen = row.raw + base64.b64decode(row.raw[row.raw.index(coded[:20].encode()) :][: len(coded)])
    seen += quopri.decodestring(row.raw) + str(row.shown).encode()
    for token in (url.split("/")[4], links.feed(invited.guest.id, 12).split("/")[4][:-4]):
        assert token.encode() not in seen
        assert token.rpartition(".")[2][:20].encode() not in seen
    assert f"{invited.guest.id}-1.{'x' * 43}".encode() in seen


def test_what_a_person_sees_is_kept_with_it(db: DbSession) -> None:
    row = receive(db, corpus.letter(), RECEIVED)
    assert row.shown["text"] == "May I bring <b>a colleague</b>?"
    assert ["Subject", "Re: Opening"] in row.shown["headers"]
    raw = invite(db).mail(corpus.exchange)
    assert "BEGIN:VCALENDAR\nVERSION:2.0\n" in receive(db, raw, RECEIVED).shown["calendar"]


def test_machines_are_ignored_and_never_answered(db: DbSession) -> None:
    invited = invite(db)
    row = receive(db, corpus.out_of_office(to=invited.to), RECEIVED)
    assert (became(row), row.guest_id) == (("automatic", "ignored", "automatic"), invited.guest.id)
    assert db.exec(select(Message)).all() == []


def test_letters_are_for_a_person(db: DbSession) -> None:
    invited = invite(db)
    row = receive(db, corpus.letter(to=invited.to), RECEIVED)
    assert (became(row), row.guest_id) == (("other", "open", "letter"), invited.guest.id)
    assert row.raw == corpus.letter(to=invited.to)


@pytest.mark.parametrize("size", [None, LIMIT + 1])
def test_what_is_too_large_is_listed_by_its_headers(db: DbSession, size: int | None) -> None:
    raw = corpus.letter() if size else corpus.letter() + b"x" * LIMIT
    row = receive(db, raw, RECEIVED, size=size)
    assert became(row) == ("other", "open", "too-large")
    assert row.details == {"size": size or len(raw)}
    assert row.raw == corpus.letter()[: corpus.letter().index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize("raw", [b"", b"\0\xff\r", b"Subject: \0\xed\xa0\x80\n\n\0"])
def test_bytes_of_every_kind_are_kept(db: DbSession, raw: bytes) -> None:
    row = receive(db, raw, RECEIVED)
    assert (row.status, row.raw) == ("open", raw)


def test_what_has_found_its_place_goes_after_a_month(db: DbSession) -> None:
    invited = invite(db)
    waits = receive(db, corpus.letter(), RECEIVED)
    receive(db, invited.mail(), RECEIVED)
    receive(db, corpus.out_of_office(), RECEIVED)
    later = receive(db, corpus.out_of_office(message_id="<later@x>"), RECEIVED + timedelta(days=1))
    for days, left in ((29, 4), (30, 2)):
        tidy(db, RECEIVED + timedelta(days=days))
        assert len(db.exec(select(InboundMail.id)).all()) == left
    assert set(db.exec(select(InboundMail.id))) == {waits.id, later.id}
    assert answer(db, invited)[0] == "accepted"

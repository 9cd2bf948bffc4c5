"""Erasing what is held about somebody: afterwards nothing has it, and the numbers are the same."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, LargeBinary, String
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.errors import Clash, Gone, Invalid, NotFound
from app.domain.report import Dimension
from app.domain.report_states import RowState
from app.models import (
    AuditEntry,
    Certificate,
    Consent,
    Enrolment,
    Erasure,
    FeedbackAnswer,
    FeedbackReceipt,
    Guest,
    InboundMail,
    Initiative,
    Invitation,
    MailText,
    Material,
    Message,
    Part,
    Person,
    Release,
    ReportRow,
    metadata,
)
from app.schemas.privacy import EraseIn
from app.services import (
    certificate_life,
    enrolments,
    erasure,
    inbound,
    merging,
    outbox,
    people,
)
from app.services.actor import SYSTEM
from app.services.erasure_disk import take_away
from app.services.files import FileStore
from app.services.links import Links
from app.services.own_data import own_data
from app.services.personal_places import IMPERSONAL, PLACES
from app.services.report import report
from tests.factories import NOW, Make
from tests.services.marked_world import ADDRESS, AT, MARK, NAME, OLGA, WORDS, Marked


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Marked:
    return Marked(database, FileStore(tmp_path / "files"), tmp_path / "mail")


@pytest.fixture
def erased(world: Marked) -> Marked:
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, None, AT)
    assert take_away(world.database, world.store, world.mail_dir, AT)
    return world


def found_in(database: Database, mark: str) -> list[str]:
    """Where the mark stands: every column of text of every table, by metadata."""
    found = []
    with database.begin(writes=False) as db:
        for table in metadata.sorted_tables:
            for row in db.connection().execute(table.select()).mappings():
                found += [
                    f"{table.name}.{name}"
                    for name, value in row.items()
                    if mark in _text(value).casefold()
                ]
    return sorted(set(found))


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value, default=str, ensure_ascii=False)


def spellings(mark: str) -> list[bytes]:
    """As bytes, plainly and in base64 at each of its three places."""
    coded = [base64.b64encode(b"x" * n + mark.encode())[4 * (n > 0) :] for n in range(3)]
    return [mark.encode(), *(each.rstrip(b"=")[:-2] for each in coded)]


def files_with(folder: Path, mark: str) -> list[str]:
    wanted = spellings(mark)
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(each in path.read_bytes().lower() for each in wanted[:1])
    )


def test_the_world_has_the_mark_in_every_place_that_takes_it(world: Marked) -> None:
    """Or the test below would show nothing."""
    places = found_in(world.database, MARK)
    theirs = {place.table for place in PLACES if place.erase is not None}
    assert theirs - {each.partition(".")[0] for each in places} == {"data_link"}
    assert len(places) == 49, places
    assert len(files_with(world.mail_dir.parent, MARK)) >= 4


def test_nothing_has_it_afterwards(erased: Marked, caplog: pytest.LogCaptureFixture) -> None:
    assert found_in(erased.database, MARK) == []
    assert files_with(erased.mail_dir.parent, MARK) == []
    path = erased.database.engine.url.database
    if erased.database.engine.dialect.name == "sqlite" and path is not None:
        raw = Path(path)
        for each in (raw, raw.with_name(raw.name + "-wal"), raw.with_name(raw.name + "-shm")):
            assert not each.exists() or MARK.encode() not in each.read_bytes().lower(), each
    assert MARK not in caplog.text.lower()


def test_who_was_there_twice_goes_under_both_addresses(database: Database) -> None:
    """What the trail and mails know of the duplicate that was merged goes with the one that stays,
    also where that one had its address."""
    with database.begin(writes=True) as db:
        make = Make(db)
        keep, twice = make.person(name="Ana"), make.person(name=NAME, email=ADDRESS)
        merging.merge_people(db, SYSTEM, keep.id, twice.id)
        other = make.person(name=NAME, email=f"other.{ADDRESS}")
    with database.begin(writes=True) as db:
        merging.merge_people(db, SYSTEM, keep.id, other.id)
    with database.begin(writes=True) as db:
        Make(db).cycle(description={"en": f"Ask other.{ADDRESS}."})
        about = f"From: eva@example.org\r\nTo: x@example.org\r\n\r\nWrite to other.{ADDRESS}\r\n"
        inbound.receive(db, about.encode(), NOW)
    with database.begin(writes=True) as db:
        erasure.erase_own(db, keep.id, None, AT)
    assert found_in(database, MARK) == []


def test_an_address_of_before_goes_unless_it_is_somebody_elses_now(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        person = make.person(name="Ana", email=ADDRESS)
    with database.begin(writes=True) as db:
        person = db.merge(person)
        person.email = person.email_key = f"mistaken.{ADDRESS}"
    with database.begin(writes=True) as db:
        person = db.merge(person)
        person.email = person.email_key = "ana@example.org"
    with database.begin(writes=True) as db:
        make = Make(db)
        bea = make.person(name="Bea", email=f"mistaken.{ADDRESS}")
        for sender in (ADDRESS, bea.email):
            inbound.receive(db, f"From: {sender}\r\nTo: x@example.org\r\n\r\nHi\r\n".encode(), NOW)
    with database.begin(writes=True) as db:
        erasure.erase_own(db, person.id, None, AT)
    with database.begin(writes=False) as db:
        assert db.exec(select(InboundMail.sender)).all() == [bea.email]


def test_where_a_part_was_given_to_another_the_trail_forgets_who_had_it(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        part = db.exec(select(Part).where(Part.person_id == world.person_id)).one()
        part.person_id = Make(db).person(name="Eva").id
        part.position, part.institution, part.comment = "Chair", "", ""
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, None, AT)
    assert found_in(world.database, MARK) == []
    with world.database.begin(writes=False) as db:
        line = select(AuditEntry.private_after).where(AuditEntry.row_id == part.id)
        assert {"Chair", None} == {each.get("position") for each in db.exec(line)}


@pytest.mark.parametrize(
    "written", ["JOSÉ%_{0}@EXAMPLE.ORG", "<josÉ%_{0}@example.org>", "_José%_{0}@example.org_"]
)
def test_words_are_searched_in_any_alphabet(database: Database, written: str) -> None:
    said = f"Ask {written.format(MARK)}."
    with database.begin(writes=True) as db:
        make = Make(db)
        person = make.person(name="José", email=f"José%_{MARK}@example.org")
        cycle = make.cycle(description={"en": said})
        db.add(MailText(cycle_id=cycle.id, kind="reminder", language="en", text=said))
        db.flush()
        erasure.erase_own(db, person.id, None, AT)
        text = db.exec(select(MailText.text)).one()
    assert found_in(database, MARK) == []
    assert text == said.replace(said[4:-1].strip("<>_"), "—")


def numbers(db: DbSession, world: Marked) -> Any:
    found = report(db, SYSTEM, world.cycle_id, AT)
    return (
        found.whole,
        [each.tally for each in found.sessions],
        [each.opinion for each in found.sessions],
        found.groups[Dimension.COUNTRY],
    )


def test_counts_are_the_same_before_and_after(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        before = numbers(db, world)
        erasure.erase_own(db, world.person_id, None, AT)
    with world.database.begin(writes=False) as db:
        assert numbers(db, world) == before
        assert before[0].enrolled == 6


def test_what_counts_stays_without_a_name(erased: Marked) -> None:
    with erased.database.begin(writes=False) as db:
        row = db.get_one(Enrolment, erased.enrolment_id)
        stands = db.get_one(Person, row.person_id)
        assert (row.name, row.status, row.country, row.institution, row.gender) == (
            "—",
            "confirmed",
            "CL",
            "",
            "",
        )
        assert (stands.name, stands.email, stands.erased_at) == ("—", None, AT)
        guest = db.get_one(Guest, erased.guest_id)
        assert (guest.person_id, guest.biography, guest.photo) == (stands.id, "", "")
        assert [
            (told.answer, told.address, told.comment, told.method)
            for told in db.exec(select(Invitation).where(Invitation.guest_id == guest.id))
        ] == [("accepted", "", "", "")] * 4
        assert [e.shown_as + e.reason for e in db.exec(erased.evidence)] == ["", ""]
        assert db.exec(select(FeedbackAnswer.value)).all() == ["4"]
        assert len(db.exec(select(FeedbackReceipt)).all()) == 1
        assert db.exec(select(Initiative.id)).all() == []
        assert db.exec(select(Material.id)).all() == []
        assert db.exec(select(Part.person_id)).all() == [stands.id]
        theirs = db.exec(select(Consent).where(Consent.enrolment_id == row.id)).all()
        assert [each.version for each in theirs] == [1]
        rows = db.exec(select(ReportRow).order_by(col(ReportRow.number))).all()
        assert [(r.name, r.email, r.state) for r in rows] == [
            ("", "", RowState.MATCHED),
            ("", "", RowState.NOBODY),
            ("Other 0", "", RowState.MATCHED),
        ]
        document = db.exec(select(Release.document).order_by(col(Release.number).desc())).all()
        parts = [
            part
            for release in document
            for session in release["sessions"]
            for segment in session["segments"]
            for part in segment["parts"]
        ]
        assert {(part["name"], part["person_id"]) for part in parts} == {("—", stands.id)}
        made = db.exec(select(Erasure).where(col(Erasure.created_at) == AT)).one()
        assert (made.scope, made.files, made.done_at) == ("everywhere", [], AT)


def test_in_two_cycles_nobody_stands_for_the_same(erased: Marked) -> None:
    with erased.database.begin(writes=False) as db:
        ids = (erased.enrolment_id, erased.other_enrolment_id)
        people_now = {db.get_one(Enrolment, each).person_id for each in ids}
        assert len(people_now) == 2
        assert people.search_people(db, SYSTEM, "—")[0] == []


def test_who_leaves_a_cycle_that_goes_on_leaves_a_place(world: Marked) -> None:
    """And is sent nothing."""
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, None, NOW + timedelta(days=1))
    with world.database.begin(writes=False) as db:
        left = db.get_one(Enrolment, world.other_enrolment_id)
        assert left.status == "withdrawn"
        assert db.get_one(Enrolment, world.waiting_id).status == "confirmed"
        assert db.exec(select(Part.status)).all() == ["declined"]
        told = db.exec(select(Message.to_address).where(Message.status == "queued")).all()
        assert ADDRESS not in told
        assert "leo@example.org" in told


def test_mails_to_their_account_are_the_accounts(world: Marked) -> None:
    """A notice that the account was taken over must not go with the participant."""
    with world.database.begin(writes=True) as db:
        for kind in outbox.ACCOUNT_KINDS:
            outbox.enqueue(
                db,
                kind=kind,
                intent=f"{kind}:x",
                to_name="",
                to_address=ADDRESS,
                language="en",
                context={},
                now=NOW,
            )
        erasure.erase_own(db, world.person_id, None, AT)
    with world.database.begin(writes=False) as db:
        kept = db.exec(select(Message.kind).where(Message.to_address == ADDRESS)).all()
        assert sorted(kept) == sorted(outbox.ACCOUNT_KINDS)


def test_of_one_cycle_the_other_one_knows_nothing(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, world.cycle_id, AT)
    with world.database.begin(writes=False) as db:
        other = db.get_one(Enrolment, world.other_enrolment_id)
        assert (other.name, other.person_id, other.status) == (
            NAME,
            world.person_id,
            "confirmed",
        )
        person = db.get_one(Person, world.person_id)
        assert (person.name, person.email) == (NAME, ADDRESS)
        assert db.get_one(Enrolment, world.enrolment_id).name == "—"
        held = own_data(db, person.id, None, AT)
        assert [each.slug for each in held.cycles] == ["other"]
        assert {m.cycle_id for m in db.exec(select(Message)) if m.to_address == ADDRESS} == {
            world.other_cycle_id
        }


def test_links_say_that_it_was_erased(erased: Marked, links: Links) -> None:
    with erased.database.begin(writes=False) as db:
        token = links.my(erased.enrolment_id, 1).rpartition("/")[2]
        with pytest.raises(Gone) as error:
            enrolments.enrolment_of_link(db, links, token)
        assert error.value.code == "erased"


@pytest.mark.parametrize("keep", [True, False])
def test_the_holder_chooses_what_becomes_of_the_certificate(world: Marked, keep: bool) -> None:
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, None, AT, keep_certificates=keep)
    with world.database.begin(writes=False) as db:
        row: Certificate = db.exec(world.certificate).one()
        assert (row.holder, row.status) == (NAME if keep else "", "live")
        assert (row.document["identity"], row.salt, row.reason) == ("", "", "")
        if not keep:
            with pytest.raises(Gone):
                certificate_life.refuse_nameless(row)


def test_an_organizer_does_it_with_a_reason_that_names_nobody(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        for reason in (f"{NAME.lower()} asked", f"Mail from {ADDRESS.upper()}"):
            command = EraseIn(reason=reason)
            with pytest.raises(Invalid) as error:
                erasure.erase_enrolled(db, OLGA, world.enrolment_id, command, AT)
            assert error.value.fields[0].code == "names_somebody"
        command = EraseIn(reason="Asked for it")
        made = erasure.erase_enrolled(db, OLGA, world.enrolment_id, command, AT)
        assert (made.recorded_by, made.reason, made.scope, made.cycle_id) == (
            "Olga Organizer",
            "Asked for it",
            "cycle",
            world.cycle_id,
        )
        with pytest.raises(Clash):
            erasure.erase_enrolled(db, OLGA, world.enrolment_id, command, AT)
        erasure.erase_person(db, OLGA, world.person_id, command, AT)
        with pytest.raises(NotFound):
            erasure.erase_person(db, OLGA, world.person_id, command, AT)
    assert found_in(world.database, MARK) == []


def test_a_kill_before_the_disk_was_cleared_leaves_it_to_the_next(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, None, AT)
    assert files_with(world.mail_dir.parent, MARK)
    for _ in range(2):
        assert take_away(world.database, world.store, world.mail_dir, AT)
        assert files_with(world.mail_dir.parent, MARK) == []


def test_a_file_that_somebody_else_gave_too_stays(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        photo = db.get_one(Guest, world.guest_id).photo
        make = Make(db)
        other = Guest(cycle_id=world.cycle_id, person_id=make.person().id, photo=photo)
        db.add(other)
        erasure.erase_own(db, world.person_id, None, AT)
    take_away(world.database, world.store, world.mail_dir, AT)
    assert world.store.path(photo).is_file()


def test_what_was_asked_for_is_all_there(world: Marked) -> None:
    """Each part of what is downloaded has something of hers in it."""
    with world.database.begin(writes=False) as db:
        held = own_data(db, world.person_id, world.cycle_id, AT).model_dump()
    (cycle,) = held["cycles"]
    empty = [key for key, value in cycle.items() if not value]
    assert (empty, sorted(held["known_as"])) == ([], [NAME.lower(), ADDRESS])
    assert cycle["feedback"][1]["answer"] == WORDS
    assert {row["row"] for row in cycle["reports"]} == {2}


def text_columns() -> dict[str, set[str]]:
    """The columns of text of each table; keys are drawn at random, and say nothing."""
    return {
        table.name: {
            column.name
            for column in table.columns
            if isinstance(getattr(column.type, "impl", column.type), (String, JSON, LargeBinary))
            and not column.primary_key
            and not column.foreign_keys
        }
        for table in metadata.sorted_tables
    }


def test_each_column_of_text_is_personal_or_known_not_to_be() -> None:
    named: dict[str, list[str]] = {name: list(IMPERSONAL.get(name, ())) for name in text_columns()}
    for place in PLACES:
        named[place.table] += place.columns
    for table, columns in text_columns().items():
        assert set(named[table]) == columns, table
    assert all(len(each) == len(set(each)) for each in named.values())
    assert all(place.erase or place.why for place in PLACES)


def test_each_table_that_leads_to_a_person_is_downloaded_or_says_why_not() -> None:
    leads = {"person"}
    while True:
        more = {
            table.name
            for table in metadata.sorted_tables
            if any(key.column.table.name in leads for key in table.foreign_keys)
        }
        if more <= leads:
            break
        leads |= more
    exported = {place.table: place.exported for place in PLACES if place.exported}
    assert leads - set(exported) == set()
    from app.schemas.own_data import OwnCycle, OwnData

    keys = {*OwnCycle.model_fields, *OwnData.model_fields}
    for table, key in exported.items():
        assert key in keys or key.startswith("not: "), table


def test_the_docs_name_each_table_that_holds_personal_data() -> None:
    said = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()
    assert {place.table for place in PLACES if f"`{place.table}`" not in said} == set()

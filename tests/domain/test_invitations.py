"""The rule that keeps calendars right, replayed through another implementation of iTIP."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.calendar.lines import serialize, utc_stamp
from app.domain.changes import release
from app.domain.faces import face, face_with_parts, own_segments
from app.domain.invitations import Due, Entry, Guest, Method, Why, next_messages
from app.domain.schedule import PartRole, Schedule, Session, SessionStatus
from tests import examples
from tests.calendar.itip_replay import CANCEL, NEW, RESCHEDULE, UPDATE, Mailbox
from tests.domain.build import LONG_BEFORE, ZERO, at, cycle, part, segment, session

Ledger = dict[tuple[str, str], Entry]
ANA = Guest("g-ana", "ana", "ana@example.org", participates=True)
EVA = Guest("g-eva", "eva", "eva@example.org", participates=False)


def published(draft: Schedule, before: Schedule | None = None) -> Schedule:
    return release(before, draft, LONG_BEFORE)


def issue(ledger: Ledger, due: list[Due]) -> None:
    for each in due:
        if not each.to_old_address:
            ledger[each.entry.guest_id, each.entry.session_id] = each.entry


def told(due: list[Due]) -> list[tuple[str, str, Why, int]]:
    return [(d.entry.guest_id, d.method.value, d.why, d.entry.sequence) for d in due]


def ask(
    ledger: Ledger, schedule: Schedule, *guests: Guest, now: datetime = LONG_BEFORE
) -> list[Due]:
    found = next_messages(ledger, schedule, guests, now)
    issue(ledger, found)
    assert next_messages(ledger, schedule, guests, now) == []
    return found


ONE = cycle(session(1, 0, 60, segment("a", 0, 30, part("eva")), segment("b", 30, 60)))


def with_session(schedule: Schedule, **fields: object) -> Schedule:
    (only,) = schedule.sessions
    return replace(schedule, sessions=(replace(only, **fields),))  # type: ignore[arg-type]


def test_everybody_concerned_is_invited_once() -> None:
    stranger = Guest("g-x", "x", "x@example.org", participates=False)
    found = ask({}, published(ONE), ANA, EVA, stranger)
    assert told(found) == [
        ("g-ana", "REQUEST", Why.NEW, 0),
        ("g-eva", "REQUEST", Why.NEW, 0),
    ]


def test_who_has_no_address_is_not_written_to() -> None:
    assert ask({}, published(ONE), replace(ANA, address="")) == []


def test_what_no_calendar_shows_is_not_sent() -> None:
    ledger: Ledger = {}
    first = published(ONE)
    ask(ledger, first, ANA, EVA)
    longer = with_session(ONE, segments=(segment("a", 0, 40, part("eva")), segment("b", 40, 60)))
    second = published(longer, first)
    assert second.sessions[0].sequence == 1
    # Eva's own segment is longer; Ana's entry says nothing of segments.
    assert told(ask(ledger, second, ANA, EVA)) == [("g-eva", "REQUEST", Why.CHANGED, 1)]


def test_a_title_changes_the_entry_and_not_the_time() -> None:
    ledger: Ledger = {}
    first = published(ONE)
    ask(ledger, first, ANA)
    second = published(with_session(ONE, title={"en": "Other"}), first)
    (due,) = ask(ledger, second, ANA)
    assert (due.why, due.entry.sequence, due.entry.time_sequence) == (Why.CHANGED, 1, 0)
    assert due.entry.stamp == LONG_BEFORE + timedelta(seconds=1)


def test_another_time_is_asked_anew() -> None:
    ledger: Ledger = {}
    first = published(ONE)
    ask(ledger, first, ANA)
    moved = with_session(ONE, starts=at(60), ends=at(120), segments=())
    (due,) = ask(ledger, published(moved, first), ANA)
    assert (due.entry.sequence, due.entry.time_sequence) == (1, 1)


def test_a_cancelled_session_is_cancelled_for_those_who_have_it() -> None:
    ledger: Ledger = {}
    first = published(ONE)
    ask(ledger, first, ANA)
    off = published(with_session(ONE, status=SessionStatus.CANCELLED), first)
    found = ask(ledger, off, ANA, EVA)
    assert told(found) == [("g-ana", "CANCEL", Why.CANCELLED, 1)]
    on = published(ONE, off)
    assert told(ask(ledger, on, ANA)) == [("g-ana", "REQUEST", Why.BACK, 2)]


def test_who_leaves_gets_a_cancel_and_nobody_else() -> None:
    ledger: Ledger = {}
    first = published(ONE)
    ask(ledger, first, ANA, EVA)
    gone = replace(ANA, participates=False)
    assert told(ask(ledger, first, gone, EVA)) == [("g-ana", "CANCEL", Why.LEFT, 1)]
    assert told(ask(ledger, first, ANA, EVA)) == [("g-ana", "REQUEST", Why.BACK, 2)]


def test_who_is_replaced_gets_a_cancel() -> None:
    ledger: Ledger = {}
    first = published(ONE)
    luz = Guest("g-luz", "luz", "luz@example.org", participates=False)
    ask(ledger, first, EVA, luz)
    other = with_session(ONE, segments=(segment("a", 0, 30, part("luz")), segment("b", 30, 60)))
    second = published(other, first)
    assert told(ask(ledger, second, EVA, luz)) == [
        ("g-eva", "CANCEL", Why.LEFT, 1),
        ("g-luz", "REQUEST", Why.NEW, 1),
    ]


def test_a_declined_part_brings_nobody_in() -> None:
    (only,) = ONE.sessions
    declined = frozenset({only.segments[0].parts[0].id})
    assert own_segments(only, "eva", declined) == ()
    assert ask({}, published(ONE), replace(EVA, declined=declined)) == []


def test_a_participant_with_a_part_has_the_speakers_entry() -> None:
    both = replace(EVA, participates=True)
    schedule = published(ONE)
    (only,) = schedule.sessions
    (due,) = ask({}, schedule, both)
    assert due.entry.digest == face_with_parts(schedule, only, "en", "eva", only.segments[:1])
    assert due.entry.digest != face(schedule, only, "en")


def test_an_address_that_changes_is_cancelled_there_and_invited_here() -> None:
    ledger: Ledger = {}
    schedule = published(ONE)
    ask(ledger, schedule, ANA)
    found = ask(ledger, schedule, replace(ANA, address="ana@other.example"))
    assert [(d.method.value, d.entry.address, d.entry.sequence) for d in found] == [
        ("CANCEL", "ana@example.org", 1),
        ("REQUEST", "ana@other.example", 2),
    ]
    assert ask(ledger, schedule, replace(ANA, address="ANA@other.example")) == []


def test_what_is_over_is_left_alone() -> None:
    ledger: Ledger = {}
    schedule = published(ONE)
    after = ZERO + timedelta(hours=2)
    assert ask({}, schedule, ANA, now=after) == []
    ask(ledger, schedule, ANA)
    off = published(with_session(ONE, status=SessionStatus.CANCELLED), schedule)
    assert ask(ledger, off, ANA, now=after) == []


def test_a_session_moved_into_the_past_is_put_right_where_it_shows_as_to_come() -> None:
    ledger: Ledger = {}
    schedule = published(ONE)
    ask(ledger, schedule, ANA)
    back = published(with_session(ONE, starts=at(-600), ends=at(-540), segments=()), schedule)
    found = ask(ledger, back, ANA, now=at(-60))
    assert told(found) == [("g-ana", "REQUEST", Why.CHANGED, 1)]


def test_now_must_be_aware() -> None:
    with pytest.raises(ValueError, match="aware"):
        next_messages({}, published(ONE), [ANA], datetime(2026, 1, 1))


# -- any sequence of events ---------------------------------------------------------------------

PEOPLE = ("ana", "eva", "luz")
SLOTS = (-3000, 0, 1440, 2880)  # minutes after ZERO; the first is over by AT
AT = at(-1500)


def event_bytes(due: Due) -> bytes:
    """The message, written by hand: only what the rule decides is in it."""
    entry = due.entry
    return serialize(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//test//EN",
            f"METHOD:{due.method.value}",
            "BEGIN:VEVENT",
            f"UID:{due.session.uid}",
            f"DTSTAMP:{utc_stamp(entry.stamp)}",
            f"SEQUENCE:{entry.sequence}",
            f"STATUS:{'CANCELLED' if due.method is Method.CANCEL else 'CONFIRMED'}",
            "ORGANIZER:mailto:o@example.org",
            f"ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{entry.address}",
            f"DTSTART:{utc_stamp(entry.starts)}",
            f"DTEND:{utc_stamp(entry.ends)}",
            f"SUMMARY:{entry.digest}",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )


class World:
    """A cycle that is edited and published, people who come and go, and their mailboxes."""

    def __init__(self) -> None:
        self.draft: dict[int, tuple[int, str, str, frozenset[str]]] = {}
        self.release: Schedule | None = None
        self.inside: set[str] = set()
        self.addresses = {name: f"{name}@example.org" for name in PEOPLE}
        self.declined: set[str] = set()
        self.languages = dict.fromkeys(PEOPLE, "en")
        self.former: dict[tuple[str, str], tuple[int, datetime]] = {}
        self.ledger: Ledger = {}
        self.boxes: dict[str, Mailbox] = {}
        self.hours = 0

    def schedule(self) -> Schedule:
        return cycle(*(self._session(n, *what) for n, what in sorted(self.draft.items())))

    @staticmethod
    def _session(number: int, slot: int, title: str, status: str, cast: frozenset[str]) -> Session:
        starts = SLOTS[slot]
        parts = tuple(part(p, PartRole.PANELIST) for p in sorted(cast))
        return session(
            number,
            starts,
            starts + 60,
            segment(f"a{number}", starts, starts + 60, *parts),
            title={"en": title, "es": title[0]},
            status=SessionStatus(status),
        )

    def guests(self) -> list[Guest]:
        return [
            Guest(
                f"g-{name}",
                name,
                self.addresses[name],
                name in self.inside,
                frozenset({f"part-{name}-panelist"} if name in self.declined else ()),
                self.languages[name],
            )
            for name in PEOPLE
        ]

    def settle(self) -> None:
        assert self.release is not None
        self.hours += 1
        for due in next_messages(self.ledger, self.release, self.guests(), AT, self.said()):
            address = due.entry.address.casefold()
            if due.method is Method.CANCEL:
                self.former[address, due.session.id] = (due.entry.sequence, due.entry.stamp)
            self.boxes.setdefault(address, Mailbox(address)).take(event_bytes(due))
            issue(self.ledger, [due])

    def said(self) -> dict[tuple[str, str], tuple[int, datetime]]:
        """What each mailbox was told that has been somebody else's."""
        found = dict(self.former)
        address_of = {g.id: g.address.casefold() for g in self.guests()}
        for (guest_id, session_id), entry in self.ledger.items():
            if entry.address.casefold() != address_of[guest_id]:
                key = entry.address.casefold(), session_id
                held = found.get(key, (0, entry.stamp))
                found[key] = max(held[0], entry.sequence), max(held[1], entry.stamp)
        return found

    def wanted(self, name: str) -> dict[str, str]:
        """UID and face of what this person's calendar must hold of the time to come."""
        assert self.release is not None
        guest = next(g for g in self.guests() if g.person_id == name)
        found = {}
        for each in self.release.sessions:
            if each.status is not SessionStatus.SCHEDULED or each.ends <= AT or not guest.address:
                continue
            own = own_segments(each, name, guest.declined)
            # An entry stays in the language that it was told in, as long as it is right.
            entry = self.ledger.get((guest.id, each.id))
            language = entry.language if entry is not None else guest.language
            if own:
                found[each.uid] = face_with_parts(self.release, each, language, name, own)
            elif guest.participates:
                found[each.uid] = face(self.release, each, language)
        return found

    def check(self) -> None:
        if self.release is None:
            return
        owners = {a.casefold(): name for name, a in self.addresses.items() if a}
        for address in {*owners, *self.boxes}:
            box = self.boxes.get(address)
            wanted = self.wanted(owners[address]) if address in owners else {}
            assert box is not None or not wanted
            assert to_come(box) == wanted


def to_come(box: Mailbox | None) -> dict[str, str]:
    """UID and SUMMARY of the entries that are not over at AT."""
    found = {}
    for uid, data in (box.entries if box else {}).items():
        fields = dict(
            line.split(":", 1)
            for line in data.decode().replace("\r\n ", "").splitlines()
            if ":" in line
        )
        if fields["DTEND"] > utc_stamp(AT):
            found[uid] = fields["SUMMARY"]
    return found


def edit(
    world: World, number: int, slot: int, title: str, status: str, cast: frozenset[str]
) -> None:
    world.draft[number] = (slot, title, status, cast)


def steps() -> st.SearchStrategy[tuple[str, tuple[object, ...]]]:
    person = st.sampled_from(PEOPLE)
    cast = st.frozensets(person, max_size=2)
    return st.one_of(
        st.tuples(
            st.just("edit"),
            st.tuples(
                st.integers(1, 3),
                st.integers(0, len(SLOTS) - 1),
                st.sampled_from(["A", "B", "Bb"]),  # the last two differ in English only
                st.sampled_from(["scheduled", "scheduled", "cancelled", "draft"]),
                cast,
            ),
        ),
        st.tuples(st.just("delete"), st.tuples(st.integers(1, 3))),
        st.tuples(st.just("release"), st.just(())),
        st.tuples(st.just("release"), st.just(())),
        st.tuples(st.just("enrol"), st.tuples(person)),
        st.tuples(st.just("withdraw"), st.tuples(person)),
        st.tuples(st.just("decline"), st.tuples(person)),
        st.tuples(st.just("speak"), st.tuples(person)),
        st.tuples(st.just("swap"), st.tuples(person, person)),
        st.tuples(st.just("move"), st.tuples(person, st.integers(0, 2))),
    )


@settings(max_examples=examples.of(300), deadline=None)
@given(st.lists(steps(), min_size=1, max_size=25))
def test_after_anything_every_calendar_is_right(
    history: list[tuple[str, tuple[object, ...]]],
) -> None:
    """Edits, releases, enrolments, withdrawals, declined parts, languages, addresses that are new
    or change hands, in any order:
    each mailbox, replayed by libical, is exactly that person's schedule, and nothing more is due.
    """
    world = World()
    for what, values in history:
        match what:
            case "edit":
                edit(world, *values)  # type: ignore[arg-type]
            case "delete":
                world.draft.pop(values[0], None)  # type: ignore[call-overload]
            case "release":
                world.release = published(world.schedule(), world.release)
            case "enrol":
                world.inside.add(str(values[0]))
            case "withdraw":
                world.inside.discard(str(values[0]))
            case "decline":
                world.declined ^= {str(values[0])}
            case "speak":
                who = str(values[0])
                world.languages[who] = "es" if world.languages[who] == "en" else "en"
            case "swap":
                one, other = map(str, values)
                has = world.addresses
                has[one], has[other] = has[other], has[one]
            case "move":
                name, n = values
                new = ("", f"{name}@b.example", f"{name}@Example.org")[int(str(n))]
                others = {a.casefold() for each, a in world.addresses.items() if each != name}
                if new.casefold() not in others or not new:
                    world.addresses[str(name)] = new
        if world.release is not None:
            world.settle()
            world.check()
            again = next_messages(world.ledger, world.release, world.guests(), AT, world.said())
            assert again == []
    # Each message was of use: none was taken for an old one.
    told = {kind for box in world.boxes.values() for kind in box.told}
    assert told <= {NEW, UPDATE, RESCHEDULE, CANCEL}

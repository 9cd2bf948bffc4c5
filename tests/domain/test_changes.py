"""Changes, each by hand: what is said, and what is not worth saying."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.changes import SENTENCES, Change, Code, changes
from app.domain.schedule import (
    CycleInstitution,
    InstitutionRole,
    Part,
    PartRole,
    Schedule,
    Segment,
    SegmentKind,
    Session,
    SessionStatus,
)
from app.domain.sentences import fill
from tests.domain.build import at, cycle, part, segment, session
from tests.plain import plain

ANA = part("ana", PartRole.HOST)
BEN = part("ben", PartRole.PANELIST)
CRIS = part("cris", PartRole.PANELIST)
A = segment("a", 0, 20, ANA)
B = segment("b", 20, 60, BEN, CRIS, kind=SegmentKind.PANEL)
WAS = session(1, 0, 60, A, B)


def tell(before: Session | None, after: Session | None) -> list[tuple[Code, str]]:
    """Codes and sentences of what changed in one session."""
    found = changes(cycle(*filter(None, [before])), cycle(*filter(None, [after])))
    return [(each.code, said(each)) for each in found]


def said(change: Change) -> str:
    return fill(change.message, change.params, plain)


def agenda(*segments: Segment) -> list[tuple[Code, str]]:
    return tell(WAS, replace(WAS, segments=segments))


def test_every_code_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Code)


def test_nothing_changed() -> None:
    assert changes(cycle(WAS), cycle(WAS)) == ()


def test_everything_is_new_in_the_first_release() -> None:
    (found,) = changes(None, cycle(WAS))
    assert said(found) == (
        "Session 1, “Session 1”, is new: 2026-08-26 09:00–10:00 (America/Bogota)."
    )
    assert (found.code, found.session_id, found.session_number) == (Code.SESSION_ADDED, "s1", 1)


WHEN = "2026-08-26 09:00–10:00 (America/Bogota)"


def test_added_removed_cancelled_reinstated() -> None:
    cancelled = replace(WAS, status=SessionStatus.CANCELLED)
    draft = replace(WAS, status=SessionStatus.DRAFT)
    added = (Code.SESSION_ADDED, f"Session 1, “Session 1”, is new: {WHEN}.")
    removed = (Code.SESSION_REMOVED, f"Session 1, “Session 1”, {WHEN}, is no longer there.")
    off = (Code.SESSION_CANCELLED, f"Session 1, “Session 1”, {WHEN}, is cancelled.")
    on = (Code.SESSION_REINSTATED, f"Session 1, “Session 1”, takes place after all: {WHEN}.")
    assert tell(None, WAS) == [added]
    assert tell(draft, WAS) == [added]
    assert tell(WAS, None) == [removed]
    assert tell(WAS, draft) == [removed]
    assert tell(WAS, cancelled) == [off]
    assert tell(None, cancelled) == [off]
    assert tell(cancelled, WAS) == [on]
    assert tell(cancelled, cancelled) == []


def test_moved_with_its_agenda() -> None:
    assert tell(
        WAS,
        session(
            1,
            30,
            90,
            replace(A, starts=at(30), ends=at(50)),
            replace(B, starts=at(50), ends=at(90)),
        ),
    ) == [
        (
            Code.SESSION_MOVED,
            "Session 1 is now on 2026-08-26 09:30–10:30 (America/Bogota) "
            "(before: 2026-08-26 09:00–10:00 (America/Bogota)).",
        )
    ]


def test_longer() -> None:
    assert tell(WAS, replace(WAS, ends=at(90))) == [
        (Code.SESSION_LENGTH, "Session 1 now takes 90 min (before: 60 min).")
    ]


def test_shorter() -> None:
    assert tell(WAS, replace(WAS, ends=at(59))) == [
        (Code.SESSION_LENGTH, "Session 1 now takes 59 min (before: 60 min).")
    ]


def test_another_zone_at_the_same_moment() -> None:
    hour_later = WAS.wall_start + timedelta(hours=1)
    madrid = replace(WAS, zone="Europe/Madrid", wall_start=hour_later)
    assert [code for code, _ in tell(WAS, madrid)] == [Code.SESSION_ZONE]
    after = replace(WAS, zone="America/Lima")
    assert tell(WAS, after) == [
        (
            Code.SESSION_ZONE,
            "Session 1 is now planned in the time zone America/Lima (before: America/Bogota).",
        )
    ]


def test_a_clock_time_corrected_at_the_same_moment() -> None:
    after = replace(WAS, wall_start=WAS.wall_start + timedelta(hours=1))
    assert [code for code, _ in tell(WAS, after)] == [Code.SESSION_CLOCK]


def test_newer_zone_data_moves_the_instant_and_not_the_hour() -> None:
    was = replace(WAS, segments=())
    assert tell(was, replace(was, starts=at(60), ends=at(120))) == [
        (
            Code.SESSION_SHIFTED,
            "The rules for the clocks in America/Bogota have changed. Session 1 stays at its hour "
            "there; elsewhere it is now on 2026-08-26 15:00–16:00 (UTC) "
            "(before: 2026-08-26 14:00–15:00 (UTC)).",
        )
    ]


def test_the_second_of_two_equal_hours_is_another_time() -> None:
    was = replace(WAS, segments=())
    after = replace(was, starts=at(60), ends=at(120), wall_start=WAS.wall_start.replace(fold=1))
    assert [code for code, _ in tell(was, after)] == [Code.SESSION_MOVED]


def test_title_description_number() -> None:
    assert tell(WAS, replace(WAS, title={"en": "New", "es": ""})) == [
        (Code.SESSION_RETITLED, "Session 1 is now called “New” (before: “Session 1”).")
    ]
    assert tell(WAS, replace(WAS, description={"es": "Algo"})) == [
        (Code.SESSION_DESCRIPTION, "Session 1 has a new description.")
    ]
    assert tell(WAS, replace(WAS, number=2)) == [
        (Code.SESSION_RENUMBERED, "“Session 1” is now session 2 (before: 1).")
    ]


def test_a_text_left_empty_is_no_text() -> None:
    assert tell(WAS, replace(WAS, description={"es": ""})) == []


def test_what_guests_do_not_see_is_no_change() -> None:
    other_ids = [
        replace(s, id=f"{s.id}2", parts=tuple(replace(p, id="x", zone="UTC") for p in s.parts))
        for s in (A, B)
    ]
    after = replace(
        WAS, meeting_url="https://x.example", sequence=9, uid="u", segments=tuple(other_ids)
    )
    assert tell(WAS, after) == []


def test_segments_added_and_removed() -> None:
    assert agenda(A, B, segment("c", 60, 70)) == [
        (Code.SEGMENT_ADDED, "Session 1: “C” is new, 2026-08-26 10:00–10:10 (America/Bogota).")
    ]
    assert agenda(A) == [(Code.SEGMENT_REMOVED, "Session 1: “B” is no longer in the agenda.")]


def test_a_longer_segment_and_the_one_that_follows_it() -> None:
    longer, later = replace(A, ends=at(30)), replace(B, starts=at(30), ends=at(70))
    assert agenda(longer, later) == [
        (Code.SEGMENT_LENGTHENED, "Session 1: “A” is longer, 30 min (before: 20 min)."),
        (
            Code.SEGMENT_MOVED,
            "Session 1: “B” is now at 2026-08-26 09:30–10:10 (America/Bogota) "
            "(before: 2026-08-26 09:20–10:00 (America/Bogota)).",
        ),
    ]
    assert agenda(replace(A, ends=at(19)), B) == [
        (Code.SEGMENT_SHORTENED, "Session 1: “A” is shorter, 19 min (before: 20 min).")
    ]


def test_segments_renamed_and_of_another_kind() -> None:
    assert agenda(replace(A, title="Welcome"), replace(B, kind=SegmentKind.DISCUSSION)) == [
        (Code.SEGMENT_RETITLED, "Session 1: “A” is now called “Welcome”."),
        (Code.SEGMENT_KIND, "Session 1: “B” is now of the kind discussion (before: panel)."),
    ]


def test_segments_in_another_order() -> None:
    swapped = (replace(B, starts=at(0), ends=at(40)), replace(A, starts=at(40), ends=at(60)))
    assert [code for code, _ in agenda(*swapped)] == [Code.SEGMENT_MOVED, Code.SEGMENT_MOVED]
    assert [code for code, _ in agenda(B, A)] == [Code.AGENDA_REORDERED]


def test_segments_with_new_ids_are_known_by_kind_and_title() -> None:
    assert agenda(replace(A, id="n", ends=at(10)), replace(B, id="m")) == [
        (Code.SEGMENT_SHORTENED, "Session 1: “A” is shorter, 10 min (before: 20 min).")
    ]


def test_ids_that_change_places_are_no_change() -> None:
    a, b = segment("a", 0, 30, title="Same"), segment("b", 30, 60, title="Same")
    swapped = (replace(a, id="b"), replace(b, id="a"))
    assert tell(session(1, 0, 60, a, b), session(1, 0, 60, *swapped)) == []


def people(*parts: Part) -> list[tuple[Code, str]]:
    return agenda(A, replace(B, parts=parts))


def test_people_come_go_and_change_places() -> None:
    dora = part("dora", PartRole.PANELIST)
    assert people(BEN, CRIS, dora) == [
        (Code.PART_ADDED, "Session 1: Dora is now in “B” as panelist.")
    ]
    assert people(BEN) == [(Code.PART_REMOVED, "Session 1: Cris is no longer in “B” as panelist.")]
    assert people(BEN, dora) == [
        (Code.PART_ADDED, "Session 1: Dora is now in “B” as panelist."),
        (Code.PART_REMOVED, "Session 1: Cris is no longer in “B” as panelist."),
    ]
    assert people(BEN, replace(CRIS, role=PartRole.MODERATOR)) == [
        (Code.PART_ROLE, "Session 1: Cris is now moderator in “B” (before: panelist).")
    ]
    assert people(BEN, CRIS, replace(CRIS, role=PartRole.MODERATOR)) == [
        (Code.PART_ADDED, "Session 1: Cris is now in “B” as moderator.")
    ]
    both = (replace(CRIS, role=PartRole.MODERATOR), replace(CRIS, role=PartRole.INTERPRETER))
    assert [code for code, _ in people(BEN, *both)] == [
        Code.PART_ADDED,
        Code.PART_ADDED,
        Code.PART_REMOVED,
    ]
    two_roles = replace(WAS, segments=(A, replace(B, parts=(BEN, *both))))
    others = (CRIS, replace(CRIS, role=PartRole.SPEAKER))
    after = replace(WAS, segments=(A, replace(B, parts=(BEN, *others))))
    assert [code for code, _ in tell(two_roles, after)] == [
        Code.PART_ADDED,
        Code.PART_ADDED,
        Code.PART_REMOVED,
        Code.PART_REMOVED,
    ]
    assert [code for code, _ in people(CRIS, BEN)] == [Code.PARTS_REORDERED]
    assert [code for code, _ in people(BEN, CRIS, CRIS)] == [Code.PART_ADDED]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (replace(CRIS, name="X"), (Code.PART_NAME, "Cris in “B” is now called X.")),
        (
            replace(CRIS, position="X"),
            (Code.PART_POSITION, "the position of Cris in “B” is now “X” (before: “—”)."),
        ),
        (
            replace(CRIS, institution="X"),
            (Code.PART_INSTITUTION, "the institution of Cris in “B” is now “X” (before: “—”)."),
        ),
        (
            replace(CRIS, country="CO"),
            (Code.PART_COUNTRY, "the country of Cris in “B” is now CO (before: )."),
        ),
    ],
)
def test_what_is_said_about_people(after: Part, told: tuple[Code, str]) -> None:
    assert people(BEN, after) == [(told[0], f"Session 1: {told[1]}")]


def test_several_things_about_one_person() -> None:
    after = replace(CRIS, name="X", position="Director", country="CO")
    assert [code for code, _ in people(BEN, after)] == [
        Code.PART_NAME,
        Code.PART_POSITION,
        Code.PART_COUNTRY,
    ]


def test_in_which_languages_a_text_is_another() -> None:
    texts = {"en": "Session 1", "es": "Sesión"}
    was, after = replace(WAS, title=texts), replace(WAS, title=texts | {"es": "Otra", "pt": "Nova"})
    (change,) = changes(cycle(was), cycle(after))
    assert change.texts_in("en") == (("es", "Sesión", "Otra"), ("pt", "", "Nova"))
    assert change.texts_in("es") == (("", "Sesión", "Otra"),)
    assert change.texts_in("pt") == (("", "Session 1", "Nova"),)  # by the cycle's language before
    (moved,) = changes(cycle(WAS), cycle(replace(WAS, number=2)))
    assert moved.texts_in("en") == ()


def test_the_cycle_itself() -> None:
    host = CycleInstitution("i", "Macondo", InstitutionRole.HOST)
    was = cycle(institutions=(host,))
    after = replace(
        was,
        title={"en": "New"},
        description={"en": "More"},
        zone="America/Lima",
        institutions=(replace(host, role=InstitutionRole.PARTNER),),
    )
    assert [said(each) for each in changes(was, after)] == [
        "The cycle is now called “New” (before: “Cycle c1”).",
        "The cycle has a new description.",
        "The cycle's home time zone is now America/Lima (before: America/Bogota).",
        "Macondo is now in the cycle as partner.",
        "Macondo is no longer in the cycle as host.",
    ]


def test_in_the_order_of_numbers() -> None:
    two, three = session(2, 100, 160), session(3, 200, 260)
    before = cycle(WAS, three)
    after: Schedule = cycle(three, two)
    assert [(c.code, c.session_number) for c in changes(before, after)] == [
        (Code.SESSION_REMOVED, 1),
        (Code.SESSION_ADDED, 2),
    ]

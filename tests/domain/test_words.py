"""Everything that is one of a few has a word."""

from app.domain import words
from app.domain.answers import Answer
from app.domain.attendance import Basis, Status
from app.domain.certificates import State
from app.domain.enrolment import EnrolmentStatus, Gender
from app.domain.matching import Match
from app.domain.permissions import AccountStanding, Role
from app.domain.schedule import PartRole, SegmentKind, SessionStatus


def test_everything_has_a_word() -> None:
    assert {name: set(table) for name, table in words.OF.items()} == {
        "answer": set(Answer),
        "attendance": set(Status),
        "basis": set(Basis),
        "certificate": set(State),
        "enrolment": set(EnrolmentStatus),
        "gender": set(Gender),
        "match": set(Match),
        "role": set(PartRole),
        "segment": set(SegmentKind),
        "session": set(SessionStatus),
        "standing": set(AccountStanding),
        "team_role": set(Role),
    }


def test_only_nothing_is_called_nothing() -> None:
    wordless = [value for table in words.OF.values() for value, word in table.items() if not word]
    assert wordless == [Basis.NOTHING]


def test_a_value_from_a_row_or_a_form_finds_its_word() -> None:
    assert words.OF["attendance"].get("late") == "Late"

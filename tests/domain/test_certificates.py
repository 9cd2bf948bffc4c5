"""Codes that survive being typed, and when a certificate is not what it was."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attendance import Basis, Record, Status
from app.domain.certificates import (
    CODE_LENGTH,
    Certificate,
    Change,
    State,
    certificate_code,
    changes,
    evidence_digest,
    new_certificate_code,
    shown_code,
    state,
)
from app.domain.errors import Invalid
from app.domain.ids import ALPHABET

CODE = "0nsnf5bjqwdbyvsdaj43fg07y1mp"
codes = st.integers(0, 9).map(lambda _: new_certificate_code())
places = st.integers(0, CODE_LENGTH - 1)


def problem(text: str) -> tuple[str, str]:
    with pytest.raises(Invalid) as raised:
        certificate_code(text)
    [field] = raised.value.fields
    return field.field, field.code


def test_a_code_has_128_bits_and_two_characters_to_check_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def largest(bits: int) -> int:
        asked.append(bits)
        return int(2**bits - 1)

    monkeypatch.setattr("secrets.randbits", largest)
    assert new_certificate_code() == "7" + "z" * 25 + "m5"
    assert asked == [128]
    assert ALPHABET.index("m") * 32 + ALPHABET.index("5") == (2**128 - 1) % 1021


def test_it_is_shown_in_seven_groups() -> None:
    assert shown_code(CODE) == "0NSN-F5BJ-QWDB-YVSD-AJ43-FG07-Y1MP"


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        "0NSN-F5BJ-QWDB-YVSD-AJ43-FG07-Y1MP",
        " 0nsn f5bj qwdb yvsd aj43 fg07 y1mp\n",
        "0NSN–F5BJ—QWDB‑YVSD AJ43_FG07\u00a0Y1MP",
        "ONSN-F5BJ-QWDB-YVSD-AJ43-FGO7-YLMP",
        "onsn f5bj qwdb yvsd aj43 fgo7 yimp",
        "０ＮＳＮＦ５ＢＪＱＷＤＢＹＶＳＤＡＪ４３ＦＧ０７Ｙ１ＭＰ",
        "0NSN\u200bF5BJ\u00adQWDB YVSD AJ43 FG07 Y1MP",
    ],
)
def test_however_it_is_typed(typed: str) -> None:
    assert certificate_code(typed) == CODE


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "empty"),
        (" - ", "empty"),
        (CODE[:-1], "length"),
        (CODE + "0", "length"),
        (CODE.replace("f", "u"), "character"),
        (CODE.replace("f", "/"), "character"),
        (CODE.replace("f", "ф"), "character"),
        (CODE[:-1] + "q", "mistyped"),
        ("z" * 28, "mistyped"),  # more than 128 bits
    ],
)
def test_what_is_no_code(typed: str, code: str) -> None:
    assert problem(typed) == ("code", code)


@given(codes, places, st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(code: str, place: int, character: str) -> None:
    typed = code[:place] + character + code[place + 1 :]
    if typed == code:
        assert certificate_code(typed) == code
    else:
        assert problem(typed) == ("code", "mistyped")


@given(codes, st.integers(0, CODE_LENGTH - 2))
def test_two_swapped_characters_are_noticed(code: str, place: int) -> None:
    typed = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if typed == code:
        assert certificate_code(typed) == code
    else:
        assert problem(typed) == ("code", "mistyped")


@given(codes)
def test_what_is_shown_can_be_typed(code: str) -> None:
    assert certificate_code(shown_code(code)) == code


def test_codes_are_not_made_twice() -> None:
    assert len({new_certificate_code() for _ in range(1000)}) == 1000


PRESENT = Record(Status.PRESENT, Basis.INTERVALS, seconds=7200, evidence_id="e1")
ABSENT = Record(Status.ABSENT, Basis.CLOSING)


def test_the_digest_is_of_a_document_that_anybody_can_write_down() -> None:
    text = (
        '{"records":[["s1","present","intervals",7200,"e1"],["s2","absent","closing",null,""]],'
        '"version":1}'
    )
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert evidence_digest({"s2": ABSENT, "s1": PRESENT}) == expected


def test_what_decides_nothing_changes_no_digest() -> None:
    before = evidence_digest({"s1": PRESENT})
    unknown = Record(Status.UNKNOWN, Basis.NOTHING, clicked=datetime(2026, 3, 3, tzinfo=UTC))
    clicked = replace(PRESENT, clicked=datetime(2026, 3, 3, tzinfo=UTC))
    assert evidence_digest({"s2": unknown, "s1": clicked}) == before


records = st.builds(
    Record,
    status=st.sampled_from(Status),
    basis=st.sampled_from(Basis),
    seconds=st.none() | st.integers(0, 9000),
    evidence_id=st.sampled_from(["", "e1", "e2"]),
)


@given(st.dictionaries(st.sampled_from("abcdef"), records), st.randoms(use_true_random=False))
def test_the_order_makes_no_difference(found: dict[str, Record], random: object) -> None:
    shuffled = list(found.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert evidence_digest(dict(shuffled)) == evidence_digest(found)


@given(records, records)
def test_it_differs_where_something_that_counts_does(one: Record, other: Record) -> None:
    def counts(found: Record) -> tuple[object, ...] | None:
        if found.status is Status.UNKNOWN and found.seconds is None:
            return None
        return found.status, found.basis, found.seconds, found.evidence_id

    same = evidence_digest({"s": one}) == evidence_digest({"s": other})
    assert same == (counts(one) == counts(other))


CERTIFICATE = Certificate(
    code=CODE,
    holder="Ana Ruiz",
    language="es",
    cycle="Líderes",
    first_day=date(2026, 3, 3),
    last_day=date(2026, 11, 26),
    issued_at=datetime(2026, 12, 1, tzinfo=UTC),
    minutes=755,
    sessions=8,
    of=10,
    rule="8 de 10",
    organizers=("Ministerio",),
    issuer="Ministerio",
    evidence="00",
)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({}, ()),
        ({"holder": "Ana Ruiz Díaz"}, (Change.HOLDER,)),
        ({"cycle": "Otro"}, (Change.CYCLE,)),
        ({"cycle": "Leaders", "language": "en"}, ()),
        ({"last_day": date(2026, 11, 27)}, (Change.DAYS,)),
        ({"minutes": None}, (Change.MINUTES,)),
        ({"of": 11}, (Change.SESSIONS,)),
        ({"evidence": "11", "minutes": 700}, (Change.MINUTES, Change.EVIDENCE)),
        ({"rule": "9 de 10", "organizers": (), "issuer": "", "code": "x"}, ()),
    ],
)
def test_what_has_changed_since(now: dict[str, object], expected: tuple[Change, ...]) -> None:
    assert changes(CERTIFICATE, replace(CERTIFICATE, **now)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("revoked", "superseded", "changed", "expected"),
    [
        (False, False, (), State.LIVE),
        (False, False, (Change.HOLDER,), State.FLAGGED),
        (False, True, (), State.SUPERSEDED),
        (False, True, (Change.HOLDER,), State.SUPERSEDED),
        (True, False, (), State.REVOKED),
        (True, True, (Change.HOLDER,), State.REVOKED),
    ],
)
def test_how_it_stands(
    revoked: bool, superseded: bool, changed: tuple[Change, ...], expected: State
) -> None:
    assert state(revoked=revoked, superseded=superseded, changed=changed) is expected


def test_what_cannot_be_certified() -> None:
    with pytest.raises(ValueError):
        replace(CERTIFICATE, issued_at=datetime(2026, 12, 1))
    with pytest.raises(ValueError):
        replace(CERTIFICATE, last_day=CERTIFICATE.first_day - timedelta(days=1))
    zone = timezone(timedelta(hours=-5))
    assert replace(CERTIFICATE, issued_at=datetime(2026, 12, 1, tzinfo=zone)).minutes == 755

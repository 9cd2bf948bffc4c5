"""Whose a row of a report is: nobody is credited where two can be meant."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.matching import (
    Candidate,
    Found,
    Match,
    Named,
    Outcome,
    alias_keys,
    directory,
    match,
    name_key,
)

WORDS = ("Ana", "ANA", "áná", "Ruiz", "ruíz", "Eva", "O'Neil", "oneil", "")
NAMES = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
EMAILS = st.sampled_from(["", "a@x.example", "A@X.example", "b@x.example"])
ALIASES = st.lists(st.builds(alias_keys, NAMES, EMAILS), max_size=2).map(
    lambda found: tuple(key for keys in found for key in keys)
)
PEOPLE = st.lists(
    st.builds(
        Candidate,
        st.sampled_from("abcdef"),
        st.lists(NAMES, max_size=2).map(tuple),
        EMAILS,
        st.booleans(),
        ALIASES,
        st.booleans(),
    ),
    max_size=5,
    unique_by=lambda each: each.id,
)
ROWS = st.builds(Named, NAMES, EMAILS, NAMES)


def meant(row: Named, people: list[Candidate]) -> list[list[Candidate]]:
    """Whom each rung names, said another way: by looking at everybody."""
    names = {name_key(row.name), name_key(row.other_name)} - {""}
    keys = alias_keys(row.name, row.email)
    address = row.email.casefold()
    return [
        [p for p in people if address and p.email.casefold() == address],
        *([p for p in people if key in p.aliases] for key in keys),
        [p for p in people if names & {name_key(each) for each in p.names}],
    ]


@given(ROWS, PEOPLE)
def test_nobody_is_credited_where_two_can_be_meant(row: Named, people: list[Candidate]) -> None:
    found = match(row, directory(people))
    email, *aliases, names = meant(row, people)
    # What was confirmed of people who are not here decides only where nothing else does.
    here = [rung for rung in aliases if any(p.enrolled or p.beside for p in rung)]
    rungs = [email, *here, [p for p in names if any(q.enrolled or q.beside for q in names)]]
    first = next((rung for rung in [*rungs, *aliases, names] if rung), [])
    can_be = {each.id for each in first if each.enrolled or each.beside}
    credited = {each.id for each in first if each.enrolled}
    if found.outcome is Outcome.MATCHED:
        assert can_be == credited == set(found.ids)
    elif found.outcome is Outcome.AMBIGUOUS:
        assert credited
        assert set(found.ids) == can_be
        assert len(can_be) > 1
    else:
        assert not credited
        assert (found.outcome is Outcome.UNMATCHED) == (not first)


@given(ROWS, PEOPLE, st.randoms())
def test_the_order_of_people_makes_no_difference(
    row: Named, people: list[Candidate], dice: Random
) -> None:
    mixed = list(people)
    dice.shuffle(mixed)
    assert match(row, directory(mixed)) == match(row, directory(people))


@given(st.lists(st.text(max_size=8), max_size=5), st.randoms())
def test_the_order_of_words_makes_no_difference(words: list[str], dice: Random) -> None:
    mixed = list(words)
    dice.shuffle(mixed)
    assert name_key(" ".join(mixed)) == name_key(" ".join(words))


@given(st.text(max_size=40))
def test_a_key_is_the_key_of_itself(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("María José Núñez", "NUNEZ,  maria jose"),
        ("Jean-Luc O’Higgins", "o'higgins jean luc"),
        ("Łukasz Øster", "Lukasz Oster"),
        ("Ana\u00a0Ruiz.", "ana ruiz"),
        ("Straße", "STRASSE"),
    ],
)
def test_names_that_are_the_same(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_an_address_counts_before_a_name_and_a_confirmed_one_before_both_names() -> None:
    ana = Candidate("ana", ("Ana Ruiz",), "ana@x.example")
    eva = Candidate("eva", ("Eva Díaz",), "eva@x.example", aliases=alias_keys("Ana Ruiz", ""))
    among = directory([ana, eva])
    by_email = Found(Outcome.MATCHED, Match.EMAIL, ("eva",))
    assert match(Named("Ana Ruiz", "EVA@x.example"), among) == by_email
    assert match(Named("ana ruiz"), among) == Found(Outcome.MATCHED, Match.ALIAS, ("eva",))
    only = directory([ana])
    assert match(Named("ruiz ana"), only) == Found(Outcome.MATCHED, Match.NAME, ("ana",))


def test_what_was_confirmed_of_somebody_who_is_not_here_hides_nobody() -> None:
    keys = alias_keys("M Silva", "silva@x.example")
    marta = Candidate("marta", ("Marta Silva",), enrolled=False, aliases=keys)
    here = Candidate("here", ("M Silva",))
    by_name = Found(Outcome.MATCHED, Match.NAME, ("here",))
    for row in (Named("M Silva"), Named("M Silva", "silva@x.example")):
        assert match(row, directory([marta, here])) == by_name
        # Nobody else can be meant.
        gone = Found(Outcome.NOT_ENROLLED, Match.ALIAS, ("marta",))
        assert match(row, directory([marta])) == gone
        namesake = Candidate("namesake", ("M Silva",), enrolled=False)
        assert match(row, directory([marta, namesake])) == gone
    # The name was confirmed of somebody here, the address of somebody who is not.
    eva = Candidate("eva", ("Eva",), aliases=keys[1:])
    marta = Candidate("marta", ("Marta Silva",), enrolled=False, aliases=keys[:1])
    by_alias = Found(Outcome.MATCHED, Match.ALIAS, ("eva",))
    assert match(Named("M Silva", "silva@x.example"), directory([marta, eva])) == by_alias


def test_a_speaker_of_the_same_name_makes_a_row_ambiguous_and_the_directory_does_not() -> None:
    ana = Candidate("ana", ("Ana",))
    speaker = Candidate("speaker", ("Ana",), enrolled=False, beside=True)
    stranger = Candidate("stranger", ("Ana",), enrolled=False)
    both = Found(Outcome.AMBIGUOUS, None, ("ana", "speaker"))
    assert match(Named("Ana"), directory([ana, speaker, stranger])) == both
    one = Found(Outcome.MATCHED, Match.NAME, ("ana",))
    assert match(Named("Ana"), directory([ana, stranger])) == one
    told = Found(Outcome.NOT_ENROLLED, Match.NAME, ("speaker",))
    assert match(Named("Ana"), directory([stranger, speaker])) == told

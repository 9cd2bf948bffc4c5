"""The word of the moment: what follows from the key, the session and the time."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.addresses import search_key
from app.domain.room_words import _LISTS, MINUTES, next_word_at, word_at, words_taken
from tests.domain.build import at, instants

KEY = b"a key for tests"
TICK = timedelta.resolution
languages = st.sampled_from(["en", "es", "pt"])
keys = st.binary(min_size=1, max_size=40)


@given(keys, st.text(max_size=26), instants, languages)
def test_a_word_stands_until_the_next_and_is_taken_as_long_again(
    key: bytes, session: str, moment: datetime, language: str
) -> None:
    turn = next_word_at(moment)
    begins = turn - timedelta(minutes=MINUTES)
    assert begins <= moment < turn
    word = word_at(key, session, moment, language)
    assert {word_at(key, session, t, language) for t in (begins, turn - TICK)} == {word}
    last = turn + timedelta(minutes=MINUTES) - TICK
    assert words_taken(key, session, begins, language)[0] == word
    assert words_taken(key, session, last, language)[1] == word


@given(keys, st.text(max_size=26), instants, languages)
def test_the_next_word_is_another_and_the_one_before_is_still_taken(
    key: bytes, session: str, moment: datetime, language: str
) -> None:
    turn = next_word_at(moment)
    word, following = (word_at(key, session, t, language) for t in (moment, turn))
    assert following != word
    assert words_taken(key, session, turn, language) == (following, word)


def _day(key: bytes, session: str, language: str = "es") -> list[str]:
    return [word_at(key, session, at(MINUTES * n), language) for n in range(288)]


def test_another_key_and_another_session_have_other_words() -> None:
    days = [_day(KEY, "one"), _day(b"another key", "one"), _day(KEY, "two")]
    for mine, other in ((0, 1), (0, 2), (1, 2)):
        same = sum(a == b for a, b in zip(days[mine], days[other], strict=True))
        assert same < 30  # by chance 4 or 5 of 288


@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_the_words_are_easy_to_spell_and_differ(language: str) -> None:
    words = _LISTS[language].split()
    assert len(words) >= 110
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert [w for w in words if not (w.isascii() and w.islower() and 3 <= len(w) <= 9)] == []
    assert [w for w in words if search_key(w) != w] == []
    assert len(set(_day(KEY, "one", language))) > len(words) / 2


def test_a_language_without_a_list_gets_english() -> None:
    assert word_at(KEY, "one", at(0), "fr") == word_at(KEY, "one", at(0), "en")

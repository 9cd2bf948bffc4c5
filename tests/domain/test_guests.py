"""How somebody is written to."""

import pytest

from app.domain.guests import Manner, written_to

PERSON = Manner("Ana Ruiz", "pt", "America/Sao_Paulo")
ENROLMENT = Manner("Ana R.", "es", "Europe/Madrid")
CYCLE = Manner(language="en", zone="America/Bogota")
NOBODY = Manner("Ana Ruiz")


@pytest.mark.parametrize(
    ("person", "enrolment", "participates", "manner"),
    [
        (PERSON, ENROLMENT, True, ENROLMENT),
        (PERSON, ENROLMENT, False, PERSON),
        (PERSON, None, False, PERSON),
        (NOBODY, ENROLMENT, True, ENROLMENT),
        (NOBODY, ENROLMENT, False, Manner("Ana Ruiz", "es", "Europe/Madrid")),
        (NOBODY, None, False, Manner("Ana Ruiz", "en", "America/Bogota")),
        (PERSON, Manner("Ana R.", "es"), True, Manner("Ana R.", "es", "America/Sao_Paulo")),
        (
            Manner("Ana Ruiz", "xx", "Mars/Olympus"),
            None,
            False,
            Manner("Ana Ruiz", "en", "America/Bogota"),
        ),
    ],
)
def test_enrolment_directory_cycle(
    person: Manner, enrolment: Manner | None, participates: bool, manner: Manner
) -> None:
    assert written_to(person, enrolment, CYCLE, participates=participates) == manner


def test_there_is_always_a_language_and_a_zone() -> None:
    assert written_to(NOBODY, None, Manner(), participates=False) == ("Ana Ruiz", "en", "UTC")

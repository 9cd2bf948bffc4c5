"""What select fields offer."""

import pytest

from app.domain.addresses import search_key
from app.domain.zones import zone_names
from app.web.choices import zone_choices


@pytest.mark.parametrize(
    ("language", "name", "label"),
    [
        ("en", "America/Bogota", "Colombia: Bogotá time"),
        ("es", "America/Mexico_City", "México: hora de Ciudad de México"),
        ("pt", "America/Sao_Paulo", "Brasil: horário de São Paulo"),
        ("en", "America/Coyhaique", "Chile: Coyhaique time"),  # of 2025: not yet in every CLDR
        ("en", "UTC", "UTC"),
    ],
)
def test_zones_by_country_in_the_readers_language(language: str, name: str, label: str) -> None:
    assert dict(zone_choices(language))[name] == label


@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_every_zone_once_in_the_order_of_the_alphabet(language: str) -> None:
    names, labels = zip(*zone_choices(language), strict=True)
    assert len(names) == len(set(names))
    assert set(names) <= zone_names()
    assert labels == (*sorted(labels[:-1], key=search_key), "UTC")


def test_what_is_stored_is_offered() -> None:
    assert zone_choices("en", "America/Lima") == zone_choices("en")
    old, *others = zone_choices("en", "US/Eastern")
    assert (old, tuple(others)) == (("US/Eastern", "New York time"), zone_choices("en"))
    typed, *_ = zone_choices("en", "America/Atlantis")
    assert typed == ("America/Atlantis", "America/Atlantis")

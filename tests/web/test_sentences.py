"""Values in sentences, as a reader of each language is told them."""

from datetime import timedelta

import pytest

from app.domain.schedule import InstitutionRole, PartRole
from app.domain.sentences import Value
from app.web.sentences import Presenter


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (timedelta(minutes=1), ["1 minute", "1 minuto", "1 minuto"]),
        (timedelta(minutes=40), ["40 minutes", "40 minutos", "40 minutos"]),
        (PartRole.HOST, ["host", "anfitrión/a", "anfitrião(ã)"]),
        (InstitutionRole.HOST, ["host", "entidad anfitriona", "entidade anfitriã"]),
        (InstitutionRole.PARTNER, ["partner", "entidad asociada", "entidade parceira"]),
    ],
)
def test_a_value_in_three_languages(value: Value, said: list[str]) -> None:
    assert [Presenter(language).present(value) for language in ("en", "es", "pt")] == said

"""Made-up participants for the demonstration: the same sixty every time, none of them real."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.addresses import search_key


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A participant who does not exist."""

    name: str
    email: str
    country: str
    zone: str
    language: str
    institution: str
    initiative: str
    territory: str
    sector: str


# country, zone, language, how many, territories
_PLACES = (
    ("CO", "America/Bogota", "es", 12, ("Antioquia", "Caldas", "Valle del Cauca")),
    ("EC", "America/Guayaquil", "es", 7, ("Guayas", "Manabí")),
    ("CL", "America/Santiago", "es", 6, ("Biobío", "Maule")),
    ("BR", "America/Sao_Paulo", "pt", 6, ("Minas Gerais", "Paraná")),
    ("MX", "America/Mexico_City", "es", 6, ("Jalisco", "Puebla")),
    ("PE", "America/Lima", "es", 5, ("Arequipa", "Piura")),
    ("PY", "America/Asuncion", "es", 4, ("Itapúa",)),
    ("AR", "America/Argentina/Buenos_Aires", "es", 4, ("Mendoza", "Santa Fe")),
    ("UY", "America/Montevideo", "es", 3, ("Canelones",)),
    ("CR", "America/Costa_Rica", "es", 3, ("Alajuela",)),
    ("DO", "America/Santo_Domingo", "es", 2, ("Santiago",)),
    ("ES", "Europe/Madrid", "es", 2, ("Cataluña",)),
)
_FIRST = {
    "es": ("Adela", "Bruno", "Celia", "Darío", "Elena", "Fabián", "Gloria", "Hugo", "Inés", "Joel",
           "Karina", "Leandro", "Maite", "Néstor", "Olivia", "Pablo", "Rocío", "Saúl", "Teresa",
           "Ulises", "Valeria", "Wilmer", "Ximena", "Yago"),
    "pt": ("Beatriz", "Caio", "Débora", "Everton", "Flávia", "Gustavo", "Helena", "Ivo"),
}  # fmt: skip
_LAST = {
    "es": ("Abarca", "Benavente", "Carrillo", "Donoso", "Echeverría", "Figueroa", "Galindo",
           "Huertas", "Ibáñez", "Jurado", "Lozada", "Maldonado", "Noboa", "Ordóñez", "Pizarro",
           "Quiroga", "Robayo", "Sandoval", "Tejada", "Urrutia", "Villalba", "Zambrano"),
    "pt": ("Almeida", "Barbosa", "Carvalho", "Duarte", "Ferraz", "Guimarães", "Nogueira"),
}  # fmt: skip
_SECTORS = (
    ("Coffee", "Café"), ("Cacao", "Cacao"), ("Textiles", "Textil"), ("Software", "Software"),
    ("Tourism", "Turismo"), ("Metalworking", "Metalmecánica"), ("Dairy", "Lácteos"),
)  # fmt: skip


def participants() -> Iterator[MadeUp]:
    """Sixty participants from a dozen countries."""
    dice = random.Random(20240826)  # noqa: S311 (a demonstration, not a secret)
    names: set[str] = set()
    for country, zone, language, count, territories in _PLACES:
        for _ in range(count):
            name = ""
            while not name or name in names:
                name = f"{dice.choice(_FIRST[language])} {dice.choice(_LAST[language])}"
            names.add(name)
            territory = dice.choice(territories)
            sector, local = dice.choice(_SECTORS)
            yield MadeUp(
                name=name,
                email=f"{search_key(name).replace(' ', '.')}@participants.example.org",
                country=country,
                zone=zone,
                language=language,
                institution=f"Cámara de Comercio de {territory}"
                if language == "es"
                else f"Câmara de Comércio de {territory}",
                initiative=f"Clúster {local} {territory}"
                if language == "es"
                else f"Cluster {sector} {territory}",
                territory=territory,
                sector=sector,
            )

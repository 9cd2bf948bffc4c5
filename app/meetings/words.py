"""The words in the cells: what somebody did, was, and is marked as, in five languages."""

import re
from enum import StrEnum
from functools import lru_cache

from app.meetings.keys import key, plain
from app.meetings.values import Marker, Role


class Action(StrEnum):
    """What an event tells of."""

    JOINED = "joined"
    BEFORE = "before"  # was there already when the list began
    LEFT = "left"


def _table(words: dict[str, StrEnum]) -> dict[str, StrEnum]:
    return {key(word): value for text, value in words.items() for word in text.split("|")}


_ACTIONS = _table(
    {
        "Joined|Join|Unido|Se unió|Unión|Entró|Ingresó|Se ha unido|Entrou|Ingressou|Aderiu"
        "|A rejoint|Rejoint|Arrivé|Beigetreten|Ist beigetreten|Beitritt": Action.JOINED,
        "Joined before|Se unió antes|Unido antes|Entró antes|Entrou antes|Ingressou antes"
        "|Entrou anteriormente|Ingressou anteriormente|Aderiu antes|A rejoint avant|Rejoint avant"
        "|A rejoint auparavant|A rejoint précédemment|Zuvor beigetreten|Vorher beigetreten"
        "|Bereits beigetreten|Früher beigetreten|Beigetreten (vorher)": Action.BEFORE,
        "Left|Leave|Abandonó|Salió|Abandono|Abandonado|Ha salido|Ha abandonado|Saiu"
        "|A quitté|Quitté|Est parti|Parti|Est sorti|Verlassen|Hat verlassen|Ausgetreten"
        "|Gegangen|Ist gegangen|Austritt": Action.LEFT,
    }
)
_ROLES = _table(
    {
        "Organizer|Organiser|Organizador|Organizadora|Organisateur|Organisatrice|Organisator"
        "|Organisatorin|Co-organizer|Coorganizador|Co-organisateur|Mitorganisator": Role.ORGANIZER,
        "Host|Co-host|Anfitrión|Anfitriona|Coanfitrión|Anfitrião|Anfitriã|Coanfitrião|Hôte"
        "|Co-hôte|Gastgeber|Gastgeberin": Role.HOST,
        "Presenter|Moderator|Presentador|Presentadora|Moderador|Moderadora|Ponente|Apresentador"
        "|Apresentadora|Présentateur|Présentatrice|Animateur|Animatrice|Referent|Referentin"
        "|Präsentierende|Vortragende|Producer": Role.PRESENTER,
        "Panelist|Panelista|Painelista|Panéliste|Intervenant|Intervenante|Diskussionsteilnehmer"
        "|Podiumsteilnehmer": Role.PANELIST,
        "Attendee|Participant|Asistente|Participante|Espectador|Participante do público"
        "|Spectateur|Teilnehmer|Teilnehmerin|Teilnehmende": Role.ATTENDEE,
    }
)
# How the titles of a webinar's tables begin, or what stands in them.
_TITLES = (
    (
        ("panelist", "panelista", "painelista", "paneliste", "intervenant", "diskussions"),
        Role.PANELIST,
    ),
    (("host", "anfitri", "hote"), Role.HOST),
    (("attend", "asistent", "particip", "teilnehm"), Role.ATTENDEE),
)
_YES = frozenset(
    "yes y true 1 si s sim oui ja vrai verdadero verdadeiro wahr x".split()  # noqa: SIM905
)
_NO = frozenset("no n false 0 nao non nein faux falso falsch".split())  # noqa: SIM905

_MARKERS = {
    key(word): marker
    for marker, words in {
        Marker.GUEST: "Guest|Invitado|Invitada|Convidado|Convidada|Gast|Invité|Invitée",
        Marker.EXTERNAL: "External|Ext|Externo|Externa|Extern|Externe",
        Marker.UNVERIFIED: "Unverified|No comprobado|No comprobada|No verificado|No verificada"
        "|Não verificado|Não verificada|Nicht überprüft|Nicht verifiziert|Non vérifié"
        "|Non vérifiée|Anonymous|Anónimo|Anônimo|Anonym|Anonyme",
    }.items()
    for word in words.split("|")
}
_TRAILING = re.compile(r"\s*[(\[]([^()\[\]]{1,40})[)\]]\Z")
_MACHINES = re.compile(
    r"\b(read\.?ai|otter\.?ai|otterpilot|fireflies|fathom|tl;?dv|meetgeek|sembly|avoma|notetaker"
    r"|note.taker|notetaking|meeting notes|ai companion|copilot|tomador de notas|transcri\w*bot)\b"
)
_NUMBERED = re.compile(r"\d{1,2}[.)]\s*\S")


def action(cell: str) -> Action | None:
    """What an event tells of; None where the word is not known."""
    found = _ACTIONS.get(key(cell))
    return Action(found) if found else None


def role(cell: str) -> Role | None:
    """A role by its word."""
    if not cell:
        return None
    found = _ROLES.get(key(cell))
    return Role(found) if found else None


@lru_cache(maxsize=64)
def role_of_title(title: str) -> Role | None:
    """Whom a webinar's table is about, by its title."""
    words = key(title)
    return next((who for stems, who in _TITLES if any(stem in words for stem in stems)), None)


def yes(cell: str) -> bool | None:
    """Yes or no; None where it is neither."""
    word = key(cell)
    return True if word in _YES else False if word in _NO else None


def without_markers(name: str) -> tuple[str, frozenset[Marker]]:
    """A name without what a provider puts behind it in brackets, and what that was."""
    found: set[Marker] = set()
    while (
        name.endswith((")", "]"))
        and (last := _TRAILING.search(name))
        and (marker := _MARKERS.get(key(last[1])))
    ):
        found.add(marker)
        name = name[: last.start()]
    if _MACHINES.search(plain(name)):
        found.add(Marker.MACHINE)
    return name.strip(), frozenset(found)


def original_name(name: str) -> tuple[str, str]:
    """What Zoom shows as ``Now (Before)``: both, the second perhaps empty."""
    last = _TRAILING.search(name)
    if last is None or not last.start():
        return name, ""
    return name[: last.start()].strip(), last[1].strip()


def is_numbered(title: str) -> bool:
    """Whether a line is the title of a numbered section."""
    return _NUMBERED.match(title) is not None

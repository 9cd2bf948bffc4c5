"""The run of show as fields of a form: read as typed, changed by its small buttons, checked.

Fields are named as in components/agenda_editor.html: ``segment-0-minutes``,
``segment-0-part-1-person``. Whatever stands in them is kept until it is right.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.errors import N_, FieldError, Invalid
from app.models import Session
from app.schemas.session import AgendaIn
from app.web.forms import Form
from app.web.problems import validate

SOMEBODY_ELSE = "somebody-else"
"""Stands for a person in a part until that person has been found or added."""

_NAME = re.compile(
    r"segment-(\d{1,4})-(?:part-(\d{1,4})-)?(id|kind|title|minutes|offset|person|role)"
)
_LAST_SEGMENT = 200  # as AgendaIn takes them
_LAST_PART = 50


@dataclass(slots=True)
class PartRow:
    """A part as typed."""

    id: str = ""
    person: str = ""
    role: str = "speaker"


@dataclass(slots=True)
class SegmentRow:
    """A segment as typed."""

    id: str = ""
    kind: str = "presentation"
    title: str = ""
    minutes: str = "15"
    offset: str = ""
    parts: list[PartRow] = field(default_factory=list)

    @property
    def length(self) -> int | None:
        """The minutes, if they are a length."""
        return _whole(self.minutes, 1, 24 * 60)

    @property
    def pin(self) -> int | None:
        """The fixed start in minutes after the session's, if one is typed."""
        return _whole(self.offset, 0, 7 * 24 * 60)


def _whole(text: str, least: int, most: int) -> int | None:
    if not re.fullmatch(r"[0-9]{1,5}", text.strip()):
        return None
    return int(text) if least <= int(text) <= most else None


def rows_of(session: Session) -> list[SegmentRow]:
    """The agenda of a session (loaded with its parts) as it stands in the form."""
    return [
        SegmentRow(
            id=segment.id,
            kind=segment.kind,
            title=segment.title,
            minutes=str(segment.minutes),
            offset="" if segment.offset is None else str(segment.offset),
            parts=[PartRow(part.id, part.person_id, part.role) for part in segment.parts],
        )
        for segment in session.segments
    ]


def read(form: Form) -> list[SegmentRow]:
    """The rows as typed, in the order of their numbers; gaps in the numbers close."""
    segments: dict[int, dict[str, str]] = {}
    parts: dict[int, dict[int, dict[str, str]]] = {}
    for name, text in form.values.items():
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        place, inner, what = int(match[1]), match[2], match[3]
        if inner is None:
            segments.setdefault(place, {})[what] = text.strip()
        else:
            parts.setdefault(place, {}).setdefault(int(inner), {})[what] = text.strip()
    return [
        SegmentRow(
            **_only(segments[place], "id", "kind", "title", "minutes", "offset"),
            parts=[
                PartRow(**_only(one, "id", "person", "role"))
                for _, one in sorted(parts.get(place, {}).items())
            ],
        )
        for place in sorted(segments)
    ]


def _only(found: dict[str, str], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}


def act(rows: list[SegmentRow], action: str) -> str:
    """Does what a small button says, in place; tells which field is to have the cursor then."""
    if action == "add-segment":
        if len(rows) < _LAST_SEGMENT:
            rows.append(SegmentRow())
        return f"segment-{len(rows) - 1}-title"
    match = re.fullmatch(
        r"(up|down|add-part|remove-segment|remove-part)-(\d{1,4})(?:-(\d{1,4}))?", action
    )
    if match is None or int(match[2]) >= len(rows):
        return ""
    what, place = match[1], int(match[2])
    if what in ("up", "down"):
        to = max(0, min(len(rows) - 1, place + (1 if what == "down" else -1)))
        rows.insert(to, rows.pop(place))
        return f"segment-{to}-title"
    if what == "remove-segment":
        rows.pop(place)
        return f"segment-{min(place, len(rows) - 1)}-title" if rows else ""
    parts = rows[place].parts
    if what == "add-part":
        if len(parts) < _LAST_PART:
            parts.append(PartRow(role=_next_role(rows[place])))
        return f"segment-{place}-part-{len(parts) - 1}-person"
    if match[3] is not None and int(match[3]) < len(parts):
        parts.pop(int(match[3]))
    return f"segment-{place}-title"


def _next_role(row: SegmentRow) -> str:
    """The role that is most likely wanted next."""
    there = {part.role for part in row.parts}
    if row.kind == "panel":
        return "panelist" if "moderator" in there else "moderator"
    if row.kind in ("opening", "closing"):
        return "speaker" if "host" in there else "host"
    return "moderator" if row.kind == "discussion" else "speaker"


def put_person(rows: Iterable[SegmentRow], person_id: str) -> str:
    """Gives the first part that waits for somebody to this person; tells the field, or ""."""
    for place, row in enumerate(rows):
        for index, part in enumerate(row.parts):
            if part.person == SOMEBODY_ELSE:
                part.person = person_id
                return f"segment-{place}-part-{index}-person"
    return ""


def named(rows: Iterable[SegmentRow]) -> set[str]:
    """The ids of the people who are chosen."""
    chosen = {part.person for row in rows for part in row.parts}
    return chosen - {"", SOMEBODY_ELSE}


def to_agenda(rows: Sequence[SegmentRow]) -> AgendaIn:
    """The rows for `agendas.put_agenda`. Raises Invalid, at fields named as there."""
    errors = []
    for place, row in enumerate(rows):
        for index, part in enumerate(row.parts):
            if part.person in ("", SOMEBODY_ELSE):
                errors.append(_nobody(f"segments.{place}.parts.{index}.person_id", part.person))
    data = {
        "segments": [
            {
                "id": row.id or None,
                "kind": row.kind,
                "title": row.title,
                "minutes": row.minutes,
                "offset": row.offset or None,
                "parts": [{"person_id": p.person or "?", "role": p.role} for p in row.parts],
            }
            for row in rows
        ]
    }
    try:
        agenda = validate(AgendaIn, data)
    except Invalid as error:
        raise Invalid(*error.fields, *errors) from None
    if errors:
        raise Invalid(*errors)
    return agenda


def _nobody(name: str, typed: str) -> FieldError:
    if typed == SOMEBODY_ELSE:
        sentence = N_("Find or add this person below, or remove the row.")
    else:
        sentence = N_("Choose who it is, or remove the row.")
    return FieldError(name, sentence, code="missing")


def in_form(name: str) -> str:
    """The form's name of a field of the agenda: ``segment-0-part-1-person_id`` ends in person."""
    return name.removesuffix("_id") if "-part-" in name else name


def plain(rows: Iterable[SegmentRow]) -> list[tuple[object, ...]]:
    """What the rows say, whatever their ids; equal for agendas that are the same."""
    return [
        (
            row.kind,
            row.title,
            row.minutes,
            row.offset,
            tuple((part.person, part.role) for part in row.parts),
        )
        for row in rows
    ]

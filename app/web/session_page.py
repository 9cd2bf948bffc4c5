"""The session editor between form and page: one state, whether it comes from the tables or from
what somebody has typed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.db import DbSession
from app.domain.errors import DomainError, FieldError, Invalid, Stale
from app.domain.parts import standing
from app.domain.schedule import Schedule, state_at
from app.languages import time_of_day
from app.models import Cycle, Person, Session
from app.schemas.directory import InstitutionIn, PersonIn
from app.schemas.session import AgendaIn, SessionChange
from app.services import casting
from app.services.actor import Actor
from app.services.publishing import Preview, preview_of
from app.services.schedules import schedule_of
from app.services.sessions import list_sessions
from app.web import agenda_form, session_form, session_view
from app.web.agenda_form import SOMEBODY_ELSE, SegmentRow
from app.web.choices import zone_choices
from app.web.forms import Errors, Form, errors_of
from app.web.problems import validate
from app.web.sentences import Presenter
from app.web.session_form import Values

NEW = ("name", "email", "position", "institution", "country", "zone")
"""The fields of somebody who is added to the directory from here, each named ``new-…``."""


@dataclass(slots=True)
class Editing:
    """What stands in the editor."""

    values: Values
    rows: list[SegmentRow]
    revision: str
    brought: set[str] = field(default_factory=set)  # people found, beside those in the cycle
    unsaved: bool = False
    find: str = ""
    new: dict[str, str] = field(default_factory=dict)
    found: casting.Found | None = None
    known: tuple[Person, ...] = ()  # who bears the name of somebody to be added
    errors: Errors = field(default_factory=Errors)
    stale: bool = False
    said: str = ""
    focus: str = ""


def saved(session: Session) -> Editing:
    """A session as it stands."""
    return Editing(session_form.shown(session), agenda_form.rows_of(session), str(session.revision))


def typed(form: Form, session: Session) -> Editing:
    """A session as it was typed."""
    return Editing(
        values=session_form.read(form, otherwise=session_form.shown(session)),
        rows=agenda_form.read(form),
        revision=form.text("revision"),
        brought=set(form.text("brought").split()),
        unsaved=True,
        find=form.text("find"),
        new={name: form.text(f"new-{name}") for name in NEW},
    )


def commands(editing: Editing) -> tuple[SessionChange, AgendaIn]:
    """What is to be saved. Raises Invalid for all that is wrong in either."""
    wrong: list[FieldError] = []
    change, agenda = None, None
    try:
        change = session_form.to_command(SessionChange, editing.values)
    except Invalid as error:
        wrong += error.fields
    try:
        agenda = agenda_form.to_agenda(editing.rows)
    except Invalid as error:
        wrong += error.fields
    if change is None or agenda is None:
        raise Invalid(*wrong)
    return change, agenda


def somebody_new(new: Mapping[str, str]) -> tuple[PersonIn, InstitutionIn | None]:
    """Somebody to be added to the directory, and where they work. Raises Invalid for all that is
    wrong in either."""
    wrong: list[FieldError] = []
    person, institution = None, None
    data = {name: new[name] for name in ("name", "position", "country")}
    try:
        more = {"email": new["email"] or None, "zone": new["zone"] or None}
        person = validate(PersonIn, {**data, **more})
    except Invalid as error:
        wrong += error.fields
    try:
        if new["institution"]:
            institution = validate(InstitutionIn, {"name": new["institution"]})
    except Invalid as error:
        wrong += [replace(one, field="institution") for one in error.fields]
    if person is None or wrong:
        raise Invalid(*wrong)
    if institution is not None:
        institution = institution.model_copy(update={"country": person.country})
    return person, institution


def failed(
    editing: Editing,
    error: DomainError,
    session: Session,
    main: str,
    gettext: Callable[[str], str],
) -> None:
    """Notes what was wrong. After a `Stale` the form goes on from what is saved by now: what was
    typed stays, and saving once more is meant."""
    if not isinstance(error, Stale):
        editing.errors = errors_of(
            error, gettext, lambda name: agenda_form.in_form(session_form.in_form(name, main))
        )
    else:
        editing.stale = True
        editing.revision = str(session.revision)
        there = {segment.id for segment in session.segments}
        for row in editing.rows:
            row.id = row.id if row.id in there else ""


def people_of(cycle_sessions: list[Session]) -> dict[str, Person]:
    """Everybody with a part in the cycle, by id."""
    return {
        part.person_id: part.person
        for session in cycle_sessions
        for segment in session.segments
        for part in segment.parts
    }


def context(
    db: DbSession,
    actor: Actor,
    cycle: Cycle,
    session: Session,
    editing: Editing,
    language: str,
    now: datetime,
) -> dict[str, Any]:
    """All that templates/organize/session.html shows. At most fifteen queries, however many rows
    there are."""
    everything = list_sessions(db, actor, cycle.id)
    people = people_of(everything)
    missing = (agenda_form.named(editing.rows) | editing.brought) - people.keys()
    people |= casting.people_with(db, actor, missing)
    draft = schedule_of(cycle, everything)
    time = session_form.typed_time(editing.values)
    minutes = session_form.typed_minutes(editing.values)
    if time is not None and minutes is not None:
        draft = session_view.typed_draft(
            draft, session, time, minutes, editing.values, editing.rows, people
        )
    starts = time.wall.instant if time else session.starts_at
    length = minutes or session.minutes
    zone = editing.values["zone"] if time else session.zone
    preview = preview_of(db, actor, draft, now)
    shown = session_view.conflicts_shown(
        preview.conflicts,
        draft,
        session.number,
        editing.rows,
        Presenter(language),
        f"/organize/c/{cycle.slug}",
    )
    speakers = [
        (people[part.person].name, people[part.person].zone)
        for row in editing.rows
        for part in row.parts
        if part.person in people
    ]
    counts = casting.participants_by_zone(db, actor, cycle.id)
    gettext = Presenter(language).gettext
    return {
        "session": session,
        "before_it": _beside(everything, session, -1),
        "after_it": _beside(everything, session, 1),
        "state": state_at(now, session.status, session.starts_at, session.ends_at),
        "editing": editing,
        "values": editing.values,
        "time": time,
        "starts": starts,
        "minutes": length,
        "at": zone,
        "segments": _segments(editing, session, people, shown, starts, zone, language),
        "people": _choices(people, gettext),
        "shown": shown,
        "zones": zone_choices(language, editing.values["zone"]),
        "strip": session_view.zone_rows(starts, length, zone, counts, speakers, language),
        "participants": sum(counts.values()),
        "released": _released(preview, session),
        "unpublished": 0 if editing.unsaved else len(preview.changes),
        "errors": editing.errors,
        "fold_options": session_view.folds(time, language),
        "theirs": _theirs(editing, session, language) if editing.stale else (),
        "their_agenda": _their_agenda(editing, session, language) if editing.stale else (),
    }


def _beside(sessions: list[Session], session: Session, step: int) -> Session | None:
    ordered = sorted(sessions, key=lambda s: (s.starts_at, s.number))
    place = next(i for i, s in enumerate(ordered) if s.id == session.id) + step
    return ordered[place] if 0 <= place < len(ordered) else None


def _released(preview: Preview, session: Session) -> bool:
    before: Schedule | None = preview.before
    return before is not None and any(s.id == session.id for s in before.sessions)


def _choices(people: dict[str, Person], gettext: Any) -> list[tuple[str, str, str]]:
    ordered = sorted(people.values(), key=lambda p: (p.search_key, p.id))
    found = [(p.id, label(p), p.zone) for p in ordered]
    return [*found, (SOMEBODY_ELSE, gettext("Somebody else: find them below"), "")]


def label(person: Person) -> str:
    """A person among others: the name, and where they work or how they are reached."""
    more = person.institution.name if person.institution else person.email or ""
    return f"{person.name} · {more}" if more else person.name


def _segments(
    editing: Editing,
    session: Session,
    people: dict[str, Person],
    shown: session_view.Shown,
    starts: datetime,
    zone: str,
    language: str,
) -> list[dict[str, Any]]:
    found = []
    kept = {(g.id, p.person_id, p.role): p for g in session.segments for p in g.parts}
    laid = session_view.lay_out(starts, editing.rows)
    for place, (row, hours) in enumerate(zip(editing.rows, laid, strict=True)):
        parts = []
        for part in row.parts:
            person = people.get(part.person)
            there = person.zone if person else ""
            note = session_view.local_hours(hours.starts, hours.ends, there, zone, language)
            # At the hours that are typed: who confirmed others has to confirm these again.
            known = kept.get((row.id, part.person, part.role))
            state = standing(known.status, known.answered_start, hours.starts) if known else ""
            parts.append(
                {
                    "id": part.id,
                    "person": part.person,
                    "role": part.role,
                    "state": str(state),
                    "note": note,
                }
            )
        found.append(
            {
                "id": row.id,
                "kind": row.kind,
                "title": row.title,
                "minutes": row.minutes,
                "offset": row.offset,
                "start": time_of_day(hours.starts, zone),
                "end": time_of_day(hours.ends, zone) if hours.ends else "",
                "parts": parts,
                "conflicts": shown.at_rows.get(place, []),
            }
        )
    return found


def _theirs(editing: Editing, session: Session, language: str) -> list[tuple[str, str, str]]:
    """The fields that are not as they are saved by now: (label, mine, theirs)."""
    theirs = session_form.shown(session)
    names = session_form.labels(language)
    return [
        (names[name], editing.values[name], theirs[name])
        for name in session_form.names()
        if editing.values[name] != theirs[name] and name in names
    ]


def _their_agenda(editing: Editing, session: Session, language: str) -> list[dict[str, Any]]:
    """The agenda as it is saved by now, for components/run_of_show.html; none if it is the same."""
    theirs = agenda_form.rows_of(session)
    if agenda_form.plain(theirs) == agenda_form.plain(editing.rows):
        return []
    return session_view.run_of_show(session, language)

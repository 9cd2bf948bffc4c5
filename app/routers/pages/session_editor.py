"""Organizers' page of one session: its fields and its run of show, in one form."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError
from app.domain.permissions import Permission
from app.models import Session, now
from app.services import agendas, casting, cycles, sessions
from app.services.actor import Actor
from app.web import agenda_form, session_page, session_view
from app.web.access.pages import MayEditSchedule, MayReadCycle
from app.web.choices import country_choices
from app.web.dependencies import Db
from app.web.forms import Form, FormData, errors_of, revision_of
from app.web.organize import cycle_bar
from app.web.problems import status_of
from app.web.session_page import Editing
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}")


def _editor(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    editing: Editing | None = None,
    error: DomainError | None = None,
    status: int = 200,
) -> Response:
    """The page. After an error everything is read anew, and what was typed is put into it."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    session = sessions.session_by_number(db, actor, cycle.id, number)
    editing = editing or session_page.saved(session)
    if error is not None:
        session_page.failed(editing, error, session, cycle.language, gettext_for(request))
        status = status_of(error)
    language = current_reader(request).language
    context = session_page.context(db, actor, cycle, session, editing, language, now())
    bar = cycle_bar(cycle, language, publish=context["unpublished"])
    context |= {"cycle": cycle, "cycle_bar": bar}
    if not actor.may(Permission.SCHEDULE_EDIT, cycle.id):
        context["run"] = session_view.run_of_show(session, language)
        return page(request, "organize/session_read.html", context)
    context["countries"] = country_choices(language)
    return page(request, "organize/session.html", context, status=status)


@router.get("")
def session_editor(
    request: Request, db: Db, actor: MayReadCycle, slug: str, number: int
) -> Response:
    """The session as it stands, with what clashes in it."""
    return _editor(request, db, actor, slug, number)


@router.post("")
def save_session(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int, form: FormData
) -> Response:
    """Saves the form, or does what one of its small buttons says and saves nothing."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    session = sessions.session_by_number(db, actor, cycle.id, number)
    editing = session_page.typed(form, session)
    action = form.text("action")
    if not action and editing.find:
        action = "find"  # Enter was pressed there
    if action not in ("", "save"):
        status = _act(request, db, actor, editing, action, form)
        return _editor(request, db, actor, slug, number, editing, status=status)
    try:
        number_now = _save(db, actor, session, editing)
    except DomainError as error:
        db.rollback()
        return _editor(request, db, actor, slug, number, editing, error)
    said = gettext_for(request)(N_("Session %(number)s is saved.")) % {"number": number_now}
    return see_other(request, f"/organize/c/{slug}/sessions/{number_now}", said)


def _save(db: DbSession, actor: Actor, session: Session, editing: Editing) -> int:
    change, agenda = session_page.commands(editing)
    revision = revision_of(editing.revision)
    sessions.change_session(db, actor, session.id, change, revision)
    return agendas.put_agenda(db, actor, session.id, agenda).number


def _act(
    request: Request, db: DbSession, actor: Actor, editing: Editing, action: str, form: Form
) -> int:
    """A small button: the rows, or somebody for them. Tells the status to answer with."""
    if action == "find":
        return _find(request, db, actor, editing)
    if action.startswith("pick-"):
        found = casting.people_with(db, actor, [action.removeprefix("pick-")])
        for person_id in found:
            _bring(request, editing, person_id, found[person_id].name)
        return 200
    if action == "add-new":
        return _add(request, db, actor, editing, anyway=form.checked("new-anyway"))
    editing.focus = agenda_form.act(editing.rows, action)
    return 200


def _bring(request: Request, editing: Editing, person_id: str, name: str) -> None:
    editing.brought.add(person_id)
    editing.find, editing.new = "", {}
    editing.focus = agenda_form.put_person(editing.rows, person_id)
    gettext = gettext_for(request)
    said = (
        gettext("%(name)s is in the run of show. Nothing is saved yet.")
        if editing.focus
        else gettext("%(name)s can be chosen in every row now. Nothing is saved yet.")
    )
    editing.said = said % {"name": name}


def _find(request: Request, db: DbSession, actor: Actor, editing: Editing) -> int:
    found = casting.find_person(db, actor, editing.find)
    if found.person is not None:
        _bring(request, editing, found.person.id, found.person.name)
        return 200
    editing.found = found
    editing.focus = "find"
    sentence = N_("Nobody in the directory is called “%(typed)s”. Add them here.")
    if found.candidates:
        sentence = N_("Several people may be meant. Choose one of them.")
    if not editing.find:
        sentence = N_("Write a name or an address.")
    elif not found.candidates:
        editing.new["email" if "@" in editing.find else "name"] = editing.find
    editing.errors["find"] = gettext_for(request)(sentence) % {"typed": editing.find}
    return 422


def _add(request: Request, db: DbSession, actor: Actor, editing: Editing, *, anyway: bool) -> int:
    """Puts somebody into the directory; the session itself is not saved by it."""
    try:
        command, institution = session_page.somebody_new(editing.new)
        editing.known = () if anyway else casting.same_name(db, actor, command.name)
        if editing.known:
            sentence = N_("There is a %(name)s in the directory already. Is it the same person?")
            editing.errors["new-name"] = gettext_for(request)(sentence) % {"name": command.name}
            editing.focus = "new-name"
            return 422
        person = casting.add_person(db, actor, command, institution)
    except DomainError as error:
        db.rollback()
        wrong = errors_of(error, gettext_for(request), "new-{}".format)
        editing.errors.update(wrong)
        editing.focus = next(iter(wrong))
        return status_of(error)
    _bring(request, editing, person.id, person.name)
    return 200

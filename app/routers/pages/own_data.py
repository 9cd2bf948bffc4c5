"""What is held about somebody: shown, downloaded, erased. From the own page of a participant or of
somebody with parts it is what one cycle holds; from a link that was mailed, everything.

A GET changes nothing: mail scanners open every link. Erasing takes a typed word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.attendance import Kind
from app.domain.errors import N_, Invalid
from app.domain.permissions import Permission
from app.domain.text import LANGUAGES, localized
from app.languages import translations
from app.models import Cycle, Person, now
from app.schemas.own_data import OwnData
from app.services import enrolments
from app.services.data_links import ask_for_everything, person_of_data_link
from app.services.erasure import erase_own
from app.services.guests import guest_of_link
from app.services.own_data import own_data
from app.services.rows import find
from app.services.schedules import with_institutions
from app.web import part_view
from app.web.access.gate import declares
from app.web.dependencies import Db, LinksDep
from app.web.disk import and_take_away
from app.web.downloads import download
from app.web.forms import Form, FormData, errors_of
from app.web.mail_words import KINDS
from app.web.personal import personal_headers
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(dependencies=[declares(Permission.LINK)])

_OBSERVED = {
    Kind.CHECK_IN: N_("Checked in"),
    Kind.JOIN_CLICK: N_("Pressed the button to join"),
    Kind.MARK: N_("Marked by an organizer"),
    Kind.INTERVAL: N_("In the meeting's report"),
    Kind.TOTAL: N_("In the meeting's report"),
    Kind.RETRACTION: N_("Taken back"),
}

WORD = N_("erase")
"""What is typed to erase; in any of the languages."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose data it is. `cycle` None: everywhere. `path`: of their own page, or of the link."""

    person: Person
    cycle: Cycle | None
    name: str
    language: str
    zone: str
    path: str

    @property
    def cycle_id(self) -> str | None:
        """The cycle's id."""
        return self.cycle.id if self.cycle else None

    @property
    def data_path(self) -> str:
        """Where this page is."""
        return f"{self.path}/data" if self.cycle else self.path


def _participant(request: Request, db: Db, links: LinksDep, token: str) -> Owner:
    row = enrolments.enrolment_of_link(db, links, token)
    cycle = find(db, Cycle, row.cycle_id, *with_institutions())
    return _owner(request, row.person, cycle, row.name, row.language, row.zone, f"/my/{token}")


def _guest(request: Request, db: Db, links: LinksDep, token: str) -> Owner:
    guest = guest_of_link(db, links, token)
    person = guest.person
    cycle = find(db, Cycle, guest.cycle_id, *with_institutions())
    language, zone = person.language or cycle.language, person.zone or cycle.zone
    return _owner(request, person, cycle, person.name, language, zone, f"/part/{token}")


def _everywhere(request: Request, db: Db, links: LinksDep, token: str) -> Owner:
    person = person_of_data_link(db, links, token, now())
    language = person.language or LANGUAGES[0]
    return _owner(request, person, None, person.name, language, person.zone, f"/data/{token}")


def _owner(request: Request, *values: Any) -> Owner:
    owner = Owner(*values)
    request.state.person_language = owner.language
    return owner


def _add_routes(prefix: str, whose: Callable[..., Owner]) -> None:
    """The same pages below each kind of link."""
    owned = Annotated[Owner, Depends(whose, scope="function")]

    @router.get(f"{prefix}.json")
    def as_json(db: Db, owner: owned) -> Response:
        """All that is held, for programs. Before the page: a token may have dots in it."""
        return _download(db, owner)

    @router.get(f"{prefix}")
    def show(request: Request, db: Db, owner: owned) -> Response:
        """The same, in words."""
        return _page(request, db, owner, "own/data.html")

    @router.get(f"{prefix}/erase")
    def before(request: Request, db: Db, owner: owned) -> Response:
        """What erasing brings about, and the word to type."""
        return _page(request, db, owner, "own/erase.html")

    @router.post(f"{prefix}/erase")
    def erase(request: Request, db: Db, owner: owned, form: FormData) -> Response:
        """Erases it."""
        return _erase(request, db, owner, form)


def _add_asking(prefix: str, whose: Callable[..., Owner]) -> None:
    owned = Annotated[Owner, Depends(whose, scope="function")]

    @router.post(f"{prefix}/everywhere")
    def ask(request: Request, db: Db, owner: owned) -> Response:
        """Mails a link to everything. It says the same in all cases."""
        return _ask(request, db, owner)


_add_routes("/my/{token}/data", _participant)
_add_routes("/part/{token}/data", _guest)
_add_routes("/data/{token}", _everywhere)
_add_asking("/my/{token}/data", _participant)
_add_asking("/part/{token}/data", _guest)


def _download(db: DbSession, owner: Owner) -> Response:
    data = own_data(db, owner.person.id, owner.cycle_id, now())
    name = f"my-data-{owner.cycle.slug}.json" if owner.cycle else "my-data.json"
    body = data.model_dump_json(indent=2).encode()
    return download(body, "application/json", name)


def _ask(request: Request, db: DbSession, owner: Owner) -> Response:
    assert owner.cycle is not None
    ask_for_everything(db, owner.person, owner.name, owner.language, owner.cycle.id, now())
    said = gettext_for(request)(
        N_("A mail with a link is on its way to your address. It works for an hour.")
    )
    return see_other(request, owner.data_path, said)


def _erase(request: Request, db: DbSession, owner: Owner, form: Form) -> Response:
    words = {translations(each).gettext(WORD).casefold() for each in LANGUAGES}
    if form.text("word").casefold() not in words:
        wrong = Invalid.one("word", N_("Type the word as it stands above."), code="word")
        return _page(request, db, owner, "own/erase.html", form, wrong)
    keep = form.checked("keep_certificates")
    erase_own(db, owner.person.id, owner.cycle_id, now(), keep_certificates=keep)
    return and_take_away(
        request, see_other(request, f"/data/erased?lang={current_reader(request).language}")
    )


def _page(
    request: Request,
    db: DbSession,
    owner: Owner,
    template: str,
    form: Form | None = None,
    error: Invalid | None = None,
) -> Response:
    data: OwnData = own_data(db, owner.person.id, owner.cycle_id, now())
    reader = current_reader(request)
    context = _context(owner, reader.language, reader.zone or owner.zone)
    gettext = gettext_for(request)
    context |= {
        "data": data,
        "owner": owner,
        "here": owner.data_path,
        "kinds": {kind.value: gettext(word) for kind, word in _OBSERVED.items()},
        "mail_kinds": {kind: gettext(word) for kind, word in KINDS.items()},
        "word": gettext(WORD),
        "values": form.values if form else {},
        "errors": errors_of(error, gettext),
        "certified": any(c.status == "live" for each in data.cycles for c in each.certificates),
    }
    status = status_of(error) if error else 200
    return page(request, template, context, status=status, headers=personal_headers())


def _context(owner: Owner, language: str, zone: str) -> dict[str, Any]:
    if owner.cycle is None:
        return {"zone": zone or "UTC", "cycle": None, "home_name": "Convoca"}
    title = localized(owner.cycle.title, language, owner.cycle.language)
    shown = part_view.cycle_context(owner.cycle, owner.path, language, zone)
    return {**shown, "cycle_title": title}

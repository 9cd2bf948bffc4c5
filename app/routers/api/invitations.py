"""JSON: what calendars were told and what was answered, and where parts stand."""

from fastapi import APIRouter
from starlette.responses import Response

from app.models import now
from app.routers.api.present import invitation_out, page_of, part_standing_out
from app.schemas.invitation import AnswerIn, InvitationOut, MailsOut, PartStandingOut
from app.schemas.page import Page
from app.services import cycles, invitations, ledger_lists
from app.services.parts import placed_parts
from app.web.access.programs import MayEditMail, MayEditPeople, MayReadPeople
from app.web.api import After, JsonRoute, Limit, OnceDep, answer, clash
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["invitations"])


@router.get("/cycles/{cycle_id}/invitations", response_model=Page[InvitationOut])
def list_invitations(
    db: Db, actor: MayReadPeople, cycle_id: str, limit: Limit = 50, after: After = None
) -> Response:
    """List what calendars were told in a cycle, person by person.

    Who was never told anything is not in it; the preview of a release counts them.
    """
    rows, cursor = ledger_lists.list_invitations(db, actor, cycle_id, now(), after, limit)
    return answer(page_of([invitation_out(row) for row in rows], cursor))


@router.post(
    "/cycles/{cycle_id}/invitations",
    response_model=MailsOut,
    responses=clash(
        "`not_published`: publish the cycle first. `cycle_archived`: restore it first."
    ),
)
def bring_up_to_date(db: Db, actor: MayEditMail, once: OnceDep, cycle_id: str) -> Response:
    """Send what is missing for everybody's calendar to say what is published.

    From then on the cycle invites: each release sends what it changes.
    """

    def make() -> Response:
        mails = invitations.bring_up_to_date(db, actor, cycle_id, now())
        return answer(MailsOut(mails=mails))

    return once(make)


@router.get("/sessions/{session_id}/invitations", response_model=Page[InvitationOut])
def list_session_invitations(
    db: Db, actor: MayReadPeople, session_id: str, limit: Limit = 50, after: After = None
) -> Response:
    """List what calendars were told of a session, person by person.

    Who was never told anything is not in it.
    """
    rows, cursor = ledger_lists.list_of_session(db, actor, session_id, now(), after, limit)
    return answer(page_of([invitation_out(row) for row in rows], cursor))


@router.put("/invitations/{invitation_id}/answer", response_model=InvitationOut)
def set_answer(db: Db, actor: MayEditPeople, invitation_id: str, command: AnswerIn) -> Response:
    """Note what somebody told an organizer.

    It is an answer to what was last sent; a newer one of their own replaces it.
    """
    row = ledger_lists.set_answer(db, actor, invitation_id, command.answer, now())
    return answer(invitation_out(row))


@router.get("/cycles/{cycle_id}/parts", response_model=Page[PartStandingOut])
def list_parts(db: Db, actor: MayReadPeople, cycle_id: str) -> Response:
    """List where the parts in a cycle stand, by time.

    As the draft has them, without those of cancelled sessions. All at once: `next` is null.
    """
    cycle = cycles.get_cycle(db, actor, cycle_id)
    return answer(page_of([part_standing_out(each) for each in placed_parts(db, cycle.id)]))

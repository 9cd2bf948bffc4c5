"""JSON: mail that comes in."""

from fastapi import APIRouter
from starlette.responses import Response

from app.models import now
from app.schemas.inbound import InboundOut
from app.services.inbound import receive
from app.web.access.programs import MayAdminister
from app.web.api import JsonRoute, OnceDep, answer
from app.web.api_bodies import RawMail
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute)


@router.post("/inbound", response_model=InboundOut, tags=["mail"])
def take_in_mail(db: Db, actor: MayAdminister, once: OnceDep, mail: RawMail) -> Response:
    """Take in a mail: an answer of a calendar program, or one that came back.

    The body is the mail as it came, headers and all, up to 25 MiB; what stands in the first two is
    read, where calendars are. The same mail again, by its Message-ID, is
    answered alike and changes nothing. It never changes a time.
    """

    def make() -> Response:
        return answer(InboundOut.model_validate(receive(db, mail.raw, now(), size=mail.size)))

    return once(make)

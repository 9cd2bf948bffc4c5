"""What is done on the disk after something was erased, once the answer has gone out."""

import logging

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from app.logs import log_failure
from app.models import now
from app.services.erasure_disk import take_away

logger = logging.getLogger("convoca.web")


def _take_away(request: Request) -> None:
    state = request.app.state
    try:
        take_away(state.database, state.files, state.mail_dir, now())
    except Exception as error:
        # What is left is taken away by the worker, who looks for it.
        log_failure(logger, "erasure", error)


def and_take_away(request: Request, response: Response) -> Response:
    """The same answer, after which the disk is cleared. By then the erasure is committed: whoever
    erased is not kept waiting, and a disk that fails does not undo it."""
    response.background = BackgroundTask(_take_away, request)
    return response

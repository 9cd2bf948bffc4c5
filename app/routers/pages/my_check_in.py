"""The button that everybody presses at the top of the hour: handed to the desk, then answered.

Plain ASGI, like what is kept (see `web.kept`): at that moment each layer more is time that somebody
waits. What is refused is shown by the page that has the button.
"""

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.db import Database
from app.domain.errors import N_, Busy, DomainError
from app.domain.permissions import Permission
from app.domain.text import LANGUAGES
from app.languages import translations
from app.routers.pages import my
from app.services.check_in_batch import CheckIns, Done, Slip
from app.services.desk import Desk
from app.services.links import Links, Purpose
from app.web.answers import asked
from app.web.errors import RETRY_AFTER
from app.web.problems import from_exception, status_of
from app.web.templating import current_reader, page, see_other


class CheckIn:
    """``POST`` of the button. The body is read and says nothing."""

    permission = Permission.LINK
    PATH = "/my/{token}/sessions/{number:number}/check-in"

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._links: Links = app.state.links
        self.desk: Desk[Slip, Done] = Desk(
            CheckIns(app.state.database), watch=app.state.metrics.desk
        )
        self._said: dict[str, tuple[bytes, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        token, number = scope["path_params"]["token"], scope["path_params"]["number"]
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # before all of it was there
            more = message.get("more_body", False)
        slip = Slip(*self._links.read(Purpose.MY, token), number, my.now())
        try:
            done = await self.desk.hand_in(slip)
        except Exception as error:
            known = from_exception(error)
            if known is None:
                raise
            response = await self._refused(Request(scope), token, number, known)
            if response.status_code == 503:
                response.headers["retry-after"] = RETRY_AFTER
            await response(scope, receive, send)
            return
        headers = [
            (b"content-length", b"0"),
            (b"location", b"/my/" + token.encode()),
            self._flash(scope, done.language),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _flash(self, scope: Scope, theirs: str) -> tuple[bytes, bytes]:
        """The cookie that says it on the page that follows: one for each language, made once."""
        language = theirs
        if scope["query_string"] or b"lang=" in asked(scope).cookie or theirs not in LANGUAGES:
            request = Request(scope)
            request.state.person_language = theirs
            language = current_reader(request).language
        said = self._said.get(language)
        if said is None:
            words = translations(language).gettext(N_("You're checked in."))
            raw = see_other(Request(scope), "/", words).raw_headers
            said = self._said[language] = next(h for h in raw if h[0] == b"set-cookie")
        return said

    async def _refused(
        self, request: Request, token: str, number: int, error: DomainError
    ) -> Response:
        """The page with the button, and why it did not work."""
        if isinstance(error, Busy):
            # Of a database that is busy nothing more is asked, and all threads may wait for it.
            return page(request, "my/busy.html", {"error": error}, status=status_of(error))
        return await run_in_threadpool(self._page, request, token, number, error)

    def _page(self, request: Request, token: str, number: int, error: DomainError) -> Response:
        database: Database = self._app.state.database
        with database.begin(writes=False) as db:
            return my.session_page(
                request, db, self._links, token, number, "my/check_in.html", error
            )

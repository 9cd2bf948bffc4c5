"""The addresses that are asked for most: tried before all others, answered from what is kept, and
the one that all press at once.

They stand first, because routes are tried one after the other: at the end of that line, finding
the route costs more than the answer.
"""

from fastapi import FastAPI
from starlette.routing import Route

from app.db import Database
from app.domain.permissions import Permission
from app.routers.pages.calendars import CycleFile, Feed, SessionFile
from app.routers.pages.changes import ChangesPage
from app.routers.pages.my_check_in import CheckIn
from app.routers.pages.public import AccentStyle, CyclePage, HomePage, SessionPage
from app.web import convertors as convertors  # makes {number:number} known
from app.web.kept import Keeps, KeptEndpoint
from app.web.representations import Representations


def install_hot_routes(app: FastAPI) -> None:
    """Puts them on the application, before any router is included, and beside it what they keep as
    ``app.state.representations`` and the desk for check-ins as ``app.state.desk``."""
    database: Database = app.state.database
    app.state.representations = kept = Representations(database)
    sources: list[tuple[str, Keeps]] = [
        ("/c/{slug:slug}/{number:number}.ics", SessionFile(app)),
        ("/feed/{token}.ics", Feed(app)),
        ("/c/{slug:slug}/{number:number}", SessionPage(app)),
        ("/c/{slug:slug}.ics", CycleFile(app)),
        ("/c/{slug:slug}/accent.css", AccentStyle()),
        ("/c/{slug:slug}/changes", ChangesPage(app)),
        ("/c/{slug:slug}", CyclePage(app)),
        ("/", HomePage(app)),
    ]
    check_in = CheckIn(app)
    app.state.desk = check_in.desk
    app.router.routes.append(
        Route(CheckIn.PATH, check_in, methods=["POST"], include_in_schema=False)
    )
    for path, source in sources:
        permission = Permission.LINK if isinstance(source, Feed) else Permission.PUBLIC
        endpoint = KeptEndpoint(source, kept, permission)
        app.router.routes.append(Route(path, endpoint, methods=["GET"], include_in_schema=False))

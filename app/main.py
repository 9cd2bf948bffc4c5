"""Wiring and lifespan, nothing else."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from app.db import Database
from app.domain.zones import use_packaged_zone_data
from app.mail.transport import server_of
from app.openid import OpenId
from app.outgoing.guard import Guard
from app.routers import health
from app.routers.api import install_api
from app.routers.pages import install_pages
from app.routers.pages.hot import install_hot_routes
from app.services.badge_keys import Keys
from app.services.files import FileStore
from app.services.limits import Limiter
from app.services.links import Links, Purpose
from app.services.mail_limits import Limits
from app.services.secret_key import secret_key
from app.settings import Settings
from app.slow_statements import tell_slow_statements
from app.web.api_limits import ApiLimits
from app.web.errors import install_error_handlers
from app.web.live_rooms import LiveRooms
from app.web.metrics import Metrics
from app.web.readiness import Readiness
from app.web.request_log import RequestLog
from app.web.security import Security
from app.web.static import install_static
from app.web.token_uses import TokenUses
from app.web.writers import Writers

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_UPLOAD_BYTES = 64 * 1024 * 1024
"""More than any file may have: a little too large is said by the form that sent it."""


def create_app(settings: Settings, *, database: Database | None = None) -> FastAPI:
    """The web application. `database` is given by whoever shares one, such as the tests."""
    use_packaged_zone_data()
    ours = database is None
    if database is None:
        database = Database(settings.database_url)
        tell_slow_statements(database.engine, settings.slow_statement_ms)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.desk.open()
        yield
        app.state.readiness.close()
        app.state.live.close()
        await run_in_threadpool(app.state.token_uses.close)
        # In a thread: whoever still waits is answered by this event loop.
        await run_in_threadpool(app.state.desk.close)
        if ours:
            database.close()

    app = FastAPI(
        title="Convoca",
        version="1",
        summary="Virtual training cycles: schedules, calendars, enrolment, attendance.",
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the usual pages load scripts from other sites
        redoc_url=None,
        separate_input_output_schemas=True,
        strict_content_type=True,
    )
    app.state.database = database
    app.state.links = Links(secret_key(settings.secret_key, settings.data_dir), settings.base_url)
    app.state.files = FileStore(settings.files_dir)
    app.state.badge_keys = Keys(settings.badge_keys_dir)
    app.state.development = settings.development
    app.state.secure_cookies = settings.secure
    app.state.mail_dir = settings.mail_dir
    app.state.mail_is_sent = bool(settings.smtp_url)
    app.state.mail_limits = Limits(
        server_of(settings.smtp_url), settings.smtp_per_second, settings.smtp_per_hour
    )
    app.state.live = LiveRooms(database, app.state.links)
    app.state.guard = Guard()
    app.state.writers = Writers()
    limiter = Limiter(database, app.state.links.key(Purpose.LIMIT))
    app.state.limiter = limiter
    app.state.openid = OpenId(settings.oidc) if settings.oidc else None
    app.state.api_limits = ApiLimits(database, limiter, settings.api_per_minute)
    app.state.token_uses = TokenUses(database)
    app.state.trusted_proxies = settings.trusted_proxies
    app.state.metrics = Metrics(database)
    app.state.metrics_token = settings.metrics_token
    install_error_handlers(app)
    install_hot_routes(app)
    app.state.readiness = Readiness(database, app.state.desk, settings.data_dir)
    install_api(app)
    install_pages(app)
    app.include_router(health.router)
    install_static(app)
    app.add_middleware(
        Security,
        base_url=settings.base_url,
        max_body_size=MAX_BODY_BYTES,
        max_upload_size=MAX_UPLOAD_BYTES,
    )
    app.add_middleware(
        RequestLog, main=app, metrics=app.state.metrics, quiet=frozenset({"/healthz", "/readyz"})
    )
    logging.getLogger("convoca").debug("application made")
    return app

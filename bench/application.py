"""The application under test: the demonstration cycle in a database of its own."""

import json
import os
from pathlib import Path

from fastapi import FastAPI
from sqlmodel import select

from app import schema_version
from app.db import Database
from app.main import create_app
from app.models import Enrolment, Session, now
from app.services import accounts, demo, tokens
from app.services.actor import Scope
from app.services.links import Links
from app.services.secret_key import secret_key
from app.settings import Settings
from app.warm_up import warm_up


def make() -> FastAPI:
    """What uvicorn serves, as `convoca serve` has it."""
    app = create_app(Settings.from_environment())
    warm_up(app)
    return app


def prepare(folder: Path) -> dict[str, str]:
    """Loads the demonstration into a folder; gives the environment to serve it with, and in
    ``BENCH`` the addresses to ask for."""
    env = {"CONVOCA_DATA_DIR": str(folder), "CONVOCA_API_PER_MINUTE": "0"}
    if os.environ.get("CONVOCA_DATABASE_URL"):
        env["CONVOCA_DATABASE_URL"] = os.environ["CONVOCA_DATABASE_URL"]
    settings = Settings.from_environment(env)
    database = Database(settings.database_url)
    schema_version.upgrade(database.engine)
    links = Links(secret_key("", settings.data_dir), "")
    with database.begin(writes=True) as db:
        demo.load(db, now(), organizer_email="organizer@example.org")
        user = accounts.first_user(db)
        assert user is not None
        _, secret = tokens.create_token(
            db, accounts.actor_of_user(db, user), "bench", [Scope.READ], expires_at=None
        )
        enrolment = db.exec(select(Enrolment)).first()
        session = db.exec(select(Session).where(Session.number == 3)).one()
        assert enrolment is not None
        found = {
            "ics": "/c/cluster-leaders/3.ics",
            "page": "/c/cluster-leaders/3",
            "feed": links.feed(enrolment.id, enrolment.feed_generation),
            "session": f"/api/v1/sessions/{session.id}",
            "token": secret,
        }
    database.close()
    return {**env, "BENCH": json.dumps(found)}

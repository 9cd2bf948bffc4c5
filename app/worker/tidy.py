"""Throws away what has ended and is of no use to anybody."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col

from app.db import DbSession
from app.models import KeptAnswer, SignIn, SignInLink

KEEP_LINKS = timedelta(days=1)
"""For so long a link that has expired still says that it has, rather than nothing."""

KEEP_ANSWERS = timedelta(days=7)
"""For so long the answer to a POST with an Idempotency-Key is repeated."""


def tidy(db: DbSession, now: datetime) -> None:
    """Ended sign-ins, sign-in links that expired long ago, answers kept for repeats."""
    connection = db.connection()
    connection.execute(delete(SignIn).where(col(SignIn.expires_at) <= now))
    connection.execute(delete(SignInLink).where(col(SignInLink.expires_at) <= now - KEEP_LINKS))
    connection.execute(delete(KeptAnswer).where(col(KeptAnswer.created_at) <= now - KEEP_ANSWERS))

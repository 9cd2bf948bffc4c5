"""Throws away what has ended and is of no use to anybody."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col

from app.db import DbSession
from app.models import SignIn, SignInLink

KEEP_LINKS = timedelta(days=1)
"""For so long a link that has expired still says that it has, rather than nothing."""


def tidy(db: DbSession, now: datetime) -> None:
    """Ended sign-ins, and sign-in links that expired long ago."""
    connection = db.connection()
    connection.execute(delete(SignIn).where(col(SignIn.expires_at) <= now))
    connection.execute(delete(SignInLink).where(col(SignInLink.expires_at) <= now - KEEP_LINKS))

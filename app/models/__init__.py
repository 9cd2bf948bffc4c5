"""SQLModel tables, a file per noun. Importing this package knows them all."""

from app.models.account import ApiToken, KeptAnswer, SignIn, SignInLink, User
from app.models.base import metadata, now
from app.models.cycle import Cycle, CycleInstitution
from app.models.enrolment import Enrolment, Evidence
from app.models.institution import Initiative, Institution
from app.models.message import Message
from app.models.person import Person
from app.models.release import Release
from app.models.session import Part, Segment, Session

__all__ = [
    "ApiToken",
    "Cycle",
    "CycleInstitution",
    "Enrolment",
    "Evidence",
    "Initiative",
    "Institution",
    "KeptAnswer",
    "Message",
    "Part",
    "Person",
    "Release",
    "Segment",
    "Session",
    "SignIn",
    "SignInLink",
    "User",
    "metadata",
    "now",
]

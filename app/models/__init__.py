"""SQLModel tables, a file per noun. Importing this package knows them all."""

from app.models.account import ApiToken, KeptAnswer, SignIn, SignInLink, User
from app.models.account_access import (
    AddressChange,
    OutsideIdentity,
    OutsideSignIn,
    RecoveryCode,
)
from app.models.attendance import (
    CycleRule,
    Evidence,
    PartArrival,
    ReportAlias,
    ReportImport,
    ReportRow,
    SessionClosing,
)
from app.models.audit import AuditEntry
from app.models.base import metadata, now
from app.models.certificate import Certificate, CertificateDesign, IssueRun
from app.models.cycle import Cycle, CycleInstitution
from app.models.enrolment import Enrolment
from app.models.feedback import FeedbackAnswer, FeedbackForm, FeedbackQuestion, FeedbackReceipt
from app.models.inbound import InboundMail
from app.models.institution import Initiative, Institution
from app.models.invitation import Guest, Invitation
from app.models.limit import LimitCount
from app.models.mailing import MailPace, MailText, Reminder, ReminderRun
from app.models.material import Material
from app.models.message import Message
from app.models.person import Person, PersonSight
from app.models.privacy import Consent, DataLink, Erasure, PrivacyNotice
from app.models.release import Release
from app.models.sending import SendingHold, WorkerTurn
from app.models.session import Part, Segment, Session
from app.models.team import TeamInvitation, TeamMember
from app.models.webhook import Webhook, WebhookDelivery, WebhookEvent

__all__ = [
    "AddressChange",
    "ApiToken",
    "AuditEntry",
    "Certificate",
    "CertificateDesign",
    "Consent",
    "Cycle",
    "CycleInstitution",
    "CycleRule",
    "DataLink",
    "Enrolment",
    "Erasure",
    "Evidence",
    "FeedbackAnswer",
    "FeedbackForm",
    "FeedbackQuestion",
    "FeedbackReceipt",
    "Guest",
    "InboundMail",
    "Initiative",
    "Institution",
    "Invitation",
    "IssueRun",
    "KeptAnswer",
    "LimitCount",
    "MailPace",
    "MailText",
    "Material",
    "Message",
    "OutsideIdentity",
    "OutsideSignIn",
    "Part",
    "PartArrival",
    "Person",
    "PersonSight",
    "PrivacyNotice",
    "RecoveryCode",
    "Release",
    "Reminder",
    "ReminderRun",
    "ReportAlias",
    "ReportImport",
    "ReportRow",
    "Segment",
    "SendingHold",
    "Session",
    "SessionClosing",
    "SignIn",
    "SignInLink",
    "TeamInvitation",
    "TeamMember",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
    "WorkerTurn",
    "metadata",
    "now",
]

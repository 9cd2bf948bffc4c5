"""Who may see and do what on pages: a route takes its `actor` as one of these, and has so declared
its permission."""

from typing import Annotated

from app.domain.permissions import Permission
from app.services.actor import Actor
from app.web.access.gate import organizer

SignedIn = Annotated[Actor, organizer(Permission.ACCOUNT)]
MayReadCycle = Annotated[Actor, organizer(Permission.CYCLE_READ)]
MayEditSchedule = Annotated[Actor, organizer(Permission.SCHEDULE_EDIT)]
MayPublish = Annotated[Actor, organizer(Permission.PUBLISH)]
MayReadPeople = Annotated[Actor, organizer(Permission.PEOPLE_READ)]
MayEditPeople = Annotated[Actor, organizer(Permission.PEOPLE_EDIT)]
MayExportPeople = Annotated[Actor, organizer(Permission.PEOPLE_EXPORT)]
MayReadMail = Annotated[Actor, organizer(Permission.MAIL_READ)]
MayEditMail = Annotated[Actor, organizer(Permission.MAIL_EDIT)]
MayReadAttendance = Annotated[Actor, organizer(Permission.ATTENDANCE_READ)]
MayEditAttendance = Annotated[Actor, organizer(Permission.ATTENDANCE_EDIT)]
MayReadReport = Annotated[Actor, organizer(Permission.REPORT_READ)]
MayEditCompletion = Annotated[Actor, organizer(Permission.COMPLETION_EDIT)]
MayReadCertificates = Annotated[Actor, organizer(Permission.CERTIFICATES_READ)]
MayEditCertificates = Annotated[Actor, organizer(Permission.CERTIFICATES_EDIT)]
MayReadDirectory = Annotated[Actor, organizer(Permission.DIRECTORY_READ)]
MayEditDirectory = Annotated[Actor, organizer(Permission.DIRECTORY_EDIT)]
MayCreateCycle = Annotated[Actor, organizer(Permission.CYCLE_CREATE)]
MayEndCycle = Annotated[Actor, organizer(Permission.CYCLE_END)]
MayManageTeam = Annotated[Actor, organizer(Permission.TEAM)]
MayManagePrivacy = Annotated[Actor, organizer(Permission.PRIVACY)]
MayManageWebhooks = Annotated[Actor, organizer(Permission.WEBHOOKS)]
MayReadAudit = Annotated[Actor, organizer(Permission.AUDIT_READ)]
MayAdminister = Annotated[Actor, organizer(Permission.INSTALLATION)]

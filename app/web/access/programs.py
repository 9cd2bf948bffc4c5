"""Who may do what by the API: a route takes its `actor` as one of these, and has so declared its
permission."""

from typing import Annotated

from app.domain.permissions import Permission
from app.services.actor import Actor
from app.web.access.gate import program

MayReadCycle = Annotated[Actor, program(Permission.CYCLE_READ)]
MayEditSchedule = Annotated[Actor, program(Permission.SCHEDULE_EDIT)]
MayPublish = Annotated[Actor, program(Permission.PUBLISH)]
MayReadPeople = Annotated[Actor, program(Permission.PEOPLE_READ)]
MayEditPeople = Annotated[Actor, program(Permission.PEOPLE_EDIT)]
MayReadMail = Annotated[Actor, program(Permission.MAIL_READ)]
MayEditMail = Annotated[Actor, program(Permission.MAIL_EDIT)]
MayReadAttendance = Annotated[Actor, program(Permission.ATTENDANCE_READ)]
MayEditAttendance = Annotated[Actor, program(Permission.ATTENDANCE_EDIT)]
MayReadReport = Annotated[Actor, program(Permission.REPORT_READ)]
MayEditCompletion = Annotated[Actor, program(Permission.COMPLETION_EDIT)]
MayReadCertificates = Annotated[Actor, program(Permission.CERTIFICATES_READ)]
MayEditCertificates = Annotated[Actor, program(Permission.CERTIFICATES_EDIT)]
MayReadDirectory = Annotated[Actor, program(Permission.DIRECTORY_READ)]
MayEditDirectory = Annotated[Actor, program(Permission.DIRECTORY_EDIT)]
MayCreateCycle = Annotated[Actor, program(Permission.CYCLE_CREATE)]
MayEndCycle = Annotated[Actor, program(Permission.CYCLE_END)]
MayManageTeam = Annotated[Actor, program(Permission.TEAM)]
MayManagePrivacy = Annotated[Actor, program(Permission.PRIVACY)]
MayManageWebhooks = Annotated[Actor, program(Permission.WEBHOOKS)]
MayReadAudit = Annotated[Actor, program(Permission.AUDIT_READ)]
MayAdminister = Annotated[Actor, program(Permission.INSTALLATION)]

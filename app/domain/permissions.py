"""Who may do what: one list of permissions, and what each role has of it.

A route declares one permission. Those of a cycle come from somebody's role in that cycle; the rest
from being signed in, from the account's standing, or from nothing at all. Whoever has no role in a
cycle is told that it is not there.
"""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """Something that may be done. Every route names one."""

    # Without an account.
    PUBLIC = "public"  # whoever comes
    LINK = "link"  # whoever holds the link in the address, which the use case reads

    # With an account, whatever the teams.
    ACCOUNT = "account"  # one's own account
    DIRECTORY_READ = "directory.read"  # institutions and initiatives
    DIRECTORY_EDIT = "directory.edit"  # those that only one's own cycles know
    CYCLE_CREATE = "cycle.create"

    # In a cycle.
    CYCLE_READ = "cycle.read"  # schedule, agendas, parts, releases
    SCHEDULE_EDIT = "schedule.edit"  # the draft: sessions, agendas, parts, materials, settings
    PUBLISH = "publish"
    PEOPLE_READ = "people.read"  # participants, and the people of the cycle, with their addresses
    PEOPLE_EDIT = "people.edit"
    PEOPLE_EXPORT = "people.export"  # files with addresses
    MAIL_READ = "mail.read"  # what was sent to whom, and what came in
    MAIL_EDIT = "mail.edit"  # words, reminders, sending again, settling replies
    ATTENDANCE_READ = "attendance.read"
    ATTENDANCE_EDIT = "attendance.edit"  # check-ins, marks, providers' reports, closing
    REPORT_READ = "report.read"  # completion, reports, briefs, feedback's results
    COMPLETION_EDIT = "completion.edit"  # the rule, feedback forms
    CERTIFICATES_READ = "certificates.read"
    CERTIFICATES_EDIT = "certificates.edit"  # designs, issuing, revoking
    AUDIT_READ = "audit.read"
    TEAM = "team"  # who has which role
    PRIVACY = "privacy"  # how long details are kept, erasing for somebody
    WEBHOOKS = "webhooks"
    CYCLE_END = "cycle.end"  # archiving, deleting

    # For the whole installation.
    INSTALLATION = "installation"  # accounts, mail of no cycle, what is held after a restore


class Role(StrEnum):
    """What somebody is in a cycle's team."""

    OWNER = "owner"
    EDITOR = "editor"
    DESK = "desk"
    VIEWER = "viewer"


class AccountStanding(StrEnum):
    """What an account is in the installation."""

    ADMINISTRATOR = "administrator"  # everything, in every cycle
    ORGANIZER = "organizer"  # may begin cycles, and owns those
    MEMBER = "member"  # what the teams say that they were asked into


class Scope(StrEnum):
    """What a token lets a program do, of what its owner may."""

    READ = "read"
    WRITE = "write"
    ATTENDANCE = "attendance"


_P = Permission

OPEN = frozenset({_P.PUBLIC, _P.LINK})
"""Asked of nobody."""

OF_STANDING: Mapping[AccountStanding, frozenset[Permission]] = {
    AccountStanding.MEMBER: frozenset({_P.ACCOUNT, _P.DIRECTORY_READ}),
    AccountStanding.ORGANIZER: frozenset(
        {_P.ACCOUNT, _P.DIRECTORY_READ, _P.DIRECTORY_EDIT, _P.CYCLE_CREATE}
    ),
    AccountStanding.ADMINISTRATOR: frozenset(_P) - OPEN,
}
"""What an account may without any team."""

_VIEWER = frozenset(
    {_P.CYCLE_READ, _P.PEOPLE_READ, _P.ATTENDANCE_READ, _P.REPORT_READ, _P.CERTIFICATES_READ}
)
_DESK = frozenset({_P.CYCLE_READ, _P.ATTENDANCE_READ, _P.ATTENDANCE_EDIT})
_EDITOR = (
    _VIEWER
    | _DESK
    | {
        _P.SCHEDULE_EDIT,
        _P.PUBLISH,
        _P.PEOPLE_EDIT,
        _P.PEOPLE_EXPORT,
        _P.MAIL_READ,
        _P.MAIL_EDIT,
        _P.COMPLETION_EDIT,
        _P.CERTIFICATES_EDIT,
        _P.AUDIT_READ,
    }
)

OF_ROLE: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.DESK: _DESK,
    Role.EDITOR: _EDITOR,
    Role.OWNER: _EDITOR | {_P.TEAM, _P.PRIVACY, _P.WEBHOOKS, _P.CYCLE_END},
}
"""What a role gives in its cycle."""

OF_CYCLE: frozenset[Permission] = OF_ROLE[Role.OWNER]
"""Permissions that belong to a cycle."""

WITH_ANY_EDIT = frozenset({_P.DIRECTORY_EDIT})
"""What whoever may edit some cycle's schedule may too: who puts sessions together writes down who
carries them."""


def scope_for(permission: Permission) -> Scope:
    """The scope that a token needs for it."""
    if permission is Permission.ATTENDANCE_EDIT:
        return Scope.ATTENDANCE
    return Scope.READ if permission.endswith(".read") else Scope.WRITE

"""Why a mail did not go out."""

import re
from enum import StrEnum


class Reason(StrEnum):
    """What stood in the way; each has a sentence on the organizers' pages."""

    UNREACHABLE = "unreachable"  # no connection to the server, or it turned us away
    NO_TLS = "no-tls"  # the server offers no encryption, or its certificate is not right
    LOGIN = "login"  # user and password of the settings were refused
    DROPPED = "dropped"  # the connection ended in the middle
    TIMEOUT = "timeout"  # the server did not answer in time
    DELAYED = "delayed"  # the server said: later (4xx)
    REFUSED = "refused"  # the server said: never (5xx)
    HELD = "held"  # the server refuses everybody: a quota, or a rule of its own
    SIZE = "size"  # the server takes no mail of that size
    SENDER = "sender"  # the server does not let us send as this sender
    ADDRESS = "address"  # the address cannot be used
    FILE = "file"  # the file could not be written
    GONE = "gone"  # what the mail is about is no longer there
    MOOT = "moot"  # what it says no longer holds
    MOVED = "moved"  # what it says no longer holds, and another may say what does
    EXPIRED = "expired"  # the link in it has expired
    OVER = "over"  # it is too late for it: its session has ended
    WRITING = "writing"  # the text could not be made
    LEFT_OUT = "left-out"  # after a restore a person said that it is not to go


_CODE = re.compile(r"[2-5]\d\d\b(?: [2-5]\.\d{1,3}\.\d{1,3}\b)?")


def brief(error: "SendError") -> str:
    """The reason, and the numbers that the server gave (``refused 550 5.1.1``): its words may name
    people."""
    found = _CODE.match(error.detail)
    return f"{error.reason} {found[0]}" if found else str(error.reason)


class SendError(RuntimeError):
    """A mail did not go out. `detail` is what the server said, without anything secret.

    `final`: trying again is of no use. `connection`: it was the way there, not this mail.
    `general`: the server may well say so to whatever we send.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        final: bool = False,
        connection: bool = False,
        general: bool = False,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.final = final
        self.connection = connection
        self.general = general

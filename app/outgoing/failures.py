"""Why a request did not do what it was to do."""

from enum import StrEnum


class Reason(StrEnum):
    """What stood in the way; each has a sentence on the organizers' pages."""

    NAME = "name"  # nobody knows the host's name
    NOT_PUBLIC = "not-public"  # the name leads to an address within some network
    UNREACHABLE = "unreachable"  # no connection to the host
    TLS = "tls"  # its certificate is not right, or it speaks no TLS that is safe
    TIMEOUT = "timeout"  # not done in time
    DROPPED = "dropped"  # the connection ended before the answer
    NO_HTTP = "no-http"  # what came is no answer by HTTP, or far too much of one
    ADDRESS = "address"  # the address can no longer be used
    REDIRECT = "redirect"  # it sent us elsewhere, where we do not go
    REFUSED = "refused"  # it answered with an error of ours (4xx)
    FAILED = "failed"  # it answered with an error of its own (5xx), or with what is no answer
    GONE = "gone"  # it answered 410: nothing more is wanted
    DISABLED = "disabled"  # whatever waits for it is not sent any more
    OURS = "ours"  # a mistake of ours


class PostError(RuntimeError):
    """There was no answer."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason

"""How often something may be done, by whom; and when a word at a room's door is one too many.

A window begins with the first of what it counts and ends by itself, so that whoever waits for as
long as they are told may go on, and nobody is shut out for good by what others do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from app.domain.errors import N_, TooOften


@dataclass(frozen=True, slots=True)
class Limit:
    """So many (`most`) within `window`; `sentence` says so, with ``%(minutes)s`` to wait."""

    name: str
    most: int
    window: timedelta
    sentence: str


SIGN_IN_BY_ADDRESS = Limit(
    "sign-in-address",
    10,
    timedelta(minutes=15),
    N_(
        "Too many wrong passwords came for this address. Try again in %(minutes)s min, or have a "
        "link sent to you: it signs you in at once."
    ),
)
"""Wrong passwords for one address, whether it has an account or not. A browser in which its owner
has signed in before has a number of its own, which strangers cannot use up."""
SIGN_IN_BY_NETWORK = Limit(
    "sign-in-network",
    60,
    timedelta(minutes=15),
    N_(
        "Too many wrong passwords came from your network. Try again in %(minutes)s min, or have a "
        "link sent to you: it signs you in at once."
    ),
)
LINK_BY_ADDRESS = Limit(
    "link-address",
    5,
    timedelta(minutes=10),
    N_(
        "Links were asked for at this address several times just now. Look into the mail there, "
        "or ask again in %(minutes)s min."
    ),
)
"""Asked for, whether the address has an account or not; whoever owns it has them all in the mail,
so a stranger who uses the number up shuts nobody out."""
LINK_BY_NETWORK = Limit(
    "link-network",
    30,
    timedelta(minutes=15),
    N_("Too many links were asked for from your network. Try again in %(minutes)s min."),
)
ENROL_BY_ADDRESS = Limit(
    "enrol-address",
    8,
    timedelta(hours=6),
    N_(
        "This address was enrolled several times today. Look into the mail there: the links in it "
        "work. You can try again in %(minutes)s min."
    ),
)
ENROL_BY_NETWORK = Limit(
    "enrol-network",
    200,
    timedelta(hours=1),
    N_("Too many enrolments came from your network. Try again in %(minutes)s min."),
)
"""A lecture hall that enrols at once comes from one address."""
SECOND_STEP = Limit(
    "second-step",
    8,
    timedelta(minutes=15),
    N_("Too many wrong codes were typed for this account. Try again in %(minutes)s min."),
)
"""By account: whoever gets so far has its password, or its mailbox."""
PROOF = Limit(
    "proof",
    10,
    timedelta(minutes=15),
    N_("Too many wrong passwords or codes were typed here. Try again in %(minutes)s min."),
)
"""By account: whoever gets so far has a browser in which it is signed in."""
OUTSIDE_BY_NETWORK = Limit(
    "outside-network",
    30,
    timedelta(minutes=15),
    N_("Too many sign-ins were begun from your network. Try again in %(minutes)s min."),
)
"""At an OpenID provider: each asks the provider something and keeps a row."""
NEW_ADDRESS = Limit(
    "new-address",
    5,
    timedelta(days=1),
    N_("You asked for another address several times today. Try again in %(minutes)s min."),
)
OWN_LINK_BY_ADDRESS = Limit(
    "own-link-address",
    5,
    timedelta(minutes=30),
    N_(
        "The link was asked for at this address several times just now. Look into the mail there, "
        "or ask again in %(minutes)s min."
    ),
)
OWN_LINK_BY_NETWORK = Limit(
    "own-link-network",
    60,
    timedelta(minutes=30),
    N_("Too many links were asked for from your network. Try again in %(minutes)s min."),
)
WRONG_TOKENS = Limit(
    "wrong-tokens",
    300,
    timedelta(minutes=10),
    N_("Too many requests with wrong tokens came from your network. Wait %(seconds)s s."),
)
TOKEN_SENTENCE = N_("This token was used too often within a minute. Wait %(seconds)s s.")


def for_token(per_minute: int) -> Limit:
    """How many requests a program may make with one token."""
    return Limit("token", per_minute, timedelta(minutes=1), TOKEN_SENTENCE)


def is_live(ends: datetime, now: datetime, window: timedelta) -> bool:
    """Whether a window that is kept still counts. One that ends later than one that would begin now
    was written by a clock that was wrong, and must not shut anybody out until then."""
    return now < ends <= now + window


def seconds_left(ends: datetime, now: datetime) -> int:
    """Whole seconds after which the window has ended, at least one."""
    return max(1, ceil((ends - now).total_seconds()))


def too_often(sentence: str, seconds: int) -> TooOften:
    """What to tell whoever comes too often."""
    return TooOften(sentence, seconds=seconds, minutes=-(-seconds // 60))


# Words at the doors of rooms.

WORDS_WINDOW = timedelta(minutes=10)
WRONG = 8
"""So many wrong words from one network with the same e-mail address, until somebody has checked in
from there."""
TOGETHER = 3 * WRONG
"""So many from one network altogether, or eight more than checked in from there."""
WRONG_AT_ALARM = 2
ALARM = 200
"""So many at one door from wherever, and as many more as checked in there."""

TOO_MANY_WORDS = N_(
    "Too many wrong words came from your network. Try again in %(minutes)s min, or check "
    "in on your personal page: its link is in your mails."
)


@dataclass(frozen=True, slots=True)
class Tries:
    """What was tried in a window: wrong words, and check-ins of people who were not in before."""

    wrong: int = 0
    right: int = 0


def refused_tries(own: Tries, here: Tries, everywhere: Tries) -> Tries | None:
    """Which of the counts refuses one more word, right or wrong; None: it may be looked at.

    `own`: of this e-mail address from this network; `here`: of the network; `everywhere`: of the
    door. A whole lecture room may share one network: until somebody from there is in, each e-mail
    address that is typed has tries of its own, and whoever gets in lets one more wrong word pass.
    Since anybody can type another e-mail address each time, all together have an end as well. Where
    hundreds are wrong at one door from wherever, newcomers have two tries each.
    """
    if everywhere.wrong >= ALARM + everywhere.right:
        most = WRONG_AT_ALARM + here.right
    else:
        most = max(TOGETHER, WRONG + here.right)
    if here.wrong >= most:
        return here
    if not here.right and own.wrong >= WRONG:
        return own
    return None

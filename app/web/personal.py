"""What the pages share that a personal link opens."""

from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from app.domain.errors import N_
from app.web.security import policy
from app.web.templating import current_reader, gettext_for, see_other


def personal_headers(meeting_urls: list[str] | None = None) -> dict[str, str]:
    """Nobody keeps these pages. Where a form leads to a meeting, the policy lets it go there.

    Browsers hold a form to the policy through every redirect, and providers redirect to hosts of
    theirs that nobody can list: so any https address may follow. Only these pages say so, and
    nothing that somebody typed stands in them unescaped.
    """
    headers = {"cache-control": "private, no-store", "x-robots-tag": "noindex"}
    # The scheme and not the host: that was typed, and a header takes neither ";" nor "日本".
    schemes = {f"{urlsplit(url).scheme}:" for url in meeting_urls or [] if url}
    if schemes:
        headers["content-security-policy"] = policy(form=" ".join(sorted({"https:", *schemes})))
    return headers


def links_ended(request: Request, sent_in: str, path: str) -> Response:
    """After somebody has ended all of their links. `sent_in`: the short name of the cycle in which
    they were mailed the new one; empty: they were not, and the old one, at `path`, says whom to
    ask."""
    gettext = gettext_for(request)
    said = gettext(N_("Your personal link and the address of your calendar have stopped working."))
    if sent_in:
        said += " " + gettext(N_("A mail with your new link is on its way."))
        path = f"/c/{sent_in}"
    # Neither page knows any more whose the links were, and in which language they read.
    return see_other(request, f"{path}?lang={current_reader(request).language}", said)

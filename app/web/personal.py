"""What the pages share that a personal link opens."""

from urllib.parse import urlsplit

from app.web.security import policy


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

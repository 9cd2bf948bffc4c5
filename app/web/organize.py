"""What the organizers' pages share."""

from typing import Any

from app.domain.text import localized
from app.models import Cycle


def cycle_bar(cycle: Cycle, language: str, **counts: int) -> dict[str, Any]:
    """What base/organize.html needs to know of the cycle that a page is about; `language` is the
    reader's."""
    return {
        "title": localized(cycle.title, language, cycle.language),
        "href": f"/organize/c/{cycle.slug}",
        "status": cycle.status,
        "public_href": f"/c/{cycle.slug}" if cycle.release_number else "",
        "counts": counts,
    }

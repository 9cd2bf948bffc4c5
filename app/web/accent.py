"""A cycle's colours as a stylesheet of its own."""

from app.domain.accent import readable


def stylesheet(color: str) -> str:
    """The custom properties that the house's stylesheet takes; none for an empty colour."""
    if not color:
        return "/* This cycle has no colour of its own. */\n"
    found = readable(color)
    return (
        f":root {{ --accent: {found.accent}; --on-accent: {found.on_accent}; "
        f"--accent-dark: {found.dark}; }}\n"
    )

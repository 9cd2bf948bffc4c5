"""What stands in our addresses: ``{slug:slug}`` and ``{number:number}`` in a route's path.

What does not look like one is another address, and so a page that is not there, instead of a
complaint about a field that nobody filled in. Importing this makes them known.
"""

from starlette.convertors import Convertor, register_url_convertor


class Number(Convertor[int]):
    """A session's number as we write it: no sign, no zero in front, not absurdly long."""

    regex = "[1-9][0-9]{0,4}"

    def convert(self, value: str) -> int:
        """The number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Its digits."""
        return str(value)


class Slug(Convertor[str]):
    """What can be a cycle's slug."""

    regex = "[a-z0-9-]{1,60}"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


register_url_convertor("number", Number())
register_url_convertor("slug", Slug())

"""A file as lines of cells: what text and workbooks have in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A row with something in it. `number` is its own in the file, from 1; `cells` are cleaned,
    and there are no empty ones at the end."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook, or a whole text file."""

    name: str
    lines: tuple[Line, ...]
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """All that is in a file. `delimiter` is empty for a workbook. `damaged`: some of its letters
    could not be read."""

    sheets: tuple[Sheet, ...]
    encoding: str
    delimiter: str = ""
    damaged: bool = False

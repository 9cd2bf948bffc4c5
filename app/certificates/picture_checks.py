"""Pictures that somebody sends, looked through in a process of their own: one that takes too long,
or too much, ends there."""

import json
import threading

from app.certificates.drawings import too_slow
from app.certificates.values import Picture
from app.confined import ask, command, in_turn, installed
from app.domain.errors import FieldError, Invalid

_PATIENCE = 20.0  # seconds; the process has fewer of a processor
_LONGEST_ANSWER = 32_000_000  # bytes; the largest picture that is made anew has a third of it
_AT_ONCE = threading.BoundedSemaphore(2)  # they take a processor and some memory each
_COMMAND = command("app.certificates.picture_reader")
_NEEDED = ("app", "typst", "PIL", "defusedxml", "segno")


def checked(data: bytes) -> Picture:
    """The picture in a PNG, JPEG or SVG file, without words for it.

    Raises:
        Invalid: as `pictures.picture_from`. Busy: too many are being looked at already.
    """
    with in_turn(_AT_ONCE, _PATIENCE):
        try:
            places = installed(*_NEEDED)
            told = ask(_COMMAND, places, data, patience=_PATIENCE, most=_LONGEST_ANSWER)
        except TimeoutError:
            raise too_slow() from None
    line, ended, rest = told.partition(b"\n")
    if not ended:
        raise too_slow()  # it ran into one of its limits before it had said all
    said = json.loads(line)
    if "refused" in said:
        field, sentence, params, code = said["refused"]
        raise Invalid(FieldError(field, sentence, params, code))
    if len(rest) != said["length"]:
        raise too_slow()
    return Picture(said["kind"], rest, said["ratio"])

"""Telling a server that refuses everything from recipients who cannot be reached.

A quota that is used up, a rule about us or our text: the server says 5xx, which is final, to each
mail, whoever it is for. Ten thousand mails would be given up for that.
"""

import re

from app.mail.failures import Reason, SendError

IN_A_ROW = 3  # recipients after which it is the server
_CODE = re.compile(r"\d{3}( \d\.\d{1,3}\.\d{1,3})?")
_OF_SETTINGS = (Reason.SENDER, Reason.LOGIN)


class Refusals:
    """The refusals in a row, with nothing that went between them, that need not be about who the
    mail is for. Kept by a worker from batch to batch."""

    def __init__(self) -> None:
        self._code = ""
        self._ids: dict[str, list[str]] = {}  # recipient to mails
        self._sure = False

    def clear(self) -> None:
        """A mail has gone, so the server does take some."""
        self._code, self._sure = "", False
        self._ids.clear()

    def note(self, message_id: str, recipient: str, error: SendError) -> list[str]:
        """Takes in what became of a mail. The ids of those, this one among them, that were refused
        because of the server; none, as long as it may be the recipients."""
        found = _CODE.match(error.detail)
        if found is None or not (error.general or error.reason in _OF_SETTINGS):
            return []
        if found[0] != self._code:
            self.clear()
            self._code = found[0]
        if self._sure:
            return [message_id]
        self._ids.setdefault(recipient.lower(), []).append(message_id)
        if len(self._ids) < IN_A_ROW:
            return []
        self._sure = True
        return [each for ids in self._ids.values() for each in ids]

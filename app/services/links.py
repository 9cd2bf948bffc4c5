"""Links that open one thing for one person: signed, made for one purpose, revocable.

A link carries an id and a generation. The database holds both, but not the key, so nothing in it
opens a door; raising the generation ends every link that was made before.
"""

import hashlib
from enum import StrEnum
from hmac import compare_digest

from itsdangerous import BadSignature, Signer

from app.domain.errors import NotFound


class Purpose(StrEnum):
    """What a link is for. A token for one purpose is nonsense for another."""

    MY = "my"
    PART = "part"  # the page of a guest with parts
    GUEST_FEED = "guest-feed"
    FEED = "feed"
    SIGN_IN = "sign-in"
    TEAM = "team"  # joining a team, or having an account
    DATA = "data"  # to what is held about a person everywhere
    FLASH = "flash"
    ROOM_WORD = "room-word"  # not of a link: see `Links.key`
    WEBHOOK = "webhook"  # neither
    LIMIT = "limit"  # nor these
    TOTP = "totp"
    OIDC = "oidc"
    BROWSER = "browser"  # in which somebody has signed in before
    HALF = "half"  # in which somebody has done the first of two steps
    BEGUN = "begun"  # of the page on which a second step is set up
    NEW_ADDRESS = "new-address"
    OLD_ADDRESS = "old-address"


class _Signer(Signer):
    """Derives its key once: at the top of the hour thousands of links are read in a second."""

    _derived = b""

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """Of the one key that there is."""
        self._derived = self._derived or super().derive_key(secret_key)
        return self._derived


class Links:
    """Makes and reads links. `base_url` is the address that people type, without a final slash."""

    def __init__(self, key: str, base_url: str) -> None:
        self.base_url = base_url
        self._signers = {
            purpose: _Signer(
                key, salt=f"convoca.{purpose}", key_derivation="hmac", digest_method=hashlib.sha256
            )
            for purpose in Purpose
        }

    def token(self, purpose: Purpose, row_id: str, generation: int = 1) -> str:
        """The token for a row at a generation."""
        return self._signers[purpose].sign(f"{row_id}-{generation}").decode()

    def read(self, purpose: Purpose, token: str) -> tuple[str, int]:
        """The row id and the generation.

        Raises:
            NotFound: altered, made for another purpose, or not ours at all; always the same.
        """
        try:
            row_id, _, generation = token.rpartition(".")[0].rpartition("-")
            found = row_id, int(generation)
            # Made anew and compared whole: base64 has several spellings of the same bytes.
            ours = compare_digest(self.token(purpose, *found).encode(), token.encode())
        except ValueError:
            raise NotFound from None
        if not ours:
            raise NotFound
        return found

    def sign(self, purpose: Purpose, text: str) -> str:
        """Any short text, signed."""
        return self._signers[purpose].sign(text).decode()

    def unsign(self, purpose: Purpose, signed: str) -> str:
        """The text that was signed. Raises NotFound if it was not by us."""
        try:
            return self._signers[purpose].unsign(signed).decode()
        except (BadSignature, ValueError):
            raise NotFound from None

    def key(self, purpose: Purpose) -> bytes:
        """A key for one purpose only, which tells nothing of the others."""
        return self._signers[purpose].derive_key()

    def my(self, enrolment_id: str, generation: int, path: str = "") -> str:
        """A participant's own page, or a page below it (``/sessions/3/join``)."""
        return f"{self.base_url}/my/{self.token(Purpose.MY, enrolment_id, generation)}{path}"

    def feed(self, enrolment_id: str, generation: int) -> str:
        """A person's live calendar."""
        return f"{self.base_url}/feed/{self.token(Purpose.FEED, enrolment_id, generation)}.ics"

    def part(self, guest_id: str, generation: int, path: str = "") -> str:
        """The own page of somebody with parts, or a page below it (``/sessions/3/answer``)."""
        return f"{self.base_url}/part/{self.token(Purpose.PART, guest_id, generation)}{path}"

    def guest_feed(self, guest_id: str, generation: int) -> str:
        """The live calendar of somebody with parts."""
        return f"{self.base_url}/feed/{self.token(Purpose.GUEST_FEED, guest_id, generation)}.ics"

    def url(self, path: str) -> str:
        """An absolute address for a path of ours."""
        return f"{self.base_url}{path}"

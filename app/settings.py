"""Settings, from the environment (``CONVOCA_*``): cli and migrations read them and hand them on."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from app.logs import KINDS
from app.mail.addresses import ascii_domain
from app.openid import Provider, is_local

DEFAULT_PORT = 8000
API_PER_MINUTE = 3_000
LOOPBACK = "127.0.0.0/8, ::1"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class SettingsError(ValueError):
    """A setting that cannot be used, said so that whoever set it can mend it."""


def _parts(url: str) -> SplitResult | None:
    """The parts of an address with a host and, if any, a port that is one; None where it is no
    address."""
    try:
        parts = urlsplit(url)
        usable = (
            parts.hostname
            and parts.port != 0
            and not parts.netloc.endswith(":")
            and not re.search(r"[\s\x00-\x1f]", url)
        )
    except ValueError:
        return None
    return parts if usable else None


def _only_a_host(parts: SplitResult) -> bool:
    return not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)


def _number(
    env: Mapping[str, str], name: str, *, least: float, most: float = 1_000_000
) -> float | None:
    """A number, or None where there is none or 0."""
    text = (env.get(name) or "0").strip()
    try:
        number = float(text)
    except ValueError:
        number = -1
    if number != 0 and not least <= number <= most:
        said = f"{name} must be a number from {least:.3g} to {most:.7g}, or empty, not {text!r}."
        raise SettingsError(said)
    return number or None


def _api_per_minute(env: Mapping[str, str]) -> int | None:
    """How many requests a token may make; None (no limit) for 0, but not where it is unset."""
    if not (env.get("CONVOCA_API_PER_MINUTE") or "").strip():
        return API_PER_MINUTE
    number = _number(env, "CONVOCA_API_PER_MINUTE", least=60)
    return int(number) if number else None


def _oidc(env: Mapping[str, str]) -> Provider | None:
    """The OpenID provider, if there is one."""
    names = ("CONVOCA_OIDC_ISSUER", "CONVOCA_OIDC_CLIENT_ID", "CONVOCA_OIDC_CLIENT_SECRET")
    given = {name: (env.get(name) or "").strip() for name in names}
    issuer, client_id, secret = given.values()
    missing = [name for name, value in given.items() if not value]
    if len(missing) == len(names):
        return None
    if missing:
        raise SettingsError(f"Set {', '.join(missing)} too, or none of CONVOCA_OIDC_*.")
    parts = _parts(issuer)
    secure = parts is not None and (
        parts.scheme == "https" or (parts.scheme == "http" and is_local(issuer))
    )
    if parts is None or not secure or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError(
            "CONVOCA_OIDC_ISSUER must be the issuer as the provider writes it, like "
            f"https://login.example.org, not {issuer!r}."
        )
    name = (env.get("CONVOCA_OIDC_NAME") or parts.hostname or "").strip()
    if _CONTROL.search(name + client_id + secret) or len(name) > 60:
        raise SettingsError("CONVOCA_OIDC_NAME must be a name of up to 60 characters on one line.")
    return Provider(issuer, client_id, secret, name)


def _mailbox(url: str) -> str:
    """The address of a mailbox that can be used, or none."""
    parts = _parts(url)
    schemes = ("imap", "imaps", "imap+starttls")
    if url and (
        parts is None
        or parts.scheme not in schemes
        or not parts.username
        or _CONTROL.search(unquote(url))
    ):
        raise SettingsError(
            "CONVOCA_IMAP_URL must begin with imaps://, imap+starttls:// or imap:// "
            "(user:password@host:port/Folder)."
        )
    return url


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks and addresses with commas or spaces between them."""
    try:
        return tuple(ip_network(each) for each in re.split(r"[,\s]+", text.strip(", \t")) if each)
    except ValueError as error:
        raise SettingsError(
            "CONVOCA_TRUSTED_PROXIES must be addresses or networks such as "
            f"10.0.0.5, 172.18.0.0/16; leave it out to believe this machine only: {error}."
        ) from None


def _folder(text: str) -> str:
    """A folder's path, which later changes of the working folder do not move, or none."""
    return str(Path(text).resolve()) if text else ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is decided outside the program."""

    data_dir: Path
    database_url: str
    base_url: str  # scheme and host that people type, without a slash at the end
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    smtp_url: str = ""  # empty: mails become files in `mail_dir`
    smtp_timeout: float = 20.0  # seconds for each answer of the server
    smtp_per_second: float | None = None  # mails at most; None: no limit
    smtp_per_hour: int | None = None
    mail_from: str = "convoca@localhost"
    mail_from_name: str = "Convoca"
    imap_url: str = ""  # the mailbox that answers arrive in; empty: they come another way
    imap_every: float = 60.0  # seconds between two looks into it
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _networks(
        LOOPBACK
    )  # whose word counts
    api_per_minute: int | None = API_PER_MINUTE  # requests with one token; None: no limit
    oidc: Provider | None = None  # where else people sign in
    secret_key: str = ""  # empty: kept in a file in `data_dir`
    badge_keys: str = ""  # a folder; empty: in `data_dir`
    log: str = "text"  # or json: a line of the log is an object
    slow_statement_ms: float = 500.0  # statements of the database that take longer are logged
    metrics_token: str = ""  # who has it may read /metrics; empty: nobody
    development: bool = False  # nothing is cached; /organize/_components; mailed sign-ins are shown

    @property
    def secure(self) -> bool:
        """Whether people reach it over https (then cookies are Secure and HSTS is sent)."""
        return self.base_url.startswith("https://")

    @property
    def mail_dir(self) -> Path:
        """Where mails are written as .eml files when no SMTP server is set."""
        return self.data_dir / "mail"

    @property
    def files_dir(self) -> Path:
        """Where uploaded files are kept."""
        return self.data_dir / "files"

    @property
    def badge_keys_dir(self) -> Path:
        """Where the keys are kept that sign badges."""
        return Path(self.badge_keys) if self.badge_keys else self.data_dir / "badge-keys"

    @property
    def sqlite(self) -> bool:
        """Whether the embedded database is used."""
        return self.database_url.startswith("sqlite")

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Reads CONVOCA_* (and PORT).

        Raises:
            SettingsError: a value that cannot be used.
        """
        env = os.environ if env is None else env
        data_dir = Path(env.get("CONVOCA_DATA_DIR") or "var").resolve()
        port_text = env.get("CONVOCA_PORT") or env.get("PORT") or str(DEFAULT_PORT)
        try:
            port = int(port_text)
        except ValueError:
            raise SettingsError(f"The port must be a number, not {port_text!r}.") from None
        if not 0 < port < 65536:
            raise SettingsError(f"The port must lie between 1 and 65535, not {port}.")
        host = env.get("CONVOCA_HOST") or "127.0.0.1"
        base_url = (env.get("CONVOCA_BASE_URL") or f"http://127.0.0.1:{port}").rstrip("/")
        parts = _parts(base_url)
        if parts is None or parts.scheme not in ("http", "https") or not _only_a_host(parts):
            raise SettingsError(
                "CONVOCA_BASE_URL must be like https://convoca.example.org "
                f"(a scheme and a host, no path), not {base_url!r}."
            )
        database_url = env.get("CONVOCA_DATABASE_URL") or f"sqlite:///{data_dir / 'convoca.db'}"
        if not database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise SettingsError(
                "CONVOCA_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg:// ."
            )
        smtp_url = env.get("CONVOCA_SMTP_URL") or ""
        server = _parts(smtp_url)
        if smtp_url and (
            server is None
            or server.scheme not in ("smtp", "smtps", "smtp+starttls")
            or _CONTROL.search(unquote(smtp_url))
        ):
            raise SettingsError(
                "CONVOCA_SMTP_URL must begin with smtp://, smtps:// or smtp+starttls:// "
                "(user:password@host:port; without a port also without the colon before it)."
            )
        per_second = _number(env, "CONVOCA_SMTP_PER_SECOND", least=1 / 60)
        per_hour = _number(env, "CONVOCA_SMTP_PER_HOUR", least=1)
        mail_from = env.get("CONVOCA_MAIL_FROM") or f"convoca@{parts.hostname}"
        try:
            ascii_domain(mail_from)
        except ValueError:
            raise SettingsError(
                "CONVOCA_MAIL_FROM must be one address like training@example.org, without a name, "
                f"not {mail_from!r}."
            ) from None
        mail_from_name = env.get("CONVOCA_MAIL_FROM_NAME") or "Convoca"
        if _CONTROL.search(mail_from_name):
            raise SettingsError("CONVOCA_MAIL_FROM_NAME must be a name on one line.")
        log = env.get("CONVOCA_LOG") or "text"
        if log not in KINDS:
            raise SettingsError(f"CONVOCA_LOG must be one of {', '.join(KINDS)}, not {log!r}.")
        metrics_token = env.get("CONVOCA_METRICS_TOKEN") or ""
        if metrics_token and (len(metrics_token) < 20 or not metrics_token.isascii()):
            raise SettingsError("CONVOCA_METRICS_TOKEN must be 20 random characters or more.")
        return cls(
            data_dir=data_dir,
            database_url=database_url,
            base_url=base_url,
            host=host,
            port=port,
            smtp_url=smtp_url,
            smtp_timeout=_number(env, "CONVOCA_SMTP_TIMEOUT", least=1, most=45) or 20.0,
            smtp_per_second=per_second,
            smtp_per_hour=int(per_hour) if per_hour else None,
            mail_from=mail_from,
            mail_from_name=mail_from_name,
            imap_url=_mailbox(env.get("CONVOCA_IMAP_URL") or ""),
            imap_every=_number(env, "CONVOCA_IMAP_EVERY", least=5, most=86_400) or 60.0,
            trusted_proxies=_networks(env.get("CONVOCA_TRUSTED_PROXIES") or LOOPBACK),
            api_per_minute=_api_per_minute(env),
            oidc=_oidc(env),
            secret_key=env.get("CONVOCA_SECRET_KEY") or "",
            badge_keys=_folder(env.get("CONVOCA_BADGE_KEYS") or ""),
            log=log,
            slow_statement_ms=_number(env, "CONVOCA_SLOW_STATEMENT_MS", least=1) or 500.0,
            metrics_token=metrics_token,
            development=(env.get("CONVOCA_DEVELOPMENT") or "").lower() in ("1", "true", "yes"),
        )

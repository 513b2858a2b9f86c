"""The settings of a shared app, from environment variables."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from wgan.access.roles import Limits, Role

PREFIX = "WGAN_"
LIMIT_PREFIX = "WGAN_MAX_"
MIN_KEY_LENGTH = 16


class SettingError(ValueError):
    """An environment variable has an invalid value; the message says which, and what is valid."""


@dataclass(frozen=True)
class AccessSettings:
    """Who can open the app. `docs/deploy.md` describes each setting."""

    share: bool = False
    urls: tuple[str, ...] = ()  # addresses under which visitors open the app
    anonymous: Role | None = None  # role of visitors without a link; None: they are refused
    proxy_key: str = ""  # secret by which a reverse proxy proves that the user header is its own
    user_header: str = "x-forwarded-user"
    admins: frozenset[str] = frozenset()  # user names
    folders: tuple[Path, ...] = ()  # folders from which pictures can be added
    limits: Limits = field(default_factory=Limits)

    @property
    def hosts(self) -> frozenset[str]:
        """The host names of `urls`."""
        return frozenset(urlsplit(url).hostname or "" for url in self.urls)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "AccessSettings":
        """Read the settings. Raises SettingError."""

        def value(name: str) -> str:
            return environment.get(PREFIX + name, "").strip()

        share = value("SHARE").lower()
        if share not in ("", "0", "1", "false", "true"):
            raise SettingError(f"WGAN_SHARE must be 1 or 0, not {share!r}.")
        urls = tuple(value("URL").split())
        for url in urls:
            if not _is_address(url):
                raise SettingError(
                    f"WGAN_URL must contain addresses such as https://gan.example.org, not {url!r}."
                )
        anonymous = value("ANONYMOUS").lower()
        if anonymous not in ("", Role.VIEWER, Role.MEMBER):
            raise SettingError(f"WGAN_ANONYMOUS must be viewer or member, not {anonymous!r}.")
        key = value("PROXY_KEY")
        if key and len(key) < MIN_KEY_LENGTH:
            raise SettingError(
                f"WGAN_PROXY_KEY must have at least {MIN_KEY_LENGTH} characters, so that nobody "
                "can guess it."
            )
        return cls(
            share=share in ("1", "true"),
            urls=urls,
            anonymous=Role(anonymous) if anonymous else None,
            proxy_key=key,
            user_header=value("USER_HEADER").lower() or cls.user_header,
            admins=frozenset(filter(None, (n.strip() for n in value("ADMINS").split(",")))),
            folders=tuple(
                Path(folder).expanduser().resolve()
                for folder in value("FOLDERS").split(os.pathsep)
                if folder
            ),
            limits=_limits(environment),
        )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is not valid
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def limit_variable(name: str) -> str:
    """Return the environment variable that sets a limit: WGAN_MAX_QUEUED for `queued`."""
    return LIMIT_PREFIX + name.upper()


def _limits(environment: Mapping[str, str]) -> Limits:
    values: dict[str, float] = {}
    for limit in dataclasses.fields(Limits):
        variable = limit_variable(limit.name)
        text = environment.get(variable, "").strip()
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and int(text[:12]) > 0 and len(text) < 12):
            raise SettingError(f"{variable} must be a whole number of at least 1, not {text!r}.")
        values[limit.name] = int(text)
    return Limits(**values)  # type: ignore[arg-type]

"""The door of the app: which requests are let in, and as which visitor."""

import hashlib
import hmac
import ipaddress
import math
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from wgan.access.roles import LOCAL_VISITOR, Role, Visitor
from wgan.access.settings import AccessSettings
from wgan.access.tokens import ShareTokens

FORWARDED_HEADERS = re.compile(
    r"forwarded|via|x-forwarded(-.*)?|x-real-ip|(x-)?client-ip|x-cluster-client-ip|x-original-.*|x-scheme|"
    r"true-client-ip|cdn-loop|(cf|fly|ngrok|x-envoy|x-amzn|x-azure|x-arr|x-appengine)-.*"
)
"""Headers by which a proxy tells that the request comes from elsewhere."""

PROXY_KEY_HEADER = "x-wgan-key"

MAX_TOKEN_CHARS = 200
MAX_USER_CHARS = 200
OWN_HOSTS_S = 10.0  # seconds for which the addresses of this machine are cached

NOT_SHARED = (
    "This app is open only to the machine on which it runs. To let others in, start it with "
    "`wgan app --share` and give them a link that it prints."
)
WRONG_HOST = (
    "This app is not known under the address {host}. Use the link that it printed when it was "
    "started, or add the address to WGAN_URL."
)
WRONG_ORIGIN = "Another web site made this request, so it was refused."
NO_LINK = "To open this app, use the link that you were given, or enter its token."
WRONG_TOKEN = "This link is not valid, or no longer. Ask for a new one."


@dataclass(frozen=True)
class Knock:
    """A request, as far as the door looks at it. Names of headers are in lower case."""

    peer: str | None  # IP address of the other end of the connection
    headers: Mapping[str, str]
    token: str | None  # from the address, or from the form
    token_cookie: str | None
    visitor_cookie: str | None  # secret that identifies the browser


@dataclass(frozen=True)
class Refusal:
    """A request that is not let in; `asks_for_token` if a valid token would help."""

    reason: str
    asks_for_token: bool = False


class Door:
    """Decides which requests are let in.

    Args:
        settings: Who can open the app.
        tokens: The tokens of the links.
    """

    def __init__(self, settings: AccessSettings, tokens: ShareTokens) -> None:
        self.settings, self.tokens = settings, tokens
        self._own_hosts: tuple[float, frozenset[str]] = (-math.inf, frozenset())

    def open_to(self, knock: Knock) -> Visitor | Refusal:
        """Return who makes a request, or why it is refused.

        Without sharing, only requests of this machine are let in: peer and Host are loopback, and no
        header says that a proxy has forwarded it. With sharing, the Host must be known, and the visitor
        needs a token, a cookie with a token, or a login of the proxy.
        """
        host = knock.headers.get("host", "")
        if not self.knows_host(host):
            return Refusal(
                WRONG_HOST.format(host=host[:100] or "that it names")
                if self.settings.share
                else NOT_SHARED
            )
        origin = knock.headers.get("origin")
        if origin is not None and not self._is_own_origin(origin, host):
            return Refusal(WRONG_ORIGIN)
        if not self.settings.share:
            is_local = is_loopback(knock.peer) and not any(
                map(FORWARDED_HEADERS.fullmatch, knock.headers)
            )
            return LOCAL_VISITOR if is_local else Refusal(NOT_SHARED)
        return self._shared(knock)

    def knows_host(self, header: str) -> bool:
        """Return whether a Host header names this app."""
        host = host_name(header)
        if host == "localhost" or is_loopback(host):
            return True
        return self.settings.share and (host in self.settings.hosts or host in self._own())

    def is_behind_https(self, header: str) -> bool:
        """Return whether visitors open the app over https at the address in a Host header, says WGAN_URL."""
        host = host_name(header)
        known = (urlsplit(url) for url in self.settings.urls)
        return any((url.scheme, url.hostname) == ("https", host) for url in known)

    def _shared(self, knock: Knock) -> Visitor | Refusal:
        user = self._user(knock)
        if knock.token is not None and self._role(knock.token) is None:
            return Refusal(WRONG_TOKEN, asks_for_token=True)
        roles = [self._role(token) for token in (knock.token, knock.token_cookie) if token]
        if user is not None:
            roles.append(Role.ADMIN if user in self.settings.admins else Role.MEMBER)
        valid = [role for role in (*roles, self.settings.anonymous) if role is not None]
        if not valid:
            return Refusal(WRONG_TOKEN if knock.token_cookie else NO_LINK, asks_for_token=True)
        role = max(valid, key=lambda role: role.rank)
        if user is not None:
            return Visitor(_id("user", user), role, user)
        if not knock.visitor_cookie:
            # A first request, or a browser without cookies, which cannot own anything.
            return Visitor("", Role.VIEWER)
        return Visitor(_id("browser", knock.visitor_cookie), role)

    def _role(self, token: str) -> Role | None:
        return self.tokens.role_of(token) if len(token) <= MAX_TOKEN_CHARS else None

    def _user(self, knock: Knock) -> str | None:
        """Return the user of the proxy's login; None if the proxy has not proved who it is."""
        key = self.settings.proxy_key.encode()
        given = _text(knock.headers.get(PROXY_KEY_HEADER, "")).encode("utf-8", "replace")
        if not key or not hmac.compare_digest(given, key):
            return None
        user = _text(knock.headers.get(self.settings.user_header, "")).strip()
        return user if 0 < len(user) <= MAX_USER_CHARS else None

    def _own(self) -> frozenset[str]:
        """Return the names and addresses of this machine, which change with its network."""
        now = time.monotonic()
        if now - self._own_hosts[0] > OWN_HOSTS_S:
            self._own_hosts = (now, own_hosts())
        return self._own_hosts[1]

    def _is_own_origin(self, origin: str, host: str) -> bool:
        """Return whether a page of this app made the request: origin and Host agree."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        # A proxy may have replaced the Host. Then the origin must be one of the known addresses.
        return parts.netloc.lower() == host.lower() or any(
            (parts.scheme, parts.netloc) == urlsplit(url)[:2] for url in self.settings.urls
        )


def host_name(header: str) -> str | None:
    """Return the name of a Host header without the port, in lower case; None if it is not valid."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?", header)
    return match[1].strip("[]").lower().rstrip(".") if match else None


def is_loopback(address: str | None) -> bool:
    """Return whether an IP address is of this machine. Names are not looked up."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def own_hosts() -> frozenset[str]:
    """Return the names and addresses under which this machine can be reached in its network."""
    name = socket.gethostname().lower()
    hosts = {name, f"{name.partition('.')[0]}.local"}
    if address := own_address():
        hosts.add(address)
    return frozenset(hosts)


def own_address() -> str | None:
    """Return the IP address of this machine in its network; None if it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation, RFC 5737
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if is_loopback(address) or address == "0.0.0.0" else address


def _text(header: str) -> str:
    """Return the value of a header, which is read as Latin-1, as the UTF-8 that proxies send."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _id(kind: str, secret: str) -> str:
    """Return an id that does not reveal the secret from which it is made."""
    return hashlib.sha256(f"{kind}/{secret}".encode()).hexdigest()[:16]

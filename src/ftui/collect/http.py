"""What all collectors share about HTTP. httpx is imported when it is first needed."""

from __future__ import annotations

import ipaddress
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ftui import __version__
from ftui.errors import NetworkError

if TYPE_CHECKING:
    import httpx

USER_AGENT = f"ftui/{__version__} (+https://github.com/ftui/ftui)"
RETRY_STATUS = frozenset({429, 500, 502, 503, 504})


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine, where a proxy must not be asked."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_client(
    base_url: str, *, timeout: float, user_agent: str = USER_AGENT, token: str = "", connections: int = 32
) -> httpx.AsyncClient:
    """A client that follows no redirect by itself.

    Args:
        base_url: decides about proxies, and goes before relative addresses.
        timeout: seconds to wait for a connection and for each piece of an answer.
        token: sent as Bearer token with every call, or "".
    """
    import httpx

    headers = {"User-Agent": user_agent}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=timeout,
        trust_env=not is_loopback(base_url),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
    )


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the service asks to wait, from a number or a date; None without a usable one."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time()
    return max(0.0, seconds) if seconds < float("inf") else None


def status_reason(status: int) -> str:
    """`404 not found`: short, and equal for equal causes."""
    try:
        return f"{status} {HTTPStatus(status).phrase.lower()}"
    except ValueError:
        return f"{status} answer"


def error_reason(error: Exception) -> str:
    """A short reason for a request without an answer."""
    import httpx

    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.DecodingError):
        return "broken compression"
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return "not a web address"
    return "connection cut"


def no_answer(url: str, error: Exception) -> NetworkError:
    """The error for a service that cannot be reached at all."""
    host = urlsplit(url).netloc
    detail = str(error).strip()
    return NetworkError(
        f"No answer from {host}",
        f"{error_reason(error)} ({detail})" if detail else error_reason(error),
        "Check the address and your network, then start it again",
    )


def now_iso() -> str:
    """The time now, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

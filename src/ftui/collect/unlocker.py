"""The same crawl through Bright Data's Web Unlocker, for sites that block plain fetches.

Each address is a `POST /request` to the service, which charges for requests that
succeed. What is charged is counted here from the answers, so it is an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ftui.collect.fetch import Answer, Fetcher
from ftui.collect.http import USER_AGENT, error_reason
from ftui.collect.site import Site
from ftui.errors import CredentialError, InputError, ServiceError

if TYPE_CHECKING:
    import httpx

_SHORTEST_TIMEOUT = 120.0
"""Seconds: what is given up here may still be fetched, and charged, there."""
_ERROR_HEADERS = ("x-brd-error", "x-luminati-error", "x-brd-err-msg", "x-brd-error-code")
_LONGEST_TEXT = 2000


class Unlocker(Fetcher):
    """A `Fetcher` whose requests go to the Web Unlocker.

    Args:
        zone: the name of the Web Unlocker zone.
        country: two letters from where to look, or "".
        token: the Bright Data key.
        base_url: the address this key was saved for.
    """

    def __init__(
        self, zone: str, country: str, token: str, base_url: str, *, timeout: float, retries: int, backoff: float
    ) -> None:
        super().__init__(max(timeout, _SHORTEST_TIMEOUT), retries, backoff, USER_AGENT)
        self._zone = zone
        self._country = country
        self._token = token
        self._address = f"{base_url.rstrip('/')}/request"
        self._answered = False

    def _request(self, site: Site, url: str, headers: Mapping[str, str]) -> tuple[str, str, dict[str, Any]]:
        body = {"zone": self._zone, "url": url, "format": "raw"}
        if self._country:
            body["country"] = self._country
        return "POST", self._address, {"json": body, "headers": {"Authorization": f"Bearer {self._token}"}}

    def _may_repeat(self, error: Exception | None) -> bool:
        # A request whose answer was lost may have been charged: it is not sent a second time.
        return error is None or error_reason(error) == "no connection"

    async def _look(self, response: httpx.Response) -> Answer:
        answer = await super()._look(response)
        problem = next((text for name in _ERROR_HEADERS if (text := response.headers.get(name, "").strip())), "")
        if not problem and not self._answered and response.status_code in (400, 401, 402, 403, 407):
            raise await self._refusal(response)
        if problem:
            return replace(answer, reason=f"unlocker: {problem[:80]}", location="")
        self._answered = True
        if response.status_code < 400:
            self.paid += 1
        return answer

    async def _refusal(self, response: httpx.Response) -> CredentialError | InputError | ServiceError:
        """The error for a first answer that no page gives: it is about the key, the zone or the account."""
        text = " ".join((await response.aread())[:_LONGEST_TEXT].decode("utf-8", "replace").split())
        why = f"{response.status_code}: {text.replace(self._token, '…')[:300]}"
        if response.status_code in (401, 407):
            return CredentialError("Bright Data refuses the key", why, "Check it in Connect, then start it again")
        if response.status_code == 400:
            do = "Check the name of the Web Unlocker zone in Bright Data's control panel"
            return InputError(f"Bright Data refuses the zone {self._zone!r}", why, do)
        return ServiceError("Bright Data refuses the request", why, "Check the account in Bright Data's control panel")

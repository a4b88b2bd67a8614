"""One account at Bright Data over HTTP: calls made again where that is safe, and answers read with care.

Bodies are JSON or plain text. 25 answers with 429 in five minutes block the address of the
person until support lifts it, so refusals are counted over everything this program asks
there, and it stops far below.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftui.collect.http import error_reason, no_answer, open_client, retry_after, status_reason
from ftui.errors import CredentialError, FtuiError, InputError, MoneyError, ServiceError
from ftui.units import duration

if TYPE_CHECKING:
    import httpx

BASE_URL = "https://api.brightdata.com"
PATIENCE = 60.0
LONGEST_WAIT = 300.0
_MOST_LOST = 4
_MOST_BODY = 64_000_000
# A call may take so many times the patience, and longer to send what is large.
_MOST_PATIENCE = 5
_SLOWEST_SENT = 50_000
# Refusals in a row, and in all within the time that the service counts.
_REFUSALS_IN_A_ROW = 3
_REFUSALS_IN_ALL = 10
_REFUSALS_SECONDS = 300.0
_refusals: defaultdict[str, deque[float]] = defaultdict(deque)


class LostAnswer(Exception):
    """A call was sent, and nobody knows what became of it, or its answer was cut."""


class Told(Exception):
    """The service has told why something cannot be had.

    Attributes:
        error: the same for a person.
    """

    def __init__(self, error: FtuiError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Answer:
    """An answer whose body has been read.

    Attributes:
        wait: seconds that the service asks to wait, or None.
        date: when it was sent, by the clock of the service, "" when it does not say.
    """

    path: str
    status: int
    body: bytes
    wait: float | None = None
    hint: str = ""
    date: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def field(self, *names: str) -> str:
        """The first of these fields that holds a text, or ""."""
        body = self.json()
        found = (body.get(name) for name in names) if isinstance(body, Mapping) else iter(())
        return next((value for value in found if isinstance(value, str) and value), "")


class Account:
    """The connection to one account; an async context manager.

    Args:
        token: the API key. It is sent to `base_url` alone and appears in no error.
        pause: seconds before a failed call is made again, doubled each time.
        patience: seconds without anything from the service after which an answer counts as lost.
    """

    def __init__(
        self, token: str, base_url: str = BASE_URL, *, pause: float = 10.0, patience: float = PATIENCE
    ) -> None:
        if not token.isascii() or not token.isprintable() or " " in token:
            # Said here, because further down the key itself would be part of the error.
            raise CredentialError("This is not a key of Bright Data", "it holds odd characters", "Paste the key alone")
        self.base_url = base_url
        self.patience = patience
        self._token = token
        self._pause = pause
        self._in_a_row = 0
        self._client = open_client(base_url, timeout=patience, token=token)

    async def close(self) -> None:
        await self._client.aclose()

    async def call(
        self, path: str, query: Mapping[str, str], *, accept: tuple[int, ...] = (), method: str = "GET"
    ) -> Answer:
        """A call that costs nothing, made again after a lost answer or a busy service.

        Args:
            accept: statuses that are no error here.
        """
        import httpx

        lost = 0
        while True:
            try:
                answer = await self._send(method, path, query)
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                lost += 1
                if lost > _MOST_LOST or isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
                    raise no_answer(self.base_url, error) from error
                await asyncio.sleep(self.wait(lost))
                continue
            if answer.status >= 500 and lost < _MOST_LOST:
                lost += 1
                await asyncio.sleep(self.wait(lost))
                continue
            if answer.is_success or answer.status in accept:
                return answer
            raise self.error(answer)

    async def spend(self, path: str, query: Mapping[str, str], size: int, **content: Any) -> Answer:
        """THE CALL THAT SPENDS. It is sent once, except after a refusal.

        Args:
            size: bytes in `content`, which is passed on to httpx.

        Raises:
            LostAnswer: it may have been obeyed; look before it is sent again.
            FtuiError: it was not obeyed.
        """
        import httpx

        try:
            answer = await self._send("POST", path, query, size, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise no_answer(self.base_url, error) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise LostAnswer(error_reason(error)) from error
        if answer.status >= 500:
            raise LostAnswer(status_reason(answer.status))
        if not answer.is_success:
            raise self.error(answer)
        return answer

    async def _send(self, method: str, path: str, query: Mapping[str, str], size: int = 0, **content: Any) -> Answer:
        """One call with its whole body, sent again only after a refusal."""
        while True:
            async with asyncio.timeout(self.patience * _MOST_PATIENCE + size / _SLOWEST_SENT):
                async with self.stream(method, path, query, **content) as response:
                    answer = await self.read(path, response)
            if answer.status != 429:
                return answer
            await self.refused(answer)

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, query: Mapping[str, str], **content: Any
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is still to be read. Redirects are not followed: the key would go along."""
        self._heed()
        async with self._client.stream(method, path, params=dict(query), **content) as response:
            if response.status_code != 429:
                self._in_a_row = 0
            yield response

    async def read(self, path: str, response: httpx.Response) -> Answer:
        """The whole body of an answer, up to 64 MB; what is longer is of no use here and left out."""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MOST_BODY:
                body.clear()
                break
        headers = response.headers
        hint = headers.get("x-brd-error", "") or headers.get("x-luminati-error", "")
        return Answer(
            path, response.status_code, bytes(body), retry_after(response), hint, response.headers.get("date", "")
        )

    def wait(self, attempt: int) -> float:
        """Seconds before a call is made again."""
        return min(self._pause * 2.0 ** (attempt - 1), LONGEST_WAIT)

    async def refused(self, answer: Answer) -> None:
        """Wait after a 429, as long as the service asks for.

        Raises:
            ServiceError: it was not the first; asking on would block the address.
        """
        self._in_a_row += 1
        _refusals[self.base_url].append(time.monotonic())
        seconds = self.wait(self._in_a_row) if answer.wait is None else answer.wait
        if self._in_a_row >= _REFUSALS_IN_A_ROW or seconds > LONGEST_WAIT:
            raise self._too_many(self.message(answer))
        await asyncio.sleep(seconds)

    def _heed(self) -> None:
        """Ask nothing more where too much was refused within a few minutes."""
        times = _refusals[self.base_url]
        while times and times[0] < time.monotonic() - _REFUSALS_SECONDS:
            times.popleft()
        if len(times) >= _REFUSALS_IN_ALL:
            rest = duration(times[0] + _REFUSALS_SECONDS - time.monotonic())
            raise self._too_many(f"it refused {len(times)} calls within five minutes; ftui asks again in {rest}")

    def _too_many(self, why: str) -> ServiceError:
        return ServiceError(
            "Bright Data has too much to do for you",
            why,
            "Wait until running jobs have ended, then resume; asking on would block your address",
        )

    def error(self, answer: Answer) -> FtuiError:
        """The error that an answer stands for."""
        status, why = answer.status, self.message(answer)
        if status in (401, 403):
            return CredentialError(
                "Bright Data does not accept the key", why, "Check it at brightdata.com/cp/setting/users, then save it"
            )
        if status == 402:
            return MoneyError("Bright Data wants to be paid first", why, "Look at brightdata.com/cp/billing")
        if 300 <= status < 400:
            return ServiceError(
                "Bright Data sends on to another address",
                f"{status_reason(status)}; ftui does not follow, for your key would go along",
                "Check the address under 1 Connect",
            )
        if status in (400, 422) and answer.path.endswith(("/trigger", "/scrape")):
            return InputError("Bright Data does not accept the job", why, "Correct the input, then start it again")
        return ServiceError("Bright Data says no", why, "Look at the job at brightdata.com/cp")

    def message(self, answer: Answer) -> str:
        """What an answer says, from JSON or plain text, without the key."""
        body = answer.json()
        parts: list[str] = []
        if isinstance(body, Mapping):
            for name in ("error", "message", "error_message", "validation_errors", "errors"):
                if value := body.get(name):
                    parts.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        text = ": ".join(parts) or answer.hint or answer.body[:4000].decode("utf-8", "replace")
        # Hidden before it is cut: a piece of the key is a piece too much.
        text = text.replace(self._token, "…") if self._token else text
        return " ".join(text.split())[:400] or status_reason(answer.status)

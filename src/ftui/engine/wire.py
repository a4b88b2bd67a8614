"""The API's own manners: error bodies, request fields with their types, pages of a list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

MAX_BODY = 16 * 1024 * 1024


class ApiError(Exception):
    """An answer that is no: its HTTP status and the fields of the error body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}

    def response(self) -> JSONResponse:
        return JSONResponse(self.body, self.status)


def not_found(what: str, given: str, *, param: str = "id") -> ApiError:
    """404 for an id that names nothing. The id is shown cut off: it came from the client."""
    return ApiError(404, f"No such {what} object: {given[:80]}", code=f"{what}_not_found", param=param)


async def read_body(request: Request) -> Fields:
    """The JSON object in a request's body."""
    size, blocks = 0, []
    async for block in request.stream():
        size += len(block)
        if size > MAX_BODY:
            raise ApiError(413, f"The body may have at most {MAX_BODY:,} bytes", code="request_too_large")
        blocks.append(block)
    try:
        data = json.loads(b"".join(blocks))
        # Half a surrogate pair in a text could be neither stored nor answered.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(data, dict):
        raise ApiError(400, "The body of the request must be a JSON object")
    return Fields(data)


class Fields:
    """The fields of an object that a client sent. A field that is null counts as missing.

    Every method raises `ApiError` 400, with the field's name as `param`, for a
    value of a wrong type or out of range.
    """

    def __init__(self, data: Mapping[str, Any], path: str = "") -> None:
        self.data = data
        self.path = path

    def only(self, names: Iterable[str]) -> None:
        """Refuse fields with other names, which would change nothing and seem to."""
        for name in self.data.keys() - set(names):
            param = self._name(str(name)[:80])
            raise ApiError(400, f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)

    def text(self, name: str, *, longest: int = 256) -> str | None:
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.wrong(name, "a string")
        if not 1 <= len(value) <= longest:
            raise self.wrong(name, f"a string of 1 to {longest} characters")
        return value

    def needed(self, name: str, *, longest: int = 256) -> str:
        value = self.text(name, longest=longest)
        if value is None:
            raise self.missing(name)
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.data.get(name)
        if value is None:
            return None
        # JSON knows one kind of number: 3.0 is as whole as 3.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(name, f"a whole number from {low} to {high}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, "a number")
        # Neither NaN nor infinity is within; a whole number may be larger than any float.
        if not low <= value <= high:
            raise self.wrong(name, f"a number from {low} to {high}")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.data.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def part(self, name: str) -> Fields:
        """The object below `name`; an empty one where it is missing."""
        value = self.data.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return Fields(value, f"{self._name(name)}.")

    def texts(self, name: str, *, most: int) -> list[str]:
        """One string or a list of them, as a list."""
        value = self.data.get(name)
        if value is None:
            return []
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or len(found) > most or not all(isinstance(t, str) and t for t in found):
            raise self.wrong(name, f"a string or a list of at most {most} strings")
        return found

    def wrong(self, name: str, wanted: str) -> ApiError:
        """The error for a field that is not what was `wanted`."""
        param = self._name(name)
        return ApiError(400, f"Invalid '{param}': expected {wanted}.", code="invalid_value", param=param)

    def missing(self, name: str) -> ApiError:
        """The error for a field that must be there and is not."""
        param = self._name(name)
        message = f"Missing required parameter: '{param}'."
        return ApiError(400, message, code="missing_required_parameter", param=param)

    def _name(self, name: str) -> str:
        return f"{self.path}{name}"


def newest_first(request: Request) -> bool:
    """Whether `order` asks for the newest first, as it does when it is missing."""
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise ApiError(400, "Invalid 'order': expected asc or desc.", code="invalid_value", param="order")
    return order == "desc"


def page(request: Request, items: Sequence[dict[str, Any]], *, limit: int = 20, most: int = 100) -> JSONResponse:
    """One page of `items`, which are in the order of the answer: those behind the id in `after`."""
    given = request.query_params.get("limit")
    if given is not None:
        if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:9]) <= most:
            message = f"Invalid 'limit': expected a whole number from 1 to {most}."
            raise ApiError(400, message, code="invalid_value", param="limit")
        limit = int(given[:9])
    start = 0
    after = request.query_params.get("after")
    if after:
        positions = [position for position, item in enumerate(items) if item["id"] == after]
        if not positions:
            raise ApiError(400, "Invalid 'after': no such id in this list.", code="invalid_value", param="after")
        start = positions[0] + 1
    shown = list(items[start : start + limit])
    return JSONResponse(
        {
            "object": "list",
            "data": shown,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
            "has_more": len(items) > start + limit,
        }
    )

"""One table of endpoints: the routes of the server and the document about itself both come from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]
JSON = "application/json"
FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing a client can ask for.

    Attributes:
        method: the HTTP method.
        path: its path, with `{id}` parameters as in starlette's routes.
        run: what answers.
        summary: one sentence for a person.
        answer: name of the schema of a good answer (see `schemas`), or a media type.
        body: name of the schema of the request's body; "" for none.
        sent: media type of that body.
        query: names of query parameters (see `schemas.QUERY`).
        streamed: name of the schema of one event, where the answer can be a stream of events.
        open: whether it is answered without the token.
    """

    method: str
    path: str
    run: Handler
    summary: str
    answer: str
    body: str = ""
    sent: str = JSON
    query: tuple[str, ...] = ()
    streamed: str = ""
    open: bool = False

    def route(self) -> Route:
        return Route(self.path, self.run, methods=[self.method])


def routes(endpoints: Iterable[Endpoint]) -> list[Route]:
    """The endpoints as starlette wants them."""
    return [endpoint.route() for endpoint in endpoints]

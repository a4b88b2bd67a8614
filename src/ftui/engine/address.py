"""Where an engine answers, and whether it is the one that was started."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine answers.

    Attributes:
        base_url: for an OpenAI client, ends in `/v1`.
        token: the bearer token; never shown, logged or stored.
        pid: the server's process.
    """

    base_url: str
    token: str
    pid: int

    def __repr__(self) -> str:
        return f"Address({self.base_url!r}, pid={self.pid})"


def instance(host: str, port: int) -> str:
    """What `/health` of that address calls itself; "" where nothing answers. No proxy is asked."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        data = json.loads(answer.read(4096))
        return str(data.get("instance", "")) if isinstance(data, dict) else ""
    except (OSError, http.client.HTTPException, ValueError):
        return ""
    finally:
        connection.close()

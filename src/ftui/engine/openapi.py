"""The server's description of itself: an OpenAPI 3.1 document made from its table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ftui import __version__
from ftui.engine.endpoints import Endpoint
from ftui.engine.schemas import QUERY, SCHEMAS

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of a server with these `endpoints`."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ftui engine",
            "version": __version__,
            "summary": "OpenAI's fine-tuning API for open-weight models",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, path: str) -> dict[str, Any]:
    words = re.sub(r"[^a-z]+", " ", path.removeprefix("/v1").lower()).split()
    operation: dict[str, Any] = {
        "operationId": "_".join([endpoint.method.lower(), *words]),
        "summary": endpoint.summary,
        "responses": {
            "200": {"description": "OK", "content": _answer(endpoint)},
            "default": {"description": "A refusal", "content": {"application/json": {"schema": _named("Error")}}},
        },
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    parameters += [{"name": name, "in": "query", **QUERY[name]} for name in endpoint.query]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body:
        operation["requestBody"] = {"required": True, "content": {endpoint.sent: {"schema": _named(endpoint.body)}}}
    if endpoint.open:
        operation["security"] = []
    return operation


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    if "/" in endpoint.answer:
        return {endpoint.answer: {}}
    content: dict[str, Any] = {"application/json": {"schema": _named(endpoint.answer)}}
    if endpoint.streamed:
        content["text/event-stream"] = {"schema": _named(endpoint.streamed)}
    return content


def _named(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}

"""What an error of the openai client means, in words a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftui import credentials
from ftui.connect.providers import Provider
from ftui.errors import CredentialError, FtuiError, NetworkError, ServiceError

if TYPE_CHECKING:
    from openai import OpenAIError


def explain(error: OpenAIError, provider: Provider) -> FtuiError:
    """An `FtuiError` for an error of a call to `provider`. Never holds a key."""
    import openai

    title = provider.title
    if isinstance(error, openai.APITimeoutError):
        return NetworkError(f"{title} does not answer", "the time for an answer ran out", "Try again in a moment")
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        return NetworkError(
            f"{title} cannot be reached",
            f"{type(cause).__name__}: {cause}",
            f"Check the network and the address {provider.base_url}",
        )
    if not isinstance(error, openai.APIStatusError):
        return ServiceError(f"{title} gave an answer that makes no sense", _message(error), "Check the address")
    said = _message(error)
    if error.status_code == 401:
        return CredentialError(f"{title} refuses the key", said, f"Save another: ftui connect key {provider.name}")
    if error.code == "training_not_available":
        return ServiceError(
            f"{title} takes no new fine-tuning jobs from this organisation",
            said,
            "Train the same pairs elsewhere: ftui train --provider engine needs no account",
        )
    if error.status_code == 403:
        return CredentialError(f"{title} does not allow this with the key", said, "Check what the key may do")
    if error.status_code == 404:
        return ServiceError(f"{title} does not know this", said, "Check the model's name and the address")
    if error.status_code == 429:
        return ServiceError(f"{title} says: too many requests, or no credit", said, "Wait a moment, or check the bill")
    if error.status_code >= 500:
        return ServiceError(f"{title} has an error of its own", said, "Try again in a moment")
    return ServiceError(f"{title} refuses the request", said)


def _message(error: OpenAIError) -> str:
    """What the service says, without the key that was sent to it."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    text = str(message or getattr(error, "message", "") or error)
    request = getattr(error, "request", None)
    sent = request.headers.get("authorization", "") if request is not None else ""
    text = credentials.hide(" ".join(text.split()), [sent.removeprefix("Bearer ")])
    return f"it says: {text[:300]}"

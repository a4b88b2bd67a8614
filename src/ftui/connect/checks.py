"""Whether a key works, asked of the service itself by a call that costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ftui import credentials, paths, settings
from ftui.connect import providers
from ftui.connect.providers import Provider
from ftui.errors import CredentialError, FtuiError, NetworkError, ServiceError

BRIGHTDATA_URL = "https://api.brightdata.com"


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to "does it work?".

    Attributes:
        text: one line for a person ("ready, 12 models").
        models: what the provider offers, as far as it says.
        error: why it does not work, None when it does.
    """

    ok: bool
    text: str
    models: tuple[str, ...] = ()
    error: FtuiError | None = None


async def check(provider: Provider, key: str | None = None) -> Check:
    """Ask a provider for its models with `key`, or with the saved one."""
    import openai

    from ftui.connect.explain import explain

    if provider.kind == "engine":
        from ftui.engine import install

        if not install.installed(paths.engine_home()):
            return Check(False, "not installed yet")
    try:
        async with await providers.client(provider, key, timeout=15.0) as client:
            page = await client.with_options(max_retries=0).models.list()
            models = tuple(model.id for model in page.data)
    except (AttributeError, TypeError):
        # A web page, or JSON of another kind: the client takes what comes.
        odd = ServiceError(
            f"{provider.title} does not speak OpenAI's API",
            "its list of models is something else",
            f"Check the address {provider.base_url}: most end in /v1",
        )
        return Check(False, odd.what, error=odd)
    except openai.OpenAIError as error:
        reason = explain(error, provider)
        return Check(False, reason.what, error=reason)
    except FtuiError as error:
        return Check(False, error.what, error=error)
    noun = "model" if len(models) == 1 else "models"
    return Check(True, f"ready, {len(models)} {noun}", models)


def brightdata_url() -> str:
    """Bright Data's address; `[brightdata] base_url` in config.toml moves it, for a proxy in front of it."""
    return str(settings.config().get("brightdata", {}).get("base_url", BRIGHTDATA_URL)).rstrip("/")


def no_brightdata_token() -> CredentialError:
    return CredentialError(
        "There is no Bright Data token", "none is saved or in the environment", "Save one: ftui connect key brightdata"
    )


async def check_brightdata(key: str | None = None) -> Check:
    """Ask Bright Data whether the token is valid, by listing snapshots, which costs nothing."""
    import httpx

    url = brightdata_url()
    found = credentials.find("brightdata", url, url)
    token = key or (found.key if found else "")
    error: FtuiError
    if not token:
        error = no_brightdata_token()
        return Check(False, error.what, error=error)
    try:
        # A proxy of the environment must never see calls to this machine.
        token = credentials.check_key(token)
        async with httpx.AsyncClient(timeout=15, trust_env=not providers.is_loopback(url)) as client:
            answer = await client.get(
                f"{url}/datasets/v3/snapshots",
                params={"dataset_id": "gd_l7q7dkf244hwjntr0", "limit": 1},
                headers={"Authorization": f"Bearer {token}"},
            )
    except CredentialError as cause:
        return Check(False, cause.what, error=cause)
    except httpx.HTTPError as cause:
        error = NetworkError("Bright Data cannot be reached", type(cause).__name__, f"Check the network and {url}")
        return Check(False, error.what, error=error)
    if answer.status_code in (401, 403):
        error = CredentialError(
            "Bright Data refuses the token", _said(answer.text, token), "Copy it again from the account"
        )
        return Check(False, error.what, error=error)
    if answer.is_error:
        error = ServiceError("Bright Data has an error of its own", _said(answer.text, token), "Try again in a moment")
        return Check(False, error.what, error=error)
    return Check(True, "ready")


def _said(body: str, token: str) -> str:
    return f"it says: {credentials.hide(' '.join(body.split()), [token])[:200]}"

"""Keys: where they come from, where they go, and what the services say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftui import credentials, paths, settings
from ftui.connect import checks, prices, providers
from ftui.errors import CredentialError, InputError, NetworkError, ServiceError, SettingsError
from projects import add_provider
from servers.brightdata import TOKEN, BrightDataServer
from servers.provider import KEY, Provider
from servers.serve import refused_port, serve
from servers.website import Website, page

OPENAI = "https://api.openai.com/v1"


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.save("openai", OPENAI, "sk-saved-key-000000")
    found = credentials.find("openai", OPENAI, OPENAI)
    assert found is not None
    assert found.origin == "credentials.toml"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment-0000")
    found = providers.credential(providers.get("openai"))
    assert found is not None
    assert found.origin == "OPENAI_API_KEY"
    assert found.masked == "sk-…0000"
    assert "environment" not in repr(found)


def test_the_second_name_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    url = checks.brightdata_url()
    assert credentials.find("brightdata", url, url) is None
    monkeypatch.setenv("BRIGHTDATA_API_KEY", "second-name-000000")
    monkeypatch.setenv("BRIGHTDATA_API_TOKEN", "first-name-0000000")
    found = credentials.find("brightdata", url, url)
    assert found is not None
    assert (found.key, found.origin) == ("first-name-0000000", "BRIGHTDATA_API_TOKEN")


def test_a_key_is_sent_to_no_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.save("openai", OPENAI, "sk-saved-key-000000")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.test/v1")
    assert providers.credential(providers.get("openai")) is None, "saved for another address"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment-0000")
    found = providers.credential(providers.get("openai"))
    assert found is not None, "the environment names both, so they belong together"
    assert credentials.find("custom", "https://elsewhere.test/v1", "") is None


def test_a_file_that_others_can_read_is_not_used(home: Path) -> None:
    credentials.save("openai", OPENAI, "sk-saved-key-000000")
    file = home / "config" / "credentials.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    with pytest.raises(CredentialError, match="chmod 600"):
        credentials.find("openai", OPENAI)


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "tab\tkey"])
def test_what_is_no_key_is_not_saved(key: str) -> None:
    with pytest.raises(CredentialError):
        credentials.save("openai", OPENAI, key)


def test_a_settings_file_with_a_mistake_names_its_line(home: Path) -> None:
    settings.save_config({"theme": "calm"})
    (home / "config" / "config.toml").write_text('theme = "calm"\nkeymap = = 3\n')
    with pytest.raises(SettingsError, match="line 2"):
        settings.config()


@pytest.mark.parametrize("url", ["ftp://host", "host/v1", "https://", "https://user:word@host/v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        providers.add("own", url)


def test_a_provider_is_added_and_removed_with_its_key() -> None:
    profile = add_provider("https://host.test")
    assert [p.name for p in providers.all_providers()] == ["engine", "openai", "loopback"]
    providers.remove("loopback")
    assert credentials.find("loopback", profile.base_url) is None
    with pytest.raises(InputError, match="engine, openai"):
        providers.get("loopback")
    with pytest.raises(InputError, match="built in"):
        providers.add("openai", "https://host.test")


def test_the_closing_dates_are_told_where_they_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("2027-01-06" in notice for notice in providers.get("openai").notices)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert not providers.get("openai").notices


async def test_a_key_is_checked_live(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    with serve(provider.app) as address:
        profile = add_provider(address, key="")
        # A proxy of the environment must not see calls to this machine.
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refused_port()}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{refused_port()}")
        good = await checks.check(profile, KEY)
        assert (good.ok, good.text) == (True, "ready, 2 models")
        wrong = await checks.check(profile, "sk-wrong-key-000000")
        assert isinstance(wrong.error, CredentialError)
        assert "sk-wrong" not in str(wrong.error)
        missing = await checks.check(profile)
        assert isinstance(missing.error, CredentialError)
        provider.refuse("GET /v1/models", 500, "server_error", "oops")
        assert isinstance((await checks.check(profile, KEY)).error, ServiceError)
    assert isinstance((await checks.check(profile, KEY)).error, NetworkError)


async def test_the_engine_that_is_not_installed_says_so() -> None:
    result = await checks.check(providers.get("engine"))
    assert (result.ok, result.text) == (False, "not installed yet")


async def test_a_bright_data_token_is_checked_live() -> None:
    server = BrightDataServer()
    with serve(server.app) as address:
        settings.save_config({"brightdata": {"base_url": address}})
        assert isinstance((await checks.check_brightdata()).error, CredentialError)
        assert (await checks.check_brightdata(TOKEN)).ok
        wrong = await checks.check_brightdata("another-token-0000")
        assert isinstance(wrong.error, CredentialError)
        assert "another-token" not in str(wrong.error)
        credentials.save("brightdata", address, TOKEN)
        assert (await checks.check_brightdata()).ok
    assert server.triggers == 0
    assert isinstance((await checks.check_brightdata()).error, NetworkError)


def test_prices() -> None:
    openai, engine = providers.get("openai"), providers.get("engine")
    assert prices.training(engine, "anything", 1_000_000) == 0
    assert prices.training(openai, "gpt-4o-mini-2024-07-18", 1_000_000) == pytest.approx(3.0)
    tuned = "ft:gpt-4o-mini-2024-07-18:org::id"
    assert prices.training(openai, tuned, 1_000_000) == pytest.approx(3.0)
    assert prices.training(openai, "gpt-9", 1) is None
    settings.save_config({"prices": {"gpt-9": {"train": 7.5}}})
    assert prices.training(openai, "gpt-9", 2_000_000) == pytest.approx(15.0)


def test_prices_of_chat() -> None:
    engine, openai = providers.get("engine"), providers.get("openai")
    assert prices.chat(engine, "anything") == prices.FREE
    known = prices.chat(openai, "ft:gpt-4o-mini-2024-07-18:org::id")
    assert known is not None
    assert known.of(1_000_000, 500_000) == pytest.approx(0.3 + 0.6)
    assert prices.chat(openai, "gpt-9") is None
    settings.save_config({"prices": {"gpt-9": {"input": 2}}})
    assert prices.chat(openai, "gpt-9") is None, "half a price is none"
    settings.save_config({"prices": {"gpt-9": {"input": 2, "output": 0}}})
    assert prices.chat(openai, "gpt-9") == prices.Price(2.0, 0.0)
    custom = providers.add("nebius", "https://host.test/v1")
    assert prices.chat(custom, "gpt-4o-mini-2024-07-18") is None, "another service has its own prices"


async def test_a_service_that_repeats_the_key_is_not_quoted() -> None:
    provider = Provider()
    for status in (401, 400, 500):
        provider.refuse("GET /v1/models", status, "invalid_api_key", f"Incorrect API key provided: {KEY}.")
        with serve(provider.app) as address:
            result = await checks.check(add_provider(address))
        assert result.error is not None
        assert KEY not in str(result.error)
        assert "sk-…0001" in str(result.error), "the rest of what it says is told"


async def test_a_web_page_is_no_provider() -> None:
    with serve(Website({"/v1/models": page("Welcome", "Our shop")})) as address:
        result = await checks.check(add_provider(address))
    assert result.error is not None
    assert "does not speak OpenAI's API" in result.error.what


@pytest.mark.parametrize("key", ["", "  ", "sk-ü-0000000000", "two words", "line\nbreak"])
async def test_what_cannot_be_a_key_is_not_sent(key: str) -> None:
    with pytest.raises(CredentialError, match="not a key"):
        credentials.check_key(key)
    provider = Provider()
    with serve(provider.app) as address:
        result = await checks.check(add_provider(address, key=""), key)
    assert result.error is not None
    assert "not a key" in result.error.what
    assert provider.count("GET /v1/models") == 0


@pytest.mark.parametrize(
    "text",
    ["providers = 3", '[providers]\nfoo = "x"', "[providers.foo]\n", '[providers.f]\nbase_url="u"\nbase_models=1'],
)
def test_a_typing_error_in_the_settings_is_told(home: Path, text: str) -> None:
    paths.config_dir()
    (home / "config" / "config.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"config\.toml"):
        providers.all_providers()


@pytest.mark.parametrize("price", ["x", -1, float("nan")])
def test_a_price_that_is_none(price: object) -> None:
    settings.save_config({"prices": {"m": {"train": price}}})
    with pytest.raises(SettingsError, match="price"):
        prices.training(providers.get("openai"), "m", 10)


def test_credentials_that_are_no_sections_are_told(home: Path) -> None:
    credentials.save("openai", OPENAI, "sk-saved-key-000000")
    (home / "config" / "credentials.toml").write_text('openai = "sk-saved-key-000000"')
    with pytest.raises(SettingsError, match=r"credentials\.toml") as told:
        credentials.find("openai", OPENAI)
    assert "sk-saved" not in str(told.value)

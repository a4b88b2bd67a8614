"""Connect: keys are checked live when they are saved, masked, and told where they come from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.widgets import Input

from ftui import credentials, paths, settings
from ftui.connect import providers
from ftui.engine.remote import Remote
from ftui.store import Store, create_project
from servers.brightdata import TOKEN, BrightDataServer
from servers.provider import KEY, Provider
from servers.serve import refused_port, serve
from ui.drive import Driver
from ui.screen import golden


@pytest.fixture
def store() -> Iterator[Store]:
    create_project("lumora")
    with Store("lumora") as opened:
        yield opened


@pytest.fixture
def service() -> Iterator[str]:
    """A provider on loopback; gives its base URL."""
    with serve(Provider().app) as address:
        yield f"{address}/v1"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_what_is_there_and_the_closing_dates(store: Store, size: tuple[int, int]) -> None:
    credentials.save("openai", "https://api.openai.com/v1", "invented-openai-f3Qa")
    async with Driver(size=size) as driver:
        await driver.press("1", "j")
        assert "2027-01-06" in driver.screen
        assert "2027-01-14" in driver.screen
        await golden(driver.app, f"connect-{size[0]}x{size[1]}")


async def test_a_new_provider_is_checked_then_kept(store: Store, service: str) -> None:
    async with Driver() as driver:
        await driver.press("1", "n")
        await driver.fill(name="box", base_url=service, key=KEY, models="a-model, b-model")
        await driver.press("enter")
        await driver.until_shown("ready")
        assert KEY not in driver.screen
        assert credentials.mask(KEY) in driver.screen
    provider = providers.get("box")
    assert provider.base_models == ("a-model", "b-model")
    found = providers.credential(provider)
    assert found is not None
    assert (found.key, found.origin) == (KEY, "credentials.toml")


async def test_a_wrong_key_is_told_and_nothing_is_kept(store: Store, service: str) -> None:
    async with Driver() as driver:
        await driver.press("1", "n")
        await driver.fill(name="box", base_url=service, key="sk-wrong-key-of-mine")
        await driver.press("enter")
        await driver.until(lambda: "✗" in driver.screen)
        assert "sk-wrong-key-of-mine" not in driver.screen
        assert driver.app.screen.query_one("#base_url", Input).value == service
    assert [provider.name for provider in providers.all_providers()] == ["engine", "openai"]
    assert not (paths.config_dir() / "credentials.toml").exists()


async def test_a_service_that_does_not_answer_keeps_the_key_and_says_so(store: Store) -> None:
    url = f"http://127.0.0.1:{refused_port()}/v1"
    async with Driver() as driver:
        await driver.press("1", "n")
        await driver.fill(name="box", base_url=url, key=KEY)
        await driver.press("enter")
        await driver.until(lambda: driver.app.screen is driver.app.screen_stack[0])
        await driver.press("j", "j")
        await driver.until_shown("✗ box")
    assert providers.credential(providers.get("box")) is not None


async def test_an_address_that_is_none_stays_in_the_form(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("1", "n")
        await driver.fill(name="box", base_url="not an address", key=KEY)
        await driver.press("enter")
        await driver.until_shown("is not an address")


async def test_the_environment_wins_and_is_named(store: Store, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", service)
    async with Driver() as driver:
        await driver.press("1", "j")
        assert "from OPENAI_API_KEY" in driver.screen
        await driver.press("r")
        await driver.until_shown("OpenAI: ready")
        await driver.press("e")
        assert "OPENAI_API_KEY is set in the environment and wins" in driver.screen
        await driver.press("escape", "d")
        assert driver.bottom.startswith("OpenAI is built in and has no saved key to delete")


async def test_a_machine_over_ssh_that_cannot_be_reached_is_not_kept(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("1", "n")
        await driver.fill(name="box", base_url="me@nowhere.invalid")
        await driver.press("enter")
        await driver.until_shown("ssh cannot reach")
        assert "me@nowhere.invalid" in driver.screen, "what was typed stays"
    assert [provider.name for provider in providers.all_providers()] == ["engine", "openai"]


async def test_a_machine_over_ssh_shows_without_a_key(store: Store) -> None:
    providers.add_remote("box", Remote("me@gpu-box"), ("smollm2-135m-instruct",))
    async with Driver() as driver:
        await driver.press("1", "j", "j")
        assert "engine over SSH" in driver.screen
        assert "me@gpu-box" in driver.screen
        await driver.press("e")
        assert driver.bottom.startswith("an engine over SSH needs no key")
        await driver.press("d", "y")
        assert driver.bottom.startswith("removed box")
    assert [provider.name for provider in providers.all_providers()] == ["engine", "openai"]


async def test_a_provider_is_removed_only_after_y(store: Store, service: str) -> None:
    providers.add("box", service)
    credentials.save("box", service, KEY)
    async with Driver() as driver:
        await driver.press("1", "j", "j", "d", "n")
        assert [provider.name for provider in providers.all_providers()][-1] == "box"
        await driver.press("d", "enter")
        assert [provider.name for provider in providers.all_providers()][-1] == "box"
        await driver.press("d", "y")
        assert driver.bottom.startswith("removed box")
    assert [provider.name for provider in providers.all_providers()] == ["engine", "openai"]
    assert KEY not in (paths.config_dir() / "credentials.toml").read_text()


async def test_the_bright_data_token(store: Store) -> None:
    with serve(BrightDataServer().app) as address:
        settings.save_config({"brightdata": {"base_url": address}})
        async with Driver() as driver:
            await driver.press("1", "j", "j", "e")
            await driver.fill(key="wrong-token-of-mine")
            await driver.press("enter")
            await driver.until(lambda: "✗" in driver.screen)
            assert credentials.find("brightdata", address) is None
            await driver.fill(key=TOKEN)
            await driver.press("enter")
            await driver.until(lambda: credentials.find("brightdata", address) is not None)
            await driver.until_shown(credentials.mask(TOKEN))
            assert TOKEN not in driver.screen


async def test_the_engine_shows_its_sizes_and_n_downloads_nothing(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("1")
        await driver.until_shown("not installed")
        await driver.press("enter")
        await driver.until_shown("Install the engine")
        assert "MB" in driver.screen
        await driver.press("enter")
        assert driver.bottom.startswith("nothing was downloaded")
    assert store.tasks.all() == []


async def test_credentials_that_others_can_read_are_not_used(store: Store) -> None:
    credentials.save("openai", "https://api.openai.com/v1", "invented-openai-f3Qa")
    (paths.config_dir() / "credentials.toml").chmod(0o644)
    async with Driver() as driver:
        await driver.press("1")
        assert "credentials.toml is not used" in driver.screen
        assert "chmod 600" in driver.screen

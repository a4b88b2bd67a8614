"""The installation's own checks. That it works is what all other tests here stand on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ftui.engine import install as module
from ftui.engine.install import CONSTRAINTS, install, installed, sizes
from ftui.engine.layout import write_json
from ftui.errors import EngineError, NetworkError
from ftui.events import Progress, Result


async def test_an_installed_engine_is_left_alone(shared_engine: Path) -> None:
    events = [event async for event in install(shared_engine)]
    assert isinstance(events[-1], Result)
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert last.done == last.total == sum(megabytes for _, megabytes in sizes())


def test_other_constraints_mean_a_new_installation(shared_engine: Path, tmp_path: Path) -> None:
    (tmp_path / "env").symlink_to(shared_engine / "env")
    shutil.copytree(shared_engine / "installed", tmp_path / "installed")
    assert installed(tmp_path)
    write_json(tmp_path / "installed" / "env.json", {"key": "made from something else"})
    assert not installed(tmp_path)


def test_the_constraints_name_exact_versions_and_no_place() -> None:
    for line in CONSTRAINTS.read_text().splitlines():
        name, _, version = line.partition("==")
        assert name.replace("-", "").replace("_", "").isalnum()
        assert version
        assert "/" not in line
        assert "+" not in line


async def test_no_network_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 answers nobody; pip's own settings must not lead elsewhere.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setattr(module, "CPU_INDEX", "http://127.0.0.1:9/whl/cpu")
    with pytest.raises(NetworkError) as caught:
        async for _ in install(tmp_path):
            pass
    assert caught.value.do
    assert not installed(tmp_path)


async def test_a_full_disk_is_told_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "disk_megabytes", lambda: 10**9)
    with pytest.raises(EngineError, match="not enough room"):
        async for _ in install(tmp_path):
            pass
    assert not (tmp_path / "env").exists()

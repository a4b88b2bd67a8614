"""Files that expire, lists with cursors, and uploads in parts."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from engine.conftest import ask, chats, upload
from ftui.engine.files import Files
from ftui.engine.layout import read_json, write_json

DAY = 86400


def later(path: Path, **fields: Any) -> None:
    """Change what a file on the server's disk says, as time would have."""
    data = read_json(path)
    assert data is not None
    write_json(path, data | fields)


def test_a_file_expires(client: openai.OpenAI, engine_home: Path) -> None:
    kept = upload(client, chats(10))
    sent = client.files.create(
        file=("x.jsonl", chats(10)), purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": DAY}
    )
    assert sent.expires_at == sent.created_at + DAY
    assert client.files.retrieve(kept).expires_at is None
    later(engine_home / "files" / sent.id / "file.json", expires_at=int(time.time()) - 1)
    assert sent.id not in [file.id for file in client.files.list()]
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError, match="No such file object"):
            call(sent.id)
    assert not (engine_home / "files" / sent.id).exists()
    assert client.files.retrieve(kept).id == kept


def test_a_file_that_was_made_anew_is_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    files = Files(tmp_path / "files")
    made = tmp_path / "made"
    made.write_bytes(b"old bytes")
    first = files.link(made, "x", "fine-tune-results", "file-x")
    assert files.link(made, "x", "fine-tune-results", "file-x") == first
    # A clean-up takes what was exported; the next export writes it again.
    made.unlink()
    made.write_bytes(b"new")
    again = files.link(made, "x", "fine-tune-results", "file-x")
    assert (again["id"], again["bytes"]) == ("file-x", 3)
    assert files.content("file-x").read_bytes() == b"new"


def test_input_of_a_batch_expires_by_itself(client: openai.OpenAI) -> None:
    sent = client.files.create(file=("x.jsonl", b"{}"), purpose="batch")
    assert sent.expires_at == sent.created_at + 30 * DAY


@pytest.mark.parametrize(
    ("expires", "param"),
    [
        ({"anchor": "created_at", "seconds": 60}, "expires_after.seconds"),
        ({"anchor": "created_at", "seconds": "soon"}, "expires_after.seconds"),
        ({"anchor": "last_active_at", "seconds": DAY}, "expires_after.anchor"),
        ({"anchor": "created_at"}, "expires_after.seconds"),
        ({"anchor": "created_at", "seconds": DAY, "hours": 1}, "expires_after.hours"),
    ],
)
def test_a_wrong_expiry_is_named(client: openai.OpenAI, expires: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("x.jsonl", b"{}"), purpose="fine-tune", expires_after=expires)
    assert caught.value.param == param
    with pytest.raises(openai.BadRequestError) as caught:
        client.uploads.create(bytes=1, filename="x", mime_type="text/x", purpose="evals", expires_after=expires)
    assert caught.value.param == param


def test_files_are_listed_by_purpose_and_in_both_orders(client: openai.OpenAI) -> None:
    # No other test has files of this purpose.
    made = [client.files.create(file=(f"{n}.txt", b"x"), purpose="vision").id for n in range(5)]
    assert [file.id for file in client.files.list(purpose="vision")] == made[::-1]
    assert [file.id for file in client.files.list(purpose="vision", order="asc", limit=2)] == made
    page = client.files.list(purpose="vision", order="asc", limit=2, after=made[1])
    assert [file.id for file in page.data] == made[2:4]
    assert page.has_more
    for query in ("order=up", "limit=0", "limit=-1", "limit=x", "limit=٣", "after=file-none"):
        status, body = ask(client, "GET", f"/v1/files?{query.replace('٣', '%D9%A3')}")
        assert status == 400
        assert json.loads(body)["error"]["param"] == query.partition("=")[0]
    for file in made:
        client.files.delete(file)


def test_an_upload_in_parts_becomes_a_file(client: openai.OpenAI, engine_home: Path) -> None:
    content = chats(50)
    begun = client.uploads.create(
        bytes=len(content), filename="dir/big.jsonl", mime_type="text/jsonl", purpose="fine-tune"
    )
    assert (begun.status, begun.filename, begun.expires_at) == ("pending", "big.jsonl", begun.created_at + 3600)
    half = len(content) // 2
    # Sent in the wrong order: the order of the list counts.
    second = client.uploads.parts.create(begun.id, data=content[half:])
    first = client.uploads.parts.create(begun.id, data=content[:half])
    assert first.upload_id == begun.id
    with pytest.raises(openai.BadRequestError, match="another MD5"):
        client.uploads.complete(begun.id, part_ids=[first.id, second.id], md5="0" * 32)
    with pytest.raises(openai.BadRequestError, match="the upload was made for"):
        client.uploads.complete(begun.id, part_ids=[first.id])
    with pytest.raises(openai.NotFoundError):
        client.uploads.complete(begun.id, part_ids=["../upload.json", second.id])
    done = client.uploads.complete(
        begun.id, part_ids=[first.id, second.id], md5=hashlib.md5(content, usedforsecurity=False).hexdigest()
    )
    assert done.status == "completed"
    assert done.file is not None
    assert client.files.content(done.file.id).read() == content
    assert client.files.retrieve(done.file.id) == done.file
    assert [path.name for path in (engine_home / "uploads" / begun.id).iterdir()] == ["upload.json"]
    for call in (
        lambda: client.uploads.complete(begun.id, part_ids=[first.id]),
        lambda: client.uploads.cancel(begun.id),
    ):
        with pytest.raises(openai.BadRequestError, match="is completed"):
            call()


def test_the_client_s_own_helper_uploads_a_file(client: openai.OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(chats(40))
    done = client.uploads.upload_file_chunked(file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=700)
    assert done.file is not None
    assert client.files.content(done.file.id).read() == path.read_bytes()


def test_an_upload_is_cancelled_or_expires(client: openai.OpenAI, engine_home: Path) -> None:
    cancelled, expired = (
        client.uploads.create(bytes=4, filename="x", mime_type="text/x", purpose="evals").id for _ in range(2)
    )
    client.uploads.parts.create(cancelled, data=b"1234")
    assert client.uploads.cancel(cancelled).status == "cancelled"
    client.uploads.parts.create(expired, data=b"1234")
    later(engine_home / "uploads" / expired / "upload.json", created_at=int(time.time()) - 3601)
    for name, word in ((cancelled, "cancelled"), (expired, "expired")):
        with pytest.raises(openai.BadRequestError, match=f"is {word}"):
            client.uploads.parts.create(name, data=b"x")
        assert [path.name for path in (engine_home / "uploads" / name).iterdir()] == ["upload.json"]


def test_no_more_parts_than_were_announced(client: openai.OpenAI, engine_home: Path) -> None:
    begun = client.uploads.create(bytes=10, filename="x", mime_type="text/x", purpose="evals")
    client.uploads.parts.create(begun.id, data=b"12345678")
    with pytest.raises(openai.BadRequestError, match="more than the 10 bytes"):
        client.uploads.parts.create(begun.id, data=b"abc")
    assert len(list((engine_home / "uploads" / begun.id).glob("*part*"))) == 1
    with pytest.raises(openai.BadRequestError) as caught:
        client.uploads.create(bytes=9 * 2**30, filename="x", mime_type="text/x", purpose="evals")
    assert caught.value.param == "bytes"
    with pytest.raises(openai.NotFoundError):
        client.uploads.cancel("upload_none")

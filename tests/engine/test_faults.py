"""What can go wrong with a request: nothing corrupts, and no refusal tells a secret or a path."""

from __future__ import annotations

import json
import socket
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.conftest import BASE, ask, chats, ended, server_status, upload, wait_for

SIDE = b"-----------------------------side"
FORM = {"Content-Type": f"multipart/form-data; boundary={SIDE.decode()}"}
HEAD = (
    b'--%b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
    b'--%b\r\nContent-Disposition: form-data; name="file"; filename="x.jsonl"\r\n\r\n'
) % (SIDE, SIDE)
TAIL = b"\r\n--%b--\r\n" % SIDE


def refused(status: int, body: bytes, home: Path, token: str) -> dict[str, Any]:
    """The error in a refusal, which has the API's shape and tells nothing of this machine."""
    assert 400 <= status < 500, body
    text = body.decode()
    for secret in (token, str(home), str(Path(__file__).parents[2]), "Traceback", "site-packages"):
        assert secret not in text
    error: dict[str, Any] = json.loads(text)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error


def left(home: Path) -> list[str]:
    """What lies in the server's folders for uploads, whatever its name."""
    return sorted(str(path) for name in ("files", "uploads", "run") for path in (home / name).rglob("*"))


def row(*messages: Any, **extra: Any) -> bytes:
    return json.dumps({"messages": messages, **extra}).encode()


USER = {"role": "user", "content": "What does it cost?"}
BOT = {"role": "assistant", "content": "Four crowns."}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"messages": [', "cannot be parsed"),
        (b'{"messages": NaN}', "cannot be parsed"),
        (b"\xff\xfe{}", "is not UTF-8"),
        (b'["messages"]', "is not a JSON object"),
        (b'{"prompt": "a", "completion": "b"}', 'contains an extra "completion"'),
        (row(), "has no messages"),
        (row({"content": "x"}, BOT), 'message 1 has no "role"'),
        (row({"role": "bot", "content": "x"}, BOT), 'message 1 has the unknown role "bot"'),
        (row(USER, BOT, source="a"), 'contains an extra "source"'),
        (row({**USER, "weight": 1}, BOT), 'message 1 contains an extra "weight"'),
        (row(USER, {**BOT, "weight": 2}), "neither 0 nor 1"),
        (row(USER, {**BOT, "weight": 0}), "has nothing to learn"),
        (row(USER, {"role": "assistant"}), 'message 2 has no "content"'),
        (row(USER), "does not end with a message of the assistant"),
        (row(USER, BOT, USER), "does not end with a message of the assistant"),
        (row(USER, {**BOT, "content": "a <|fim_suffix|> b"}), "message 2 contains an invalid token: <|fim_suffix|>"),
        (row(USER, {**BOT, "tool_calls": "x"}), '"tool_calls" that are not a list'),
        (row(USER, BOT, tools={}), '"tools" that are not a list'),
    ],
)
def test_a_malformed_row_is_named(client: openai.OpenAI, line: bytes, said: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=upload(client, chats(11) + b"\n" + line))
    error = ended(client, job.id).error
    assert (error.code, error.param) == ("invalid_file_format", "training_file")
    assert "Invalid file format. Example 12" in error.message
    assert said in error.message


def preference(**changes: Any) -> bytes:
    good = {"input": {"messages": [USER]}, "preferred_output": [BOT], "non_preferred_output": [BOT]}
    return json.dumps(good | changes).encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (row(USER, BOT), 'contains an extra "messages"'),
        (b"{}", 'has no object "input"'),
        (preference(input={"messages": []}), '"input" has no list of "messages"'),
        (preference(input={"messages": [USER, BOT]}), '"input" ends with a message of the assistant'),
        (preference(preferred_output=[]), 'no list "preferred_output" with one message'),
        (preference(non_preferred_output=[USER]), '"non_preferred_output" is not a message of the assistant'),
        (preference(score=1), 'contains an extra "score"'),
    ],
)
def test_a_malformed_preference_is_named(client: openai.OpenAI, line: bytes, said: str) -> None:
    content = b"\n".join([preference()] * 10 + [line])
    job = client.fine_tuning.jobs.create(
        model=BASE, training_file=upload(client, content), method={"type": "dpo", "dpo": {}}
    )
    error = ended(client, job.id).error
    assert error.code == "invalid_file_format"
    assert "Example 11" in error.message
    assert said in error.message


def test_a_file_of_another_purpose_is_refused(client: openai.OpenAI) -> None:
    file = client.files.create(file=("x.jsonl", chats(10)), purpose="user_data").id
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.create(model=BASE, training_file=file)
    assert (caught.value.code, caught.value.param) == ("invalid_file_purpose", "training_file")


def test_an_empty_file_is_stored_and_fails_its_job(client: openai.OpenAI) -> None:
    file = client.files.create(file=("x.jsonl", b""), purpose="fine-tune")
    assert file.bytes == 0
    assert client.files.content(file.id).read() == b""
    error = ended(client, client.fine_tuning.jobs.create(model=BASE, training_file=file.id).id).error
    assert error.code == "invalid_n_examples"
    assert error.message == "Training file has 0 example(s), but must have at least 10."


@pytest.mark.parametrize("told", [True, False], ids=["announced", "chunked"])
def test_a_file_that_is_too_large_is_refused(client: openai.OpenAI, engine_home: Path, told: bool) -> None:
    size = 600 * 2**20
    block = b"x" * 2**20

    def blocks() -> Iterator[bytes]:
        yield HEAD
        for _ in range(size // len(block)):
            yield block
        yield TAIL

    before, memory = left(engine_home), server_status(engine_home, "VmHWM")
    headers = FORM | (
        {"Content-Length": str(len(HEAD) + size + len(TAIL))} if told else {"Transfer-Encoding": "chunked"}
    )
    status, body = ask(client, "POST", "/v1/files", blocks(), headers, chunked=not told)
    assert status == 413
    error = refused(status, body, engine_home, client.api_key)
    assert error["code"] == "file_too_large"
    assert "512 MB" in error["message"]
    assert left(engine_home) == before
    # It is held on disk, if at all: the server has not grown by a tenth of it.
    assert server_status(engine_home, "VmHWM") - memory < size // 1024 // 10


def test_nothing_is_left_of_an_upload_that_is_cut_off(client: openai.OpenAI, engine_home: Path) -> None:
    begun = client.uploads.create(bytes=2**20, filename="x", mime_type="text/x", purpose="fine-tune").id
    before = left(engine_home)
    part = HEAD.replace(b'"file"', b'"data"')
    for path, head in (("/v1/files", HEAD), (f"/v1/uploads/{begun}/parts", part)):
        with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as line:
            lines = [
                f"POST {path} HTTP/1.1",
                f"Host: {client.base_url.host}",
                f"Authorization: Bearer {client.api_key}",
                f"Content-Type: {FORM['Content-Type']}",
                f"Content-Length: {4 * 2**20}",
            ]
            line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + head + b"x" * 2 * 2**20)
    assert client.models.list().data
    wait_for(lambda: left(engine_home) == before, 10)


def test_fifty_jobs_at_once(client: openai.OpenAI) -> None:
    file = upload(client, chats(10))

    def create(number: int) -> str:
        return client.fine_tuning.jobs.create(model=BASE, training_file=file, metadata={"fifty": str(number)}).id

    with ThreadPoolExecutor(50) as pool:
        made = list(pool.map(create, range(50)))
        assert len(set(made)) == 50
        listed = list(client.fine_tuning.jobs.list(limit=7))
        mine = [job for job in listed if (job.metadata or {}).get("fifty")]
        assert sorted(job.id for job in mine) == sorted(made)
        assert len({job.id for job in listed}) == len(listed)
        assert sum(job.status == "running" for job in listed) <= 1
        (found,) = client.fine_tuning.jobs.list(metadata={"fifty": "17"})
        assert found.id == made[17]
        # From the last to the first: none of those that wait gets its turn.
        for job in sorted(made, reverse=True):
            client.fine_tuning.jobs.cancel(job)
    assert {ended(client, job).status for job in made} == {"cancelled"}


TRICKS = [
    "..",
    "../..",
    "../../installed",
    "..%2f..%2frun%2fengine.json",
    "%2e%2e%2f%2e%2e",
    "....//",
    "%00",
    "file-%00",
]
TRICKS += ["file-../../run/engine", "x" * 5000, "%ff%fe", "%F0%9F%92%A9", "-rf", "file-\\..\\x", ".", "%20"]


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_an_id_is_no_path(client: openai.OpenAI, engine_home: Path, trick: str) -> None:
    for method, path in [
        ("GET", "/v1/files/{}"),
        ("GET", "/v1/files/{}/content"),
        ("DELETE", "/v1/files/{}"),
        ("POST", "/v1/uploads/{}/cancel"),
        ("GET", "/v1/fine_tuning/jobs/{}"),
        ("GET", "/v1/fine_tuning/jobs/{}/events"),
        ("GET", "/v1/fine_tuning/jobs/{}/checkpoints"),
        ("POST", "/v1/fine_tuning/jobs/{}/cancel"),
        ("DELETE", "/v1/models/{}"),
        ("DELETE", "/v1/models/ft:{}:ckpt-step-1"),
    ]:
        status, body = ask(client, method, path.format(trick))
        assert refused(status, body, engine_home, client.api_key)
    assert (engine_home / "run" / "engine.json").exists()
    assert client.models.list().data[0].id == BASE


@pytest.mark.parametrize("name", ["../../x", "..\\..\\x", "/etc/passwd", "a\0b", "x" * 3000, "..", "a\r\nX: y", "é/ü"])
def test_a_file_s_name_is_no_path(client: openai.OpenAI, engine_home: Path, name: str) -> None:
    begun = client.uploads.create(bytes=1, filename=name[:1000], mime_type="text/x", purpose="user_data")
    part = client.uploads.parts.create(begun.id, data=b"x")
    file = client.uploads.complete(begun.id, part_ids=[part.id]).file
    assert file is not None
    sent = client.files.create(file=(name.replace("\0", "").replace("\r\n", ""), b"x"), purpose="user_data")
    for one in (file, sent):
        assert "/" not in one.filename
        assert one.filename.isprintable()
        assert len(one.filename) <= 255
        assert {path.name for path in (engine_home / "files" / one.id).iterdir()} == {"file.json", "content"}
        client.files.delete(one.id)


def test_forms_that_are_none(client: openai.OpenAI, engine_home: Path) -> None:
    before = left(engine_home)
    for headers, body in [
        (FORM, b""),
        (FORM, b"nothing"),
        (FORM, HEAD + b"cut"),
        (FORM, HEAD.replace(b'"file"', b'"fail"') + b"x" + TAIL),
        (FORM, HEAD.replace(b"fine-tune", b"fun") + b"x" + TAIL),
        ({"Content-Type": "multipart/form-data"}, HEAD + b"x" + TAIL),
        ({"Content-Type": "multipart/form-data; boundary="}, HEAD + b"x" + TAIL),
        ({"Content-Type": "application/json"}, b"{}"),
        ({**FORM, "Content-Length": "9" * 30}, b""),
    ]:
        status, answer = ask(client, "POST", "/v1/files", body, headers)
        # The last is refused before the application sees it.
        assert status == 400 if "Content-Length" in headers else refused(status, answer, engine_home, client.api_key)
    assert left(engine_home) == before


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["auto", BASE, "fine-tune", "created_at", "dpo", "supervised", "user", "assistant", 0, 1, 1e400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def fields(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects with the names of a schema and values that fit at some places and at most do not."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return st.one_of([fields(one, schemas) for one in schema["anyOf"]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]]) | ODD
    if schema.get("type") == "array":
        return st.lists(fields(schema.get("items", {}), schemas), max_size=3) | ODD
    if "properties" in schema:
        inner = {name: fields(part, schemas) for name, part in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional={**inner, "surprise": ODD}) | ODD
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "string": st.text(max_size=20) | st.just(BASE),
        "integer": st.integers(-2, 2**40),
        "number": st.floats(),
        "boolean": st.booleans(),
    }
    return kinds.get(schema.get("type", ""), ODD) | ODD


def test_odd_json_is_never_an_error_of_the_server(client: openai.OpenAI, engine_home: Path) -> None:
    document = json.loads(ask(client, "GET", "/openapi.json")[1])
    schemas = document["components"]["schemas"]
    targets = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            targets[method.upper(), path] = fields(schema, schemas) if schema else ODD
    assert len(targets) > 20
    known = upload(client, chats(3))

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def odd(data: st.DataObject) -> None:
        method, path = data.draw(st.sampled_from(sorted(targets)))
        body = data.draw(targets[method, path])
        if path == "/v1/chat/completions" and isinstance(body, dict):
            # What happens to be a good question has a short answer.
            body |= {"max_tokens": 1, "max_completion_tokens": None}
        name = data.draw(
            st.sampled_from([known if method != "DELETE" else "gone", "none", "ftjob-1"])
            | st.text(min_size=1, max_size=12)
        )
        url = path.replace("{id}", urllib.parse.quote(name, safe=""))
        query = data.draw(
            st.dictionaries(st.sampled_from(["limit", "after", "order", "metadata[a]"]), st.text(max_size=5))
        )
        if query:
            url += "?" + urllib.parse.urlencode(query)
        # Python writes numbers that JSON does not know, as careless clients do.
        status, answer = ask(client, method, url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        if status >= 400:
            refused(status, answer, engine_home, client.api_key)

    odd()
    assert client.files.retrieve(known).id == known
    assert client.models.list().data[0].id == BASE


def test_a_wrong_token_gets_no_further(client: openai.OpenAI, engine_home: Path) -> None:
    for sent in (
        "",
        "Bearer",
        "Bearer ",
        "Basic x",
        f"bearer{client.api_key}",
        f"Bearer {client.api_key}x",
        "Bearer \xe9",
    ):
        status, body = ask(client, "GET", "/v1/models", headers={"Authorization": sent})
        assert status == 401
        assert refused(status, body, engine_home, client.api_key)["code"] == "invalid_api_key"
    status, _ = ask(client, "GET", "/openapi.json", headers={"Authorization": ""})
    assert status == 401

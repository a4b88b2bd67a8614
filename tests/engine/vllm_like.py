"""A server with vLLM's manners, and faults on demand: the program itself wants a GPU.

Started with the arguments of `vllm serve`; what it says is in the form of vLLM's
documents. A chat whose last words name a fault meets that fault. What it was
started with and asked is written, a line each, to the file named first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

ROOM = 200
SLOW = 2.0


class Fake:
    def __init__(self, record: Path, options: argparse.Namespace) -> None:
        self._record = record
        self._options = options
        self._key = os.environ["VLLM_API_KEY"]
        self._adapters: dict[str, str] = {}
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/detokenize", self._detokenize, methods=["POST"]),
                Route("/v1/load_lora_adapter", self._load, methods=["POST"]),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
            ]
        )

    def note(self, what: str, data: Any) -> None:
        with self._record.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "data": data}) + "\n")

    async def _health(self, request: Request) -> Response:
        return Response()

    async def _tokenize(self, request: Request) -> Response:
        messages = (await request.json())["messages"]
        if "no-system" in self._options.model and messages[0]["role"] == "system":
            return _error(400, "System role not supported", "BadRequestError")
        return JSONResponse({"tokens": list(_render(messages).encode()), "count": 1, "max_model_len": ROOM})

    async def _detokenize(self, request: Request) -> Response:
        return JSONResponse({"prompt": bytes((await request.json())["tokens"]).decode()})

    def _known(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self._key}"

    async def _load(self, request: Request) -> Response:
        if not self._known(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        body = await request.json()
        self.note("load", body)
        settings = json.loads((Path(body["lora_path"]) / "adapter_config.json").read_text())
        if settings["r"] > self._options.max_lora_rank:
            rank = f"LoRA rank {settings['r']} is greater than max_lora_rank {self._options.max_lora_rank}"
            return _error(400, rank, "BadRequestError")
        if settings.get("modules_to_save"):
            return _error(400, f"{body['lora_path']}: modules_to_save is not supported.", "BadRequestError")
        if body["lora_name"] in self._adapters:
            return _error(400, f"The lora adapter '{body['lora_name']}' has already been loaded.", "BadRequestError")
        if body["lora_path"].endswith("slow"):
            await asyncio.sleep(SLOW)
        self._adapters[body["lora_name"]] = body["lora_path"]
        return PlainTextResponse(f"Success: LoRA adapter '{body['lora_name']}' added successfully.")

    async def _chat(self, request: Request) -> Response:
        if not self._known(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        body = await request.json()
        self.note("chat", body)
        if body["model"] != self._options.served_model_name and body["model"] not in self._adapters:
            return _error(404, f"The model `{body['model']}` does not exist.", "NotFoundError")
        asked = len(_render(body["messages"]))
        if asked + body.get("max_tokens", 1) > ROOM:
            told = f"This model's maximum context length is {ROOM} tokens. However, you requested more."
            return _error(400, told, "BadRequestError")
        word = body["messages"][-1]["content"].split()[-1]
        if word == "key":
            return JSONResponse({"error": "Unauthorized"}, 401)
        if word == "500":
            return _error(500, f"EngineCore encountered an issue; see {self._options.model}", "InternalServerError")
        if word == "nonsense":
            return StreamingResponse(iter([b'data: {"choices": [{"delta": 5}]}\n\n']), media_type="text/event-stream")
        return StreamingResponse(self._stream(body, word, asked), media_type="text/event-stream")

    async def _stream(self, body: dict[str, Any], word: str, asked: int) -> AsyncIterator[str]:
        frame = {"id": "chatcmpl-theirs", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        said = ["I", " am", " " + self._adapters.get(body["model"], "the base").rpartition("/")[2], ".\u2028", "\u00e9"]

        def chunk(delta: dict[str, str], finish: str | None = None, token: str | None = None) -> str:
            told = None
            if body.get("logprobs") and token is not None:
                entry = {"token": token, "logprob": -0.5, "bytes": list(token.encode())}
                told = {"content": [entry | {"top_logprobs": [entry] * body["top_logprobs"]}]}
            choice = {"index": 0, "delta": delta, "logprobs": told, "finish_reason": finish, "stop_reason": None}
            return f"data: {json.dumps(frame | {'choices': [choice]}, ensure_ascii=False)}\n\n"

        yield chunk({"role": "assistant", "content": ""})
        for number, text in enumerate(said):
            if number == 2 and word == "die":
                os._exit(1)
            if number == 2 and word == "break":
                yield f"data: {json.dumps({'error': {'message': 'EngineCore died', 'code': 500}})}\n\n"
                yield "data: [DONE]\n\n"
                return
            if number == 2 and word == "cut":
                return
            yield chunk({"content": text}, token=text)
            if word == "slowly":
                await asyncio.sleep(SLOW)
        yield chunk({"content": ""}, "abort" if word == "abort" else "stop", "</s>")
        usage = {"prompt_tokens": asked, "total_tokens": asked + len(said) + 1, "completion_tokens": len(said) + 1}
        yield f"data: {json.dumps(frame | {'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"


def _render(messages: list[dict[str, Any]]) -> str:
    return "".join(f"<{message['role']}>{message['content']}" for message in messages)


def _error(status: int, message: str, kind: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)


def main() -> None:
    record = Path(sys.argv[1])
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--served-model-name")
    parser.add_argument("--gpu-memory-utilization", type=float)
    parser.add_argument("--enable-lora", action="store_true")
    parser.add_argument("--max-lora-rank", type=int, choices=[1, 8, 16, 32, 64, 128, 256, 320, 512])
    parser.add_argument("--max-loras", type=int)
    parser.add_argument("--max-cpu-loras", type=int)
    parser.add_argument("--generation-config")
    parser.add_argument("--max-model-len", type=int)
    options = parser.parse_args(sys.argv[2:])
    fake = Fake(record, options)
    told = {name: os.environ.get(name) for name in ("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "PYTHONPATH", "HF_TOKEN")}
    fake.note("start", vars(options) | told)
    if options.max_model_len == 1:
        print("INFO something else", flush=True)
        sys.exit(
            "ValueError: Free memory on device (3.2/79.1 GiB) on startup is less than desired GPU memory utilization"
        )
    # A worker of its own, as vLLM has: it must not outlive its server.
    if os.fork() == 0:
        while True:
            asyncio.run(asyncio.sleep(3600))
    asyncio.run(asyncio.sleep(0.5))
    uvicorn.run(fake.app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()

"""The shapes that the API takes and gives, as JSON schemas by name."""

from __future__ import annotations

from typing import Any

from ftui.engine.export import FORMATS
from ftui.engine.files import EXPIRES, PURPOSES
from ftui.engine.job_request import RANGES

Schema = dict[str, Any]

WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
THING: Schema = {"type": "object"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def const(value: str) -> Schema:
    return {"const": value}


def several(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def shape(needed: dict[str, Schema], also: dict[str, Schema] | None = None, *, closed: bool = False) -> Schema:
    """An object with the fields `needed` and perhaps those in `also`; `closed` to all others."""
    found: Schema = {"type": "object", "properties": needed | (also or {})}
    if needed:
        found["required"] = list(needed)
    if closed:
        found["additionalProperties"] = False
    return found


def listed(name: str) -> Schema:
    cursors = {"first_id": maybe(TEXT), "last_id": maybe(TEXT), "has_more": FLAG}
    return shape({"object": const("list"), "data": several(ref(name)), **cursors})


def deleted(kind: str) -> Schema:
    return shape({"id": TEXT, "object": const(kind), "deleted": const(True)})  # type: ignore[arg-type]


def setting(name: str) -> Schema:
    """A hyperparameter: a value in its range, `auto` or null."""
    low, high, whole = RANGES[name]
    value = FLAG if high is None else {"type": "integer" if whole else "number", "minimum": low, "maximum": high}
    return {"anyOf": [value, const("auto"), {"type": "null"}]}


PURPOSE: Schema = {"enum": list(PURPOSES)}
SECONDS: Schema = {"type": "integer", "minimum": EXPIRES[0], "maximum": EXPIRES[1]}
METADATA: Schema = {
    "type": "object",
    "maxProperties": 16,
    "propertyNames": {"maxLength": 64},
    "additionalProperties": {"type": "string", "maxLength": 512},
}
SETTINGS = shape({}, {name: setting(name) for name in RANGES if name != "beta"}, closed=True)
DPO_SETTINGS = shape({}, {name: setting(name) for name in RANGES}, closed=True)
CONTENT: Schema = {
    "anyOf": [TEXT, several(shape({"type": const("text"), "text": TEXT})), {"type": "null"}],
}
ROLE: Schema = {"enum": ["system", "developer", "user", "assistant", "tool", "function"]}
MESSAGE = shape({"role": ROLE}, {"content": CONTENT, "name": maybe(TEXT)})
TOP = shape({"token": TEXT, "logprob": NUMBER, "bytes": maybe(several(WHOLE))})
LOGPROBS = shape(
    {
        "content": several(
            shape({"token": TEXT, "logprob": NUMBER, "bytes": maybe(several(WHOLE)), "top_logprobs": several(TOP)})
        )
    }
)
REASON: Schema = {"enum": ["stop", "length"]}
USAGE = shape({"prompt_tokens": WHOLE, "completion_tokens": WHOLE, "total_tokens": WHOLE})

SCHEMAS: dict[str, Schema] = {
    "Error": shape(
        {"error": shape({"message": TEXT, "type": TEXT, "param": maybe(TEXT), "code": maybe(TEXT)}, closed=True)}
    ),
    "Health": shape({"status": const("ok"), "version": TEXT, "instance": TEXT}),
    "OpenApi": shape({"openapi": TEXT, "info": THING, "paths": THING}),
    "File": shape(
        {
            "id": TEXT,
            "object": const("file"),
            "bytes": WHOLE,
            "created_at": WHOLE,
            "expires_at": maybe(WHOLE),
            "filename": TEXT,
            "purpose": TEXT,
            "status": {"enum": ["uploaded", "processed", "error"]},
        }
    ),
    "FileList": listed("File"),
    "FileDeleted": deleted("file"),
    "CreateFile": shape(
        {"file": {"type": "string", "format": "binary"}, "purpose": PURPOSE},
        {"expires_after[anchor]": const("created_at"), "expires_after[seconds]": SECONDS},
    ),
    "Upload": shape(
        {
            "id": TEXT,
            "object": const("upload"),
            "bytes": WHOLE,
            "created_at": WHOLE,
            "expires_at": WHOLE,
            "filename": TEXT,
            "purpose": TEXT,
            "status": {"enum": ["pending", "completed", "cancelled", "expired"]},
            "file": maybe(ref("File")),
        }
    ),
    "CreateUpload": shape(
        {"bytes": WHOLE, "filename": TEXT, "mime_type": TEXT, "purpose": PURPOSE},
        {"expires_after": maybe(shape({"anchor": const("created_at"), "seconds": SECONDS}, closed=True))},
        closed=True,
    ),
    "UploadPart": shape({"id": TEXT, "object": const("upload.part"), "created_at": WHOLE, "upload_id": TEXT}),
    "CreatePart": shape({"data": {"type": "string", "format": "binary"}}),
    "CompleteUpload": shape({"part_ids": several(TEXT)}, {"md5": maybe(TEXT)}, closed=True),
    "Job": shape(
        {
            "id": TEXT,
            "object": const("fine_tuning.job"),
            "created_at": WHOLE,
            "finished_at": maybe(WHOLE),
            "model": TEXT,
            "fine_tuned_model": maybe(TEXT),
            "organization_id": TEXT,
            "status": {"enum": ["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]},
            "trained_tokens": maybe(WHOLE),
            "training_file": TEXT,
            "validation_file": maybe(TEXT),
            "result_files": several(TEXT),
            "hyperparameters": THING,
            "method": shape({"type": {"enum": ["supervised", "dpo"]}}),
            "seed": WHOLE,
            "error": maybe(shape({"code": TEXT, "message": TEXT, "param": maybe(TEXT)})),
            "estimated_finish": maybe(WHOLE),
            "integrations": several(THING),
            "metadata": maybe(METADATA),
        }
    ),
    "JobList": listed("Job"),
    "CreateJob": shape(
        {"model": TEXT, "training_file": TEXT},
        {
            "validation_file": maybe(TEXT),
            "method": maybe(ref("Method")),
            "hyperparameters": maybe(SETTINGS),
            "suffix": maybe({"type": "string", "minLength": 1, "maxLength": 64}),
            "seed": maybe({"type": "integer", "minimum": 0, "maximum": 2**31 - 1}),
            "metadata": maybe(METADATA),
            "integrations": maybe({"type": "array", "maxItems": 0}),
        },
        closed=True,
    ),
    "Method": {
        "anyOf": [
            shape(
                {"type": const("supervised")},
                {"supervised": maybe(shape({}, {"hyperparameters": maybe(SETTINGS)}, closed=True))},
                closed=True,
            ),
            shape(
                {"type": const("dpo")},
                {"dpo": maybe(shape({}, {"hyperparameters": maybe(DPO_SETTINGS)}, closed=True))},
                closed=True,
            ),
        ]
    },
    "Event": shape(
        {
            "id": TEXT,
            "object": const("fine_tuning.job.event"),
            "created_at": WHOLE,
            "level": {"enum": ["info", "warn", "error"]},
            "message": TEXT,
            "type": {"enum": ["message", "metrics"]},
            "data": maybe(THING),
        }
    ),
    "EventList": listed("Event"),
    "Checkpoint": shape(
        {
            "id": TEXT,
            "object": const("fine_tuning.job.checkpoint"),
            "created_at": WHOLE,
            "fine_tuned_model_checkpoint": TEXT,
            "fine_tuning_job_id": TEXT,
            "step_number": WHOLE,
            "metrics": THING,
        }
    ),
    "CheckpointList": listed("Checkpoint"),
    "Model": shape({"id": TEXT, "object": const("model"), "created": WHOLE, "owned_by": TEXT}),
    "ModelList": shape({"object": const("list"), "data": several(ref("Model"))}),
    "CreateExport": shape({"format": {"enum": list(FORMATS)}}, closed=True),
    "Export": shape(
        {
            "id": TEXT,
            "object": const("model.export"),
            "created_at": WHOLE,
            "model": TEXT,
            "format": {"enum": list(FORMATS)},
            "status": {"enum": ["running", "succeeded", "failed"]},
            "error": maybe(shape({"code": TEXT, "message": TEXT})),
            "files": several(ref("File")),
        }
    ),
    "ModelDeleted": deleted("model"),
    "CreateChat": shape(
        {"model": TEXT, "messages": {"type": "array", "minItems": 1, "items": MESSAGE}},
        {
            "max_tokens": maybe({"type": "integer", "minimum": 1}),
            "max_completion_tokens": maybe({"type": "integer", "minimum": 1}),
            "temperature": maybe({"type": "number", "minimum": 0, "maximum": 2}),
            "top_p": maybe({"type": "number", "minimum": 0, "maximum": 1}),
            "n": maybe({"const": 1}),
            "stop": {"anyOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": 4}, {"type": "null"}]},
            "seed": maybe(WHOLE),
            "logprobs": maybe(FLAG),
            "top_logprobs": maybe({"type": "integer", "minimum": 0, "maximum": 20}),
            "stream": maybe(FLAG),
            "stream_options": maybe(shape({}, {"include_usage": maybe(FLAG)})),
        },
    ),
    "Chat": shape(
        {
            "id": TEXT,
            "object": const("chat.completion"),
            "created": WHOLE,
            "model": TEXT,
            "choices": several(
                shape(
                    {
                        "index": WHOLE,
                        "message": shape({"role": const("assistant"), "content": TEXT, "refusal": maybe(TEXT)}),
                        "logprobs": maybe(LOGPROBS),
                        "finish_reason": REASON,
                    }
                )
            ),
            "usage": USAGE,
        }
    ),
    "ChatChunk": shape(
        {
            "id": TEXT,
            "object": const("chat.completion.chunk"),
            "created": WHOLE,
            "model": TEXT,
            "choices": several(
                shape({"index": WHOLE, "delta": THING, "finish_reason": maybe(REASON)}, {"logprobs": maybe(LOGPROBS)})
            ),
        },
        {"usage": maybe(USAGE)},
    ),
}

QUERY: dict[str, Schema] = {
    "after": {"schema": TEXT, "description": "Id behind which the page begins"},
    "limit": {"schema": {"type": "integer", "minimum": 1}, "description": "How many at most"},
    "order": {"schema": {"enum": ["asc", "desc"]}, "description": "By time; the newest first unless `asc`"},
    "purpose": {"schema": TEXT, "description": "Only files of this purpose"},
    "metadata": {
        "style": "deepObject",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": TEXT},
        "description": "Only jobs with these pairs, as `metadata[key]=value`",
    },
}

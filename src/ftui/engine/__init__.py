"""The engine: an OpenAI-compatible fine-tuning server for open-weight models.

Two interpreters run the code of this room. ftui's own one imports `install`,
`local` and `serving` only (standard library). Everything else runs in the engine's own
environment, made by `install`: `server` and what it imports without torch,
`trainer` and `chat_process` in processes of their own with it.
"""

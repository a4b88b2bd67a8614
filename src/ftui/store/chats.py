"""Conversations. A partial answer is saved while it streams, so that a crash keeps it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ftui.store.database import Database


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message.

    Attributes:
        role: "user" or "assistant".
        speaker: the name of the model that answered, "" for a person.
        state: "done", "streaming", "stopped" or "failed".
        tokens, seconds: of an answer, for its speed.
    """

    id: int
    chat: int
    role: str
    speaker: str
    content: str
    state: str
    tokens: int | None
    seconds: float | None
    time: float


@dataclass(frozen=True, slots=True)
class Chat:
    id: int
    title: str
    system: str
    created: float


class Chats:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, title: str, system: str) -> Chat:
        with self._database.write() as connection:
            now = time.time()
            cursor = connection.execute(
                "INSERT INTO chats (title, system, created) VALUES (?, ?, ?)", (title, system, now)
            )
            return Chat(int(cursor.lastrowid or 0), title, system, now)

    def latest(self) -> Chat | None:
        row = self._database.connection.execute("SELECT * FROM chats ORDER BY id DESC LIMIT 1").fetchone()
        return Chat(**dict(row)) if row else None

    def messages(self, chat: int) -> list[ChatMessage]:
        """Oldest first. An answer whose program died stays "streaming", with what had come of it."""
        rows = self._database.connection.execute("SELECT * FROM chat_messages WHERE chat = ? ORDER BY id", (chat,))
        return [ChatMessage(**dict(row)) for row in rows]

    def say(self, chat: int, role: str, content: str, *, speaker: str = "", state: str = "done") -> int:
        with self._database.write() as connection:
            cursor = connection.execute(
                "INSERT INTO chat_messages (chat, role, speaker, content, state, time) VALUES (?, ?, ?, ?, ?, ?)",
                (chat, role, speaker, content, state, time.time()),
            )
            return int(cursor.lastrowid or 0)

    def update(
        self,
        message: int,
        content: str,
        state: str,
        *,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> None:
        with self._database.write() as connection:
            connection.execute(
                "UPDATE chat_messages SET content = ?, state = ?, tokens = ?, seconds = ? WHERE id = ?",
                (content, state, tokens, seconds, message),
            )

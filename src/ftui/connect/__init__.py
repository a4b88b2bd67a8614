"""Providers and keys: who fine-tunes and chats, at which address, at which price."""

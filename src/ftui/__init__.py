"""ftui: fine-tune a language model from a terminal.

Nothing is imported here, so that `ftui --version` and the engine's interpreter
pay for nothing they do not use.
"""

__version__ = "0.1.0"

"""The smallest Textual app that shows what ftui's first screen shows: a header, a body, a footer."""

from textual.app import App, ComposeResult
from textual.widgets import Footer, Header, Static


class Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield Header()
        yield Static("bare body")
        yield Footer()


Bare().run()

"""Talk to a tuned model and to its base; conversations are kept."""

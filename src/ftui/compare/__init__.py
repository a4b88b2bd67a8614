"""Whether tuning helped: the same held-out questions, answered by the base and by the tuned model."""

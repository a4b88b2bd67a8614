"""The sample site, what is asked about it, and the recipe that fits it."""

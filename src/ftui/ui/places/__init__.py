"""The six places, each in a module of its own that is imported on the first visit."""

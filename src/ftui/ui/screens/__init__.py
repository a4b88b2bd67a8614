"""Screens that open over the places: questions, forms, help."""

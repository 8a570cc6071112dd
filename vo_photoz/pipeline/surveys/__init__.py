"""Checks of surveys: their pixels against catalogues, what the figures mean, and the report."""

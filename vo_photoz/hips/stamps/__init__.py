"""Stamps at rest: their files, their flags, runs that were killed, and surveys made of stamps."""

"""Crossmatch: partners from archives, tables and HATS, matched, joined, and told as columns or as pairs."""

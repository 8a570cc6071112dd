"""The dialogue with TOPCAT, Aladin and their hub."""

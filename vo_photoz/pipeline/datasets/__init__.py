"""Data sets: made from files of stamps, from simulated skies, from surveys and archives; and shown."""

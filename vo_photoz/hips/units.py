"""Units of pixel values, as survey files and FITS headers write them."""

from __future__ import annotations

AB_ZERO_NJY = 3631e9
"""Flux density of magnitude 0 in the AB system, nJy (Oke & Gunn 1983, ApJ 266, 713: 3631 Jy)."""
UNITS_NJY = {
    "nJy": 1.0,
    "uJy": 1e3,
    "mJy": 1e6,
    "Jy": 1e9,
    "nanomaggy": 1e-9 * AB_ZERO_NJY,
    "maggy": AB_ZERO_NJY,
}
_PER_PIXEL = ("/pixel", "/pix", " pixel-1", " pix-1", " per pixel")
_MAGGIES = {
    "nanomaggy": ("nanomaggy", "nanomaggie", "nanomaggies", "nmgy", "nmaggy", "nmaggies"),
    "maggy": ("maggy", "maggie", "maggies", "mgy"),
}
_JANSKYS = {"\N{MICRO SIGN}Jy": "uJy", "\N{GREEK SMALL LETTER MU}Jy": "uJy"}


def unit_named(text: str) -> str:
    """The unit of `UNITS_NJY` that a text means, per pixel; empty if it means none of them.

    FITS headers write nanomaggies as ``nMgy``, ``nmgy`` or ``nanomaggies``; values that belong to a pixel may
    say so (``nanomaggy/pixel``). Letter case counts for janskys alone: mJy is not MJy.
    """
    word = text.strip()
    for ending in _PER_PIXEL:
        word = word.removesuffix(ending).rstrip()
    word = _JANSKYS.get(word, word)
    if word in UNITS_NJY:
        return word
    return next((unit for unit, names in _MAGGIES.items() if word.lower() in names and word[0] != "M"), "")

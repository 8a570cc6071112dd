"""Pictures of rows as PNG bytes."""

from __future__ import annotations

import io
from threading import Lock

from vo_photoz.analysis.plots import SourcePicture, draw_source

_one_at_a_time = Lock()  # matplotlib's font cache and text parser are shared by all figures


def png(picture: SourcePicture) -> bytes:
    """The picture of a source as a PNG file, 900 pixels wide."""
    file = io.BytesIO()
    with _one_at_a_time:
        draw_source(picture).savefig(file, format="png")
    return file.getvalue()

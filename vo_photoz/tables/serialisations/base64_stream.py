"""The content of a STREAM element, decoded piece by piece."""

from __future__ import annotations

import binascii
import zlib

import pybase64

from vo_photoz.errors import TableError
from vo_photoz.tables.bounds import largest_unpacked, trap

_STEP = 1 << 20


class StreamDecoder:
    """Bytes of a STREAM that comes in pieces.

    Parameters
    ----------
    encoding : str
        Attribute of STREAM: base64, or gzip (and base64), or none.
    source : str
        Name of the file, for errors.
    """

    def __init__(self, encoding: str, source: str) -> None:
        self._source = source
        self._rest = b""
        self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding == "gzip" else None
        self._total = 0
        self._packed = 0

    def add(self, piece: bytes) -> bytes:
        """Bytes of the next piece, which may end anywhere.

        Raises
        ------
        TableError
            Raised if the piece is no base64, or unpacks to too much.
        """
        text = self._rest + b"".join(piece.split())
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        try:
            raw = pybase64.b64decode(text[:whole], validate=True)
            if self._unpacker is not None:
                raw = self._unpack(raw)
        except (binascii.Error, zlib.error) as error:
            raise self._broken(str(error)) from None
        self._total += len(raw)
        return raw

    def _unpack(self, raw: bytes) -> bytes:
        assert self._unpacker is not None  # noqa: S101 - for the type checker
        parts = []
        self._packed += len(raw)
        most = largest_unpacked(self._packed)
        while raw:
            parts.append(self._unpacker.decompress(raw, _STEP))
            raw = self._unpacker.unconsumed_tail
            if self._total + _STEP * len(parts) > most:
                raise trap(self._source, f"has rows that unpack to more than {most} bytes")
        return b"".join(parts)

    def finish(self) -> bytes:
        """Last bytes, after the last piece.

        Raises
        ------
        TableError
            Raised if it is cut off.
        """
        if self._rest:
            raise self._broken("the last group of letters is not complete")
        if self._unpacker is None:
            return b""
        last = self._unpacker.flush()
        if not self._unpacker.eof:
            raise self._broken("the packed rows end too early")
        return last

    def _broken(self, reason: str) -> TableError:
        return TableError(f"The rows of {self._source} cannot be decoded: {reason}.", advice="Save it again.")

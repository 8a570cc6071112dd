"""Running networks: all members as one function, on keras or on ONNX Runtime, batch after batch."""

from vo_photoz.redshift.inference.usable import usable

__all__ = ["usable"]

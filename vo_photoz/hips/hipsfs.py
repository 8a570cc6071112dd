"""A HiPS as a file system of pixels, by the short call that talks and notebooks use."""

from __future__ import annotations

from collections.abc import Sequence

from vo_photoz.errors import SurveyError, UsageError
from vo_photoz.flow import Float32Array
from vo_photoz.hips.tree import HiPS


class HiPSfs(HiPS):
    """The same as `HiPS`, with a call that gives the pixels alone.

    Examples
    --------
    >>> pixels = HiPSfs(address).extractCoordinate([350.86, -55.225], [200, 200], 0.002)  # doctest: +SKIP
    """

    def extractCoordinate(  # noqa: N802 - the name that is in use
        self,
        coordinate: Sequence[float],
        size: Sequence[int] | int,
        resolution: float,
        nested: bool = True,
    ) -> Float32Array:
        """Pixels around a position: TAN projection, north up, east left, bilinear.

        Parameters
        ----------
        coordinate : (float, float)
            Right ascension and declination of the centre, ICRS degrees.
        size : int or (int, int)
            Pixels: one side, or columns and rows.
        resolution : float
            Side of a pixel, degrees.
        nested : bool
            The tiles of a HiPS are always numbered in the nested scheme: anything but True is refused.

        Returns
        -------
        float32 array, shape (rows, columns)
            NaN where there is no value.

        Raises
        ------
        UsageError
            Raised if an argument cannot be meant.
        SurveyError
            Raised if the HiPS cannot be used, or a tile could not be had: the array alone could not tell.
        """
        if not nested:
            raise UsageError(
                "A HiPS has no tiles in the ring scheme.", advice="Leave nested out, or give nested=True."
            )
        cutout = self.extract(coordinate, size, resolution)
        if not cutout.complete:
            raise SurveyError(
                f"A tile of {self.address} at {coordinate} is damaged or could not be had.",
                advice="Try again, or use extract(), which gives what there is.",
                url=self.address,
            )
        return cutout.image

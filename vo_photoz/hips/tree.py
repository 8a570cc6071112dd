"""One HiPS: its properties, tiles, coverage and single cutouts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vo_photoz.errors import CoverageError, PhotozError, SurveyError
from vo_photoz.flow import Coverage
from vo_photoz.hips.access.source import Source, read_file
from vo_photoz.hips.access.tiles import TileStore
from vo_photoz.hips.access.traffic import Traffic
from vo_photoz.hips.arguments import addresses_of
from vo_photoz.hips.grid import Cutout, Grid
from vo_photoz.hips.properties import parse_properties

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity

    from vo_photoz.hips.batches import Cutouts

DEFAULT_WIDTH = 512
OPENING_SECONDS = 30.0
"""A server that does not send ``properties`` within this time does not work, and its mirror is asked."""
LEAST_ORDER = 3
"""Lowest order of the tiles when `properties` does not say (HiPS 1.0, hips_order_min)."""


class HiPS:
    """A survey image as a tree of HEALPix tiles.

    Parameters
    ----------
    address : str, path or sequence of them
        Folder, file:// or http(s):// address. Of several (mirrors) the first that works is used.
    offline : bool
        Refuse the network.

    Notes
    -----
    Nothing is read before it is needed.
    """

    def __init__(self, address: str | Path | Sequence[str | Path], *, offline: bool = False) -> None:
        self.addresses = addresses_of(address)
        self.offline = offline
        self.lost_tiles = 0
        """Tiles that could not be had so far."""

    def __repr__(self) -> str:
        return f"HiPS({self.addresses[0]!r})"

    @cached_property
    def _opened(self) -> tuple[str, dict[str, str]]:
        failures: list[str] = []
        for address in self.addresses:
            try:
                data = read_file(
                    address, "properties", offline=self.offline, max_bytes=1_000_000, seconds=OPENING_SECONDS
                )
            except PhotozError as error:
                failures.append(error.message)
                continue
            if data is None:
                failures.append(f"{address} has no file 'properties'.")
                continue
            properties = parse_properties(data.decode("utf-8", "replace"))
            if "hips_order" in properties:
                return address, properties
            where = f"{address.rstrip('/')}/properties"
            web_page = data.lstrip()[:1] == b"<"
            failures.append(f"{where} {'is a web page' if web_page else 'does not say hips_order'}.")
        raise SurveyError(
            f"No HiPS could be opened: {' '.join(failures)}",
            advice="Check the address (of a survey: in its file), and the network if it is a server.",
            url=self.addresses[0],
        )

    @property
    def address(self) -> str:
        """The address in use: the first that works."""
        return self._opened[0]

    @property
    def properties(self) -> dict[str, str]:
        """What the file ``properties`` says."""
        return self._opened[1]

    @property
    def order(self) -> int:
        """Deepest order of the tiles."""
        return self._whole("hips_order", None)

    @property
    def min_order(self) -> int:
        """Lowest order of the tiles."""
        return min(self._whole("hips_order_min", LEAST_ORDER), self.order)

    @property
    def width(self) -> int:
        """Side of a tile, pixels."""
        width = self._whole("hips_tile_width", DEFAULT_WIDTH)
        if width < 2 or width & (width - 1) or width > 4096:
            raise self._wrong("hips_tile_width", "a power of two")
        return width

    @property
    def frame(self) -> str:
        """Frame: equatorial, galactic or ecliptic."""
        from vo_photoz.sky.frames import frame_name  # noqa: PLC0415 - needs astropy

        try:
            return frame_name(self.properties.get("hips_frame", "equatorial"))
        except CoverageError:
            raise self._wrong("hips_frame", "equatorial, galactic or ecliptic") from None

    @property
    def formats(self) -> list[str]:
        """Formats of the tiles: fits, jpeg, png."""
        return self.properties.get("hips_tile_format", "jpeg").lower().replace(",", " ").split()

    @property
    def source_pixel_arcsec(self) -> float | None:
        """Side of a pixel of the original images (``s_pixel_scale``), None when it is not said."""
        try:
            scale = float(self.properties["s_pixel_scale"].split()[0]) * 3600
        except (KeyError, ValueError, IndexError):
            return None
        return scale if scale > 0 and math.isfinite(scale) else None

    def pixel_arcsec(self, order: int | None = None) -> float:
        """Mean side of a HEALPix pixel of the tiles of an order (the deepest by default)."""
        depth = (self.order if order is None else order) + self.width.bit_length() - 1
        return math.degrees(math.sqrt(4 * math.pi / (12 * 4.0**depth))) * 3600

    def grid_for(self, pixel_arcsec: float) -> Grid:
        """Grid whose pixels are just finer than or equal to those asked for, as far as there are tiles.

        Raises
        ------
        SurveyError
            Raised if the HiPS has no FITS tiles.
        """
        self.need_fits()
        order, folder = self.order, self.tiles.folder
        # A thousandth of slack: 0.4026 arcsec asked for as 0.403 or as 0.402 is the same order.
        while order > self.min_order and self.pixel_arcsec(order - 1) <= pixel_arcsec * 1.001:
            if folder is not None and not (folder / f"Norder{order - 1}").is_dir():
                break  # properties need not say that the lower orders were left out
            order -= 1
        return Grid(self.frame, self.width, order)

    def need_fits(self) -> None:
        """Refuse a HiPS that is made for display only.

        Raises
        ------
        SurveyError
            Raised if there are no FITS tiles.
        """
        if "fits" not in self.formats:
            raise SurveyError(
                f"{self.address} has no FITS tiles (only {', '.join(self.formats)}).",
                advice="Pictures carry no fluxes: use a HiPS whose hips_tile_format names fits.",
                url=self.address,
            )

    @cached_property
    def tiles(self) -> TileStore:
        """Where the tiles come from."""
        mirrors = self.addresses[self.addresses.index(self.address) :]
        return TileStore(Source(mirrors, offline=self.offline), self.width)

    @property
    def traffic(self) -> Traffic:
        """Bytes moved for tiles so far."""
        return self.tiles.source.traffic if "tiles" in vars(self) else Traffic()

    @cached_property
    def coverage(self) -> Coverage:
        """Where there are tiles, from ``Moc.fits`` (covered by a tile is not yet data)."""
        from vo_photoz.hips.coverage import hips_coverage  # noqa: PLC0415 - needs mocpy

        return hips_coverage(self)

    def extract(
        self,
        coordinate: SkyCoord | Sequence[float],
        size: int | Sequence[int],
        resolution: Quantity | float,
        interpolation: str = "bilinear",
    ) -> Cutout:
        """Cut an image out: TAN, north up, east left, centred on a position.

        Parameters
        ----------
        coordinate : `astropy.coordinates.SkyCoord` or (ra, dec)
            Centre; numbers are ICRS degrees.
        size : int or (int, int)
            Pixels: one side, or columns and rows.
        resolution : `astropy.units.Quantity` or float
            Side of a pixel; a number is in degrees.
        interpolation : str
            "bilinear" or "nearest".

        Raises
        ------
        UsageError
            Raised if an argument cannot be meant.
        SurveyError
            Raised if the HiPS cannot be used.
        """
        from vo_photoz.hips.cutouts import cut_image  # noqa: PLC0415 - needs numba

        return cut_image(self, coordinate, size, resolution, interpolation)

    def extract_many(
        self,
        coordinates: Any,
        size: int | Sequence[int],
        resolution: Quantity | float,
        interpolation: str = "bilinear",
        *,
        batch: int = 1024,
        threads: int = 0,
    ) -> Iterator[Cutouts]:
        """Cut images of many positions out, a batch at a time; memory holds two batches.

        The batches come in the order of the sky, so that every tile is read once: `Cutouts.rows` says whose
        images they are.

        Parameters
        ----------
        coordinates : `astropy.coordinates.SkyCoord`, `Positions` or array of shape (n, 2)
            Centres; numbers are ICRS degrees (ra, dec). Rows that are not finite are left out.
        size, resolution, interpolation
            As in `extract`.
        batch : int
            Most images in a batch.
        threads : int
            Threads; 0 takes all cores.

        Raises
        ------
        UsageError
            Raised if an argument cannot be meant.
        SurveyError
            Raised if the HiPS cannot be used.
        """
        from vo_photoz.hips.batches import cut_batches  # noqa: PLC0415 - needs numba

        return cut_batches(self, coordinates, size, resolution, interpolation, batch=batch, threads=threads)

    @cached_property
    def tile_unit(self) -> str:
        """Unit of the pixel values as a tile names it; empty if none does, or it is not known."""
        from vo_photoz.hips.tile_unit import unit_in_tiles  # noqa: PLC0415 - needs mocpy

        return unit_in_tiles(self)

    def promises(self, order: int, number: int) -> bool:
        """Whether the coverage map says that there is a tile: then its absence is a fault, not empty sky."""
        if self.known_coverage is None:
            return False
        from vo_photoz.hips.coverage import covers_tile  # noqa: PLC0415 - needs mocpy

        return covers_tile(self.known_coverage, self.frame, order, number)

    @cached_property
    def known_coverage(self) -> Coverage | None:
        """Its coverage map; None where there is none that can be used."""
        try:
            return self.coverage
        except PhotozError:
            return None  # a HiPS without a usable map promises nothing

    def _whole(self, key: str, default: int | None) -> int:
        try:
            value = int(float(self.properties[key])) if key in self.properties else default
        except ValueError:
            value = None
        if value is None or value < 0 or (value > 29 and key != "hips_tile_width"):
            raise self._wrong(key, "a whole number")
        return value

    def _wrong(self, key: str, expected: str) -> SurveyError:
        return SurveyError(
            f"{self.address}/properties says {key} = {self.properties.get(key)!r}, expected {expected}.",
            url=self.address,
        )

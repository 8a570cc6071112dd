"""Where the sources of a table are, and how they move: columns, units, frames and epochs."""

from vo_photoz.tables.positions.find import find_positions

__all__ = ["find_positions"]

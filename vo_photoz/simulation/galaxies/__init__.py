"""Galaxies: how many there are, their spectra, colours and shapes."""

from vo_photoz.simulation.galaxies.population import draw_galaxies

__all__ = ["draw_galaxies"]

"""Quasars: how many there are, what makes one differ from another, their spectra and band fluxes."""

from vo_photoz.simulation.quasars.population import draw_quasars

__all__ = ["draw_quasars"]

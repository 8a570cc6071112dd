"""Stars: how many there are along a line of sight, and the sequences that give their colours."""

from vo_photoz.simulation.stars.population import draw_stars

__all__ = ["draw_stars"]

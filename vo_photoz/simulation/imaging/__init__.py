"""How sources become pictures: exposures with seeing and noise, drawing, the way into a HiPS and out."""

from vo_photoz.simulation.imaging.exposures import Imaging, Variety

__all__ = ["Imaging", "Variety"]

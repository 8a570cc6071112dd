"""Two simple estimators that a network must beat: nearest neighbours in colour, and the prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vo_photoz.datasets.colours import aperture_noise, colours
from vo_photoz.errors import TableError
from vo_photoz.flow import Float32Array, FloatArray, MixturePDF

NEIGHBOURS = 15
NEIGHBOUR_SIGMA = 0.05


@dataclass(frozen=True)
class ColourNeighbours:
    """Redshifts of the nearest training objects in colours and one magnitude.

    Asinh magnitudes in an aperture of 3 pixels; differences of bands that follow one another, and the last
    magnitude but one (for ugriz: u-g, g-r, r-i, i-z and i), each scaled by its standard deviation. The
    density is one Gaussian of sigma 0.05 at the redshift of each of 15 neighbours. Made by `neighbours_of`.

    Parameters
    ----------
    softening : float array, shape (band,)
        Noise of the aperture flux, the softening of the asinh magnitudes (Lupton et al. 1999, AJ 118, 1406).
    scale : float array, shape (band,)
        Standard deviation of each feature.
    tree : cKDTree
        Scaled features of the training objects.
    z : float array, shape (n,)
        Their redshifts.
    kept : int array, shape (n,)
        Their numbers among the objects that it was taught with.
    """

    softening: FloatArray
    scale: FloatArray
    tree: cKDTree
    z: FloatArray
    kept: NDArray[np.intp]

    def predict(self, pixels: Float32Array) -> MixturePDF:
        """Densities of stamps (n, band, y, x); rows whose aperture has no value in a band are NaN."""
        near = self.nearest(pixels)
        k = near.shape[1]
        blank = np.where(near[:, :1] >= 0, 1.0, np.nan)
        return MixturePDF(
            blank * np.full(k, 1 / k), blank * self.z[near], blank * np.full(k, NEIGHBOUR_SIGMA)
        )

    def nearest(self, pixels: Float32Array) -> NDArray[np.intp]:
        """Training objects nearest to stamps (n, band, y, x), shape (n, 15); -1 where there is no colour."""
        features = colours(pixels, self.softening) / self.scale
        good = np.isfinite(features).all(1)
        found = np.full((len(pixels), min(NEIGHBOURS, len(self.z))), -1, dtype=np.intp)
        if good.any():
            _, near = self.tree.query(features[good], k=found.shape[1])
            found[good] = np.reshape(near, (-1, found.shape[1]))
        return found


def class_shares(kind: NDArray[np.intp], near: NDArray[np.intp], classes: int) -> FloatArray:
    """Shares of classes among the nearest training objects, shape (n, class); NaN without neighbours.

    Parameters
    ----------
    kind : int array, shape (m,)
        Number of the class of each training object, -1 where it is not known.
    near : int array, shape (n, k)
        From `ColourNeighbours.nearest`.
    classes : int
        Number of classes; one more neighbour, of all classes in equal parts, keeps shares from zero.
    """
    count = (kind[near][:, :, None] == np.arange(classes)).sum(1) + 1 / classes
    share: FloatArray = count / count.sum(1, keepdims=True)
    share[near[:, 0] < 0] = np.nan
    return share


def neighbours_of(pixels: Float32Array, z: FloatArray) -> ColourNeighbours:
    """Learn from training stamps (n, band, y, x) and their redshifts.

    Raises
    ------
    TableError
        Raised if fewer than two training objects can be used.
    """
    softening = aperture_noise(pixels)
    return taught(colours(pixels, softening), softening, z)


def taught(features: FloatArray, softening: FloatArray, z: FloatArray) -> ColourNeighbours:
    """Learn from colours (n, band) as `datasets.colours.colours` gives them; as `neighbours_of` does.

    Raises
    ------
    TableError
        Raised if fewer than two training objects can be used.
    """
    good = np.isfinite(features).all(1) & np.isfinite(z)
    if good.sum() < 2:
        raise TableError(
            "The training set has fewer than two objects with a redshift and a flux in every band."
        )
    scale = features[good].std(0)
    scale[scale == 0] = 1.0
    tree = cKDTree(features[good] / scale)
    return ColourNeighbours(
        softening, scale, tree, np.asarray(z[good], dtype=np.float64), np.flatnonzero(good)
    )


def prior(edges: FloatArray, counts: FloatArray, n: int) -> MixturePDF:
    """The distribution of the training redshifts as the density of each of n objects.

    Parameters
    ----------
    edges : float array, shape (m + 1,)
        Edges of the bins of redshift.
    counts : array, shape (m,)
        Training objects in each; a bin becomes a Gaussian with the standard deviation of a uniform bin.
    n : int
        Number of objects.
    """
    share, centre = counts / np.sum(counts), 0.5 * (edges[1:] + edges[:-1])
    width = np.diff(edges) / np.sqrt(12)
    full = np.flatnonzero(share > 0)
    return MixturePDF(*(np.tile(column[full], (n, 1)) for column in (share, centre, width)))

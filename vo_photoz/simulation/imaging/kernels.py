"""Kernels that paint sources into images; imports numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vo_photoz.simulation.imaging.profiles import MTF_STEP, ROOT_STEP
from vo_photoz.sky.pixels import kernel


@kernel
def add_points(
    images: Any, owner: Any, x: Any, y: Any, flux: Any, soft: Any, spread: Any, reach: int
) -> None:
    """Add point sources.

    Parameters
    ----------
    images : float32 array, shape (m, band, y, x)
        Added to.
    owner : int64 array, shape (n,)
        Which image a source belongs to.
    x, y, flux : float32 array, shape (n, band)
        Place in pixels, and flux.
    soft : float32 array, shape (n,)
        Square of the scale by which a source is wider than a point, pixels squared.
    spread : float32 array, shape (m, band, 3)
        Scales of core and wing in pixels, share of the wing.
    reach : int
        Pixels from the centre that are painted.
    """
    one, pi = np.float32(1), np.float32(math.pi)
    height, width = images.shape[2:]
    across = np.empty(width, np.float32)
    for s in range(len(owner)):
        m = owner[s]
        for b in range(images.shape[1]):
            if flux[s, b] == 0:
                continue
            middle_x, middle_y = round(x[s, b]), round(y[s, b])
            left, right = max(middle_x - reach, 0), min(middle_x + reach + 1, width)
            low, high = max(middle_y - reach, 0), min(middle_y + reach + 1, height)
            core = one / (spread[m, b, 0] ** 2 + soft[s])
            wing = one / (spread[m, b, 1] ** 2 + soft[s])
            in_wing = flux[s, b] * spread[m, b, 2]
            peak = (flux[s, b] - in_wing) * np.float32(3) / pi * core
            wing_peak = in_wing * np.float32(2) / pi * wing
            for c in range(left, right):
                across[c] = (np.float32(c) - x[s, b]) ** 2
            for r in range(low, high):
                up = (np.float32(r) - y[s, b]) ** 2
                line = images[m, b, r]
                for c in range(left, right):
                    distance = up + across[c]
                    near = one / (one + distance * core)
                    far = one / (one + distance * wing)
                    near *= near
                    line[c] += peak * near * near + wing_peak * far * far * far


@kernel
def fill_spectra(
    spectra: Any, owner: Any, x: Any, y: Any, flux: Any, shape: Any, spread: Any, sersic: Any, mtf: Any
) -> None:
    """Fourier transforms of galaxies seen through the point spread function, around the pixel next to them.

    Parameters
    ----------
    spectra : complex64 array, shape (n, band, box, box // 2 + 1)
        Written to.
    owner, x, y, flux, spread
        As in `add_points`.
    shape : float32 array, shape (n, 4)
        Radius in pixels, axis ratio, position angle in radians (from y towards lower x), row in ``sersic``.
    sersic : float32 array, shape (index, root)
        See `profiles.SersicTable`.
    mtf : float32 array, shape (2, wave)
        See `profiles.moffat_tables`.
    """
    bands, box, columns = spectra.shape[1:]
    unit = 2 * math.pi / box
    table = np.empty(sersic.shape[1], np.float32)
    transfer = np.empty((bands, _radial_size(box)), np.float32)
    galaxy = np.empty((box, columns), np.float32)
    for s in range(len(owner)):
        _mix_rows(sersic, shape[s, 3], table)
        _transform_of_galaxy(galaxy, shape[s], table, unit)
        _transfers(transfer, spread[owner[s]], mtf, unit)
        for b in range(bands):
            _fill(spectra[s, b], galaxy, transfer[b], x[s, b], y[s, b], flux[s, b], unit)


_FINE = 4  # steps of the radial table of the transfer function in a unit of wave number


@kernel
def _radial_size(box: int) -> int:
    return int(_FINE * box * 0.7072) + 4


@kernel
def _mix_rows(sersic: Any, place: float, table: Any) -> None:
    low = min(int(place), sersic.shape[0] - 2)
    part = np.float32(place - low)
    for k in range(len(table)):
        table[k] = sersic[low, k] + part * (sersic[low + 1, k] - sersic[low, k])


@kernel
def _transform_of_galaxy(out: Any, shape: Any, table: Any, unit: float) -> None:
    box, columns = out.shape
    radius, ratio, angle = shape[0] * np.float32(unit), shape[1], shape[2]
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    step, last = np.float32(1 / ROOT_STEP), len(table) - 2
    for row in range(box):
        ky = np.float32(row if row <= box // 2 else row - box)
        for column in range(columns):
            kx = np.float32(column)
            major = ky * cosine - kx * sine
            minor = (ky * sine + kx * cosine) * ratio
            place = np.sqrt(np.sqrt(major * major + minor * minor) * radius) * step
            low = min(int(place), last)
            part = min(place - np.float32(low), np.float32(1))
            out[row, column] = table[low] + part * (table[low + 1] - table[low])


@kernel
def _transfers(out: Any, spread: Any, mtf: Any, unit: float) -> None:
    """Transform of the point spread function of each band along a radius, in steps of 1 / _FINE."""
    last = mtf.shape[1] - 2
    for b in range(out.shape[0]):
        for k in range(out.shape[1]):
            value = 0.0
            for which in range(2):
                place = min(k * unit / _FINE * spread[b, which] / MTF_STEP, last + 1.0)
                low = min(int(place), last)
                found = mtf[which, low] + (place - low) * (mtf[which, low + 1] - mtf[which, low])
                value += found * (spread[b, 2] if which else 1 - spread[b, 2])
            out[b, k] = value


@kernel
def _fill(out: Any, galaxy: Any, transfer: Any, x: float, y: float, flux: float, unit: float) -> None:
    box, columns = out.shape
    off_x, off_y = x - round(x), y - round(y)
    phase = np.empty(columns, np.complex64)
    for column in range(columns):
        turn = -unit * column * off_x
        phase[column] = complex(math.cos(turn), math.sin(turn)) * flux
    fine = np.float32(_FINE)
    for row in range(box):
        k = row if row <= box // 2 else row - box
        turn = -unit * k * off_y
        along = np.complex64(complex(math.cos(turn), math.sin(turn)))
        up = np.float32(k * k)
        for column in range(columns):
            place = np.sqrt(up + np.float32(column * column)) * fine
            low = int(place)
            value = transfer[low] + (place - np.float32(low)) * (transfer[low + 1] - transfer[low])
            out[row, column] = (value * galaxy[row, column]) * (along * phase[column])


@kernel
def add_boxes(images: Any, owner: Any, x: Any, y: Any, boxes: Any) -> None:
    """Add pictures whose middle is their pixel (0, 0), periodic; what hangs over an edge is cut."""
    box = boxes.shape[2]
    half = box // 2
    height, width = images.shape[2:]
    for s in range(len(owner)):
        for b in range(images.shape[1]):
            middle_x, middle_y = round(x[s, b]), round(y[s, b])
            left, right = max(middle_x - half, 0), min(middle_x + half, width)
            low, high = max(middle_y - half, 0), min(middle_y + half, height)
            for r in range(low, high):
                line, source = images[owner[s], b, r], boxes[s, b, (r - middle_y) % box]
                for c in range(left, right):
                    line[c] += source[(c - middle_x) % box]


@kernel
def add_noise(images: Any, normal: Any, sigma: Any, per_flux: Any, level: Any) -> None:
    """Turn clean images into observed ones.

    Parameters
    ----------
    images : float32 array, shape (m, band, y, x)
        Light of the sources; changed.
    normal : float32 array, same shape
        Standard normal numbers.
    sigma, per_flux, level : float32 array, shape (m, band)
        Noise of the empty sky, variance per flux of a source, error of the level of the sky.
    """
    for m in range(images.shape[0]):
        for b in range(images.shape[1]):
            sky, more, rest = sigma[m, b] ** 2, per_flux[m, b], level[m, b]
            for r in range(images.shape[2]):
                line, numbers = images[m, b, r], normal[m, b, r]
                for c in range(len(line)):
                    light = line[c]
                    variance = sky + more * max(light, np.float32(0))
                    line[c] = light + rest + np.sqrt(variance) * numbers[c]

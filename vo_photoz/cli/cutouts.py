"""The command ``vo-photoz cutouts``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

if TYPE_CHECKING:
    from vo_photoz.flow import FlagArray
    from vo_photoz.hips.stamps.unfinished import Unfinished

MOST_DRAWN = 40
PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg")

Output = Annotated[
    Path, typer.Option("--output", "-o", help="NAME.npz, NAME.zarr, or a folder of FITS files.")
]
Scale = Annotated[
    float | None, typer.Option(help="Side of a pixel, arcsec; by default that of the survey's tiles.")
]
Interpolation = Annotated[
    Literal["bilinear", "nearest"], typer.Option(help="How values between pixels are found.")
]
Flux = Annotated[
    Literal["native", "per_arcsec2", "per_pixel", "nJy/arcsec2"],
    typer.Option(
        help="native: per source pixel, as in the tiles; or per arcsec2, per stamp pixel, nJy/arcsec2."
    ),
]
Pictures = Annotated[
    Path | None, typer.Option(help="Also draw the first 40 sources, in colour and each band: NAME.png.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("cutouts")(cutouts)


def cutouts(
    table: given.Table,
    output: Output,
    survey: given.Survey = None,
    size: Annotated[int, typer.Option(help="Side of a stamp, pixels.")] = 64,
    scale: Scale = None,
    interpolation: Interpolation = "bilinear",
    flux: Flux = "native",
    pictures: Pictures = None,
    ra: given.Ra = None,
    dec: given.Dec = None,
    frame: given.Frame = None,
    offline: given.Offline = False,
    config: given.Config = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Cut a multi-band stamp of every source of TABLE out of a survey.

    A run that was stopped or killed goes on where it was when the same command is started again.
    """
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.hips.cutouts import cut_stamps
        from vo_photoz.hips.stamps.files import told_of, write_stamps
        from vo_photoz.hips.survey import load_survey
        from vo_photoz.tables.positions import find_positions
        from vo_photoz.tables.read import read_table

        chosen = settings.load(config, survey=survey)
        if pictures is not None:
            _need_picture(pictures)
        positions = find_positions(read_table(table), ra=ra, dec=dec, frame=frame)
        images = load_survey(chosen.survey, offline=offline)
        asked: dict[str, Any] = {
            "size": size,
            "pixel_arcsec": images.pixel_arcsec if scale is None else scale,
            "interpolation": interpolation,
            "flux": flux,
        }
        flags = write_stamps(
            output,
            positions,
            lambda some: cut_stamps(images, some, **asked, threads=chosen.threads, progress=progress),
            options={**asked, **told_of(images)},
            tell=lambda sentence: say(sentence, quiet),
            look=None if pictures is None else lambda work, flags: _draw(pictures, work, flags),
        )
        _tell(flags, quiet)
        traffic = images.traffic()
    if traffic.whole_bytes:  # of a survey on a server
        say(f"{traffic}", quiet)
    say(f"Written: {output}" + (f" and {pictures}" if pictures else ""), quiet)


def _need_picture(path: Path) -> None:
    """Refuse a name that no picture can have, before hours of cutting."""
    from vo_photoz.errors import UsageError

    if path.suffix.lower() not in PICTURES:
        raise UsageError(
            f"The picture {path} cannot be written: '{path.suffix}' is no kind of picture.",
            advice="Give a name that ends in .png.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
        if not path.stat().st_size:
            path.unlink()
    except OSError as error:
        raise UsageError(
            f"The picture {path} cannot be written: {error.strerror}.", advice="Choose another folder."
        ) from None


def _draw(path: Path, work: Unfinished, flags: FlagArray) -> None:
    """Draw the first sources that have a position."""
    import numpy as np

    from vo_photoz.analysis.contact_sheet import write_sheet
    from vo_photoz.errors import UsageError
    from vo_photoz.flow import Flag

    rows = np.flatnonzero((flags & Flag.NO_POSITION) == 0)[:MOST_DRAWN]
    stamps = np.concatenate([work.rows(row, row + 1) for row in rows.tolist()])
    known = work.known
    try:
        write_sheet(
            path, stamps, tuple(known["bands"]), [f"row {row}" for row in rows], known["pixel_arcsec"]
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The picture {path} cannot be written: {error}.", advice="Start the same command again."
        ) from None


def _tell(flags: object, quiet: bool) -> None:
    """Say how many stamps there are and what is wrong with the others."""
    import numpy as np

    from vo_photoz.flow import FLAG_MEANINGS

    bits = np.asarray(flags)
    say(f"{len(bits)} rows, {int((bits == 0).sum())} complete stamps", quiet)
    for flag, meaning in FLAG_MEANINGS.items():
        count = int((bits & flag != 0).sum())
        if count:
            say(f"   {count}: {meaning}", quiet)

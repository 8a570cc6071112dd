"""What a build is made from: recipe, survey, samples, maps, magnitudes; checked before all else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vo_photoz import __version__
from vo_photoz.datasets.recipe import Recipe, load_recipe, recipe_file
from vo_photoz.errors import CoverageError, SurveyError
from vo_photoz.hips.survey import Survey, list_surveys, load_survey
from vo_photoz.pipeline.datasets.build.magnitudes import find_magnitudes
from vo_photoz.pipeline.datasets.build.samples import SampleSource, find_samples
from vo_photoz.pipeline.datasets.build.step_folders import digest, file_digest


@dataclass(frozen=True)
class BuildInputs:
    """What a build is made from.

    Parameters
    ----------
    recipe : Recipe
        What is wanted.
    file : Path
        The file of the recipe.
    survey : Survey
        The images, wanted bands only.
    samples : list of SampleSource
        The objects.
    maps : list of Path
        Coverage maps that limit the footprint further.
    magnitudes : tuple or None
        Where the magnitudes come from, and what they hang on.
    """

    recipe: Recipe
    file: Path
    survey: Survey
    samples: list[SampleSource]
    maps: list[Path]
    magnitudes: tuple[str | Path, Any] | None

    @classmethod
    def find(cls, name_or_path: str | Path, *, offline: bool = False) -> BuildInputs:
        """Open all that a recipe names.

        Raises
        ------
        UsageError
            Raised if the recipe or a query cannot be meant.
        TableError
            Raised if a table is missing.
        SurveyError
            Raised if the survey cannot be used, or lacks a band.
        CoverageError
            Raised if a coverage map is missing.
        """
        file = recipe_file(name_or_path)
        recipe = load_recipe(name_or_path)
        survey = _open_survey(recipe, file.parent, offline)
        maps = [file.parent / Path(name).expanduser() for name in recipe.footprint.moc]
        for path in maps:
            if not path.is_file():
                raise CoverageError(f"The coverage map of the recipe does not exist: {path}.")
        samples = find_samples(recipe.sample, file.parent)
        wanted = recipe.magnitudes
        magnitudes = find_magnitudes(wanted, file.parent) if wanted is not None else None
        survey.need_photometric()
        return cls(recipe, file, survey, samples, maps, magnitudes)

    @cached_property
    def images_key(self) -> Any:
        """What footprint and stamps hang on, beside the recipe."""
        survey = self.survey
        told = [[survey.hips[band].properties.get(name) for name in _TOLD] for band in survey.bands]
        maps = [file_digest(path) for path in self.maps]
        return [file_digest(Path(survey.file)), list(survey.bands), told, maps]

    @cached_property
    def key(self) -> str:
        """Hash of all that the data set hangs on."""
        samples = [source.inputs() for source in self.samples]
        magnitudes = self.magnitudes[1] if self.magnitudes else None
        said = self.recipe.model_dump(mode="json")
        return digest([__version__, said, self.images_key, samples, magnitudes])


_TOLD = ("creator_did", "hips_release_date", "hips_order", "hips_tile_width", "hips_frame", "s_pixel_scale")
"""Properties that change when a HiPS is made anew, but not from mirror to mirror."""


def _open_survey(recipe: Recipe, folder: Path, offline: bool) -> Survey:
    """Survey of a recipe with the wanted bands only."""
    named = recipe.dataset.survey
    survey = load_survey(
        named if named in list_surveys() else folder / Path(named).expanduser(), offline=offline
    )
    wanted = recipe.stamps.bands or list(survey.bands)
    lacking = [band for band in wanted if band not in survey.bands]
    if lacking:
        raise SurveyError(
            f"The survey {survey.name} has no band '{lacking[0]}', which the recipe wants.",
            advice=f"It has {', '.join(survey.bands)}.",
        )
    return survey.only(wanted)

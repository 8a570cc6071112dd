"""Recipes of training sets: which samples, merged how, cut how, as a TOML file."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from vo_photoz.datasets.recipe_parts import (
    About,
    Cuts,
    Footprint,
    Magnitudes,
    Merge,
    Part,
    Sample,
    Split,
    StampsWanted,
)
from vo_photoz.errors import UsageError
from vo_photoz.settings import config_file

ADVICE = "See the how-to of training sets."


class Recipe(Part):
    """A whole recipe; see the classes of its parts."""

    dataset: About
    sample: list[Sample] = Field(min_length=1)
    merge: Merge = Merge()
    footprint: Footprint = Footprint()
    magnitudes: Magnitudes | None = None
    cuts: Cuts = Cuts()
    stamps: StampsWanted = StampsWanted()
    split: Split = Split()

    @model_validator(mode="after")
    def _names_fit(self) -> Recipe:
        names = [sample.name for sample in self.sample]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two samples are called {twice[0]}")
        if self.merge.precedence and sorted(self.merge.precedence) != sorted(names):
            raise ValueError(f"merge.precedence must name each sample once: {', '.join(names)}")
        return self

    @property
    def precedence(self) -> list[str]:
        """Names of the samples, the one that wins first."""
        return list(self.merge.precedence) or [sample.name for sample in self.sample]


def own_recipes() -> Path:
    """Folder of the user's recipes; a file there replaces the shipped one of the same name."""
    return config_file().parent / "recipes"


def list_recipes() -> list[str]:
    """Names of the recipes that come with the program, and of those in the user's folder."""
    return sorted(_files())


def recipe_file(name_or_path: str | Path) -> Path:
    """Where a recipe is: one of `list_recipes`, or the path given.

    Raises
    ------
    UsageError
        Raised if there is no such recipe.
    """
    path = _files().get(str(name_or_path), Path(name_or_path).expanduser())
    if not path.is_file():
        raise UsageError(
            f"There is no recipe {name_or_path}.",
            advice=f"Give a TOML file or one of: {', '.join(list_recipes())}.",
        )
    return path


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    UsageError
        Raised if there is no such recipe, or it has a key or value that cannot be meant; names the key.
    """
    path = recipe_file(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"The recipe {path} cannot be read: {error}.", url=str(path)) from None
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise UsageError(
            f"The recipe {path} is wrong{_where(error, content)}.", advice=ADVICE, url=str(path)
        ) from None


def _where(error: ValidationError, content: dict[str, Any]) -> str:
    """Place and reason of the first complaint, samples by their names."""
    first = error.errors()[0]
    steps = [str(step) for step in first["loc"]]
    if len(steps) > 1 and steps[0] == "sample" and isinstance(first["loc"][1], int):
        sample = content["sample"][first["loc"][1]]
        given = sample.get("name") if isinstance(sample, dict) else None
        steps[:2] = [f"sample '{given}'" if given else f"sample number {int(steps[1]) + 1}"]
    place = f" at {'.'.join(steps)}" if steps else ""
    if first["type"] == "extra_forbidden":
        return f"{place}: this key is not known"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason[:1].lower()}{reason[1:]}"


def _files() -> dict[str, Path]:
    shipped = Path(str(resources.files("vo_photoz") / "data" / "recipes"))
    folders = [shipped, own_recipes()]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}

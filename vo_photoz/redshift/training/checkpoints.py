"""States of a training on disk: arrays and a few words in one file that is replaced whole.

No pickle and no code is in them: an .npz of arrays, among them the text of a JSON object.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import ModelError

VERSION = 1
Arrays = list[NDArray[Any]]


@dataclass
class State:
    """All that the rest of the training of a network depends on.

    Parameters
    ----------
    member : int
        Number of the network, from 0.
    epoch : int
        Epochs that are finished.
    shown : int
        Stamps shown in the epoch that is not.
    loss_sum : float
        Sum of the losses of these.
    batch : int
        Stamps a step.
    stalled : int
        Epochs since the score was last beaten.
    finished : bool
        Whether only the best weights are left.
    best_epoch : int
        0 while none counts.
    best_score : float
        Score of the early stopping objects then.
    network, optimiser : list of array
        All variables: weights, states of the random generators; moments, number of steps.
    mean, best : list of array
        Running mean of the weights, and that of the best epoch.
    """

    member: int
    batch: int
    epoch: int = 0
    shown: int = 0
    loss_sum: float = 0.0
    stalled: int = 0
    finished: bool = False
    best_epoch: int = 0
    best_score: float = float("inf")
    network: Arrays = field(default_factory=list, repr=False)
    optimiser: Arrays = field(default_factory=list, repr=False)
    mean: Arrays = field(default_factory=list, repr=False)
    best: Arrays = field(default_factory=list, repr=False)


GROUPS = ("network", "optimiser", "mean", "best")


def write_state(state: State, path: Path) -> None:
    """Write a state; whenever the process is killed, the old or the new file is there, whole."""
    arrays = {f"{group}/{k:04}": one for group in GROUPS for k, one in enumerate(getattr(state, group))}
    words = {name: value for name, value in vars(state).items() if name not in GROUPS}
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, state=np.array(json.dumps({**words, "version": VERSION})), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read_state(path: Path) -> State:
    """Read what `write_state` wrote.

    Raises
    ------
    ModelError
        Raised if the file is damaged or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            words = json.loads(str(file["state"]))
            if words.pop("version") != VERSION:
                raise ModelError(
                    f"{path} was written by another version of this program.",
                    advice=f"Remove {path.parent} and train anew, or use that version.",
                )
            names = sorted(name for name in file.files if "/" in name)
            groups: dict[str, Arrays] = {group: [] for group in GROUPS}
            for name in names:
                groups[name.split("/")[0]].append(file[name])
        state = State(**words)
        for group, arrays in groups.items():
            setattr(state, group, arrays)
        return state
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"The state {path} of a training cannot be read: {str(error).splitlines()[0]}.",
            advice=f"Remove the file to train this network anew, or {path.parent} to train all.",
        ) from None

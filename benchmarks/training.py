"""How fast a network learns, and whether its steps wait for the stamps: varied stamps against ready ones.

The candidates: steps on stamps that lie ready in memory, the floor; the training as it is, whose stamps are
turned, blurred, dimmed and moved by a thread that runs ahead; the same with the stamps varied between the
steps; and varying alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from alternate import alternate, report

BANDS, SIDE, STAMPS, BATCH = 5, 28, 8192, 64


def main(rounds: int = 5) -> None:
    """Print rates and ratios."""
    from vo_photoz.redshift.training.mixing import made_ahead

    plan, member = one_member()
    ready = plan.mixture.stamps((1, 0), 0, STAMPS, plan.variations)
    half = STAMPS // 2

    def steps(shown: Any) -> None:
        member.network.fit(shown.pixels, shown.labels, batch_size=BATCH, shuffle=False, verbose=0)

    def varied(first: int) -> Any:
        return plan.mixture.stamps((1, 0), first, half, plan.variations)

    def in_turns() -> None:
        for first in (0, half):
            steps(varied(first))

    def ahead() -> None:
        for shown in made_ahead(varied, (0, half), 1):
            steps(shown)

    steps(ready)
    print(f"compact, {STAMPS} stamps of {BANDS} x {SIDE} x {SIDE}, {BATCH} a step: a pass with its gradients")
    candidates = {
        "steps on ready stamps": lambda: steps(ready),
        "stamps varied ahead by a thread, as it is": ahead,
        "stamps varied between the steps": in_turns,
        "varying alone": lambda: [varied(first) for first in (0, half)],
    }
    report(alternate(candidates, rounds), per=STAMPS)


def one_member() -> tuple[Any, Any]:
    """A plan and a network, on point sources that lie in memory."""
    from vo_photoz.redshift.options import TrainingOptions
    from vo_photoz.redshift.training.hardware import choose_hardware
    from vo_photoz.redshift.training.member import Member
    from vo_photoz.redshift.training.mixing import Mixture
    from vo_photoz.redshift.training.plan import plan_training

    options = TrainingOptions(batch=BATCH)
    coefficients = (4.239, 3.303, 2.285, 1.698, 1.263)
    plan = plan_training(
        Mixture([InMemory()], [1.0]), options, choose_hardware(options), extinction=coefficients
    )
    return plan, Member(plan, 0, log=print, keep=lambda _: None)


class InMemory:
    """Point sources on noise."""

    name, size, varied = "memory", STAMPS, True

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        offset = np.arange(SIDE) - (SIDE - 1) / 2
        psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.5**2)
        flux = 10 ** rng.uniform(3, 5, (STAMPS, BANDS))
        noise = rng.normal(0, 1000, (STAMPS, BANDS, SIDE, SIDE))
        self.pixels = (flux[:, :, None, None] * psf + noise).astype(np.float32)
        self.labels = np.stack([rng.uniform(0, 5, STAMPS), np.full(STAMPS, -1.0)], 1).astype(np.float32)

    def stamps(self, _seed: Any, first: int, count: int) -> Any:
        """Some of them."""
        from vo_photoz.redshift.training.sources import Shown

        rows = np.arange(first, first + count) % STAMPS
        return Shown(self.pixels[rows], self.labels[rows])


if __name__ == "__main__":
    main()

"""The service as `vo-photoz serve` composes it, with a stand-in for the prediction."""

from __future__ import annotations

from vo_photoz.cli.foreground import leave, stop_signals, wait_for
from vo_photoz.cli.serve import running
from vo_photoz.settings import load

if __name__ == "__main__":
    with stop_signals() as stop, running(load(), predictor="stand_in:run") as (service, page):
        print(f"page {page}", flush=True)
        wait_for(stop)
    leave()

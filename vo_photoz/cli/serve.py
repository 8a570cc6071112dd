"""The command ``vo-photoz serve``: SAMP, the page and the predictions, composed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, say
from vo_photoz.cli.foreground import leave, stop_signals, wait_for
from vo_photoz.errors import PhotozError, UsageError

if TYPE_CHECKING:
    from vo_photoz.pipeline.service.job import Job
    from vo_photoz.pipeline.service.store import JobStore
    from vo_photoz.samp.service import Service
    from vo_photoz.settings import Settings
    from vo_photoz.web.server import Server

LOG_BYTES = 5_000_000
log = logging.getLogger("vo_photoz.serve")


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("serve")(serve)


def serve(
    survey: given.Survey = None,
    model: given.Model = None,
    runtime: given.RuntimeName = None,
    crossmatch: Annotated[
        list[str] | None, typer.Option(help="Query or table joined to every prediction (repeatable).")
    ] = None,
    hub: Annotated[
        Literal["auto", "start", "none"] | None,
        typer.Option(help="auto: use a running SAMP hub or start ours; start: always ours; none: page only."),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the page; 0 takes the one used last.")] = None,
    config: given.Config = None,
    accept_waiting: Annotated[
        bool, typer.Option("--accept-waiting", help="Large tables do not wait for your word.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Serve TOPCAT, Aladin and other programs over SAMP until Ctrl-C.

    Send a table with positions; it comes back with redshift densities. The address of the page, where every
    job and every density is shown, is printed.
    """
    with errors_told(debug), stop_signals() as stop:
        from vo_photoz.settings import load

        settings = load(
            config, survey=survey, model=model, runtime=runtime, crossmatch=crossmatch, hub=hub, port=port
        )
        if accept_waiting:
            settings = settings.model_copy(update={"confirm_rows": sys.maxsize})
        with running(settings, quiet=quiet, debug=debug) as (service, page):
            say(_greeting(service, page), quiet)
            wait_for(stop)
            say("Stopping.", quiet)
    leave()


@contextmanager
def running(
    settings: Settings, *, predictor: str | None = None, quiet: bool = False, debug: bool = False
) -> Iterator[tuple[Service, str]]:
    """Run the service within the block.

    Parameters
    ----------
    settings : Settings
        Of this run.
    predictor : str or None
        Function that predicts, as "module:name"; None takes the real one.
    quiet, debug : bool
        Whether the terminal is not told of jobs; whether the log tells more.

    Yields
    ------
    tuple
        The service, registered and at work, and the address of its page.
    """
    # Registering comes first and loads only what it needs; the page follows; the model waits for a job.
    from vo_photoz.pipeline.service.engine import PREDICTOR, WorkerProcess
    from vo_photoz.pipeline.service.store import JobStore
    from vo_photoz.pipeline.store_lock import hold
    from vo_photoz.samp.service import Service

    with hold(settings.data_dir):
        _log_to(settings.log_dir, debug)
        store = JobStore(settings.data_dir)
        engine = WorkerProcess(predictor or PREDICTOR, log=settings.log_dir / "predictions.log")
        service = Service(
            store,
            engine,
            settings,
            options=_options(settings),
            hub=settings.hub,
            on_news=lambda job: say(_news(job), quiet),
            on_trouble=lambda sentence: say(sentence, quiet),
        )
        server: Server | None = None
        try:
            service.register()
            server = _serve_page(store, settings.port)
            service.start()
            yield service, f"{server.url}/{store.token}/"
        finally:
            service.stop()
            if server is not None:
                server.stop()
            store.close()


def _options(settings: Settings) -> dict[str, Any]:
    """What the settings ask of a prediction; files are named absolutely."""

    def absolute(name: str) -> str:
        return str(Path(name).resolve()) if Path(name).exists() else name

    return {
        "survey": absolute(settings.survey),
        "model": absolute(settings.model),
        "runtime": settings.runtime,
        "crossmatch": [absolute(one) for one in settings.crossmatch],
        "radius_arcsec": settings.radius_arcsec,
        "z_min": settings.z_min,
        "ebv_map": str(settings.ebv_map.resolve()) if settings.ebv_map else None,
        "ebv_high": settings.ebv_high,
    }


def _serve_page(store: JobStore, port: int) -> Server:
    """Serve the page on the port asked for, else the one used last, else a free one."""
    from vo_photoz.web.app import create_app
    from vo_photoz.web.server import serve_in_thread

    app = create_app(store, store.token)
    try:
        server = serve_in_thread(app, port or store.port)
    except UsageError:
        if port or not store.port:
            raise
        log.warning("port %d is taken: addresses in earlier results lead nowhere", store.port)
        server = serve_in_thread(app, 0)
    store.port = server.port
    return server


def _log_to(folder: Path, debug: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            folder / "service.log", maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8"
        )
    except OSError as error:
        raise PhotozError(
            f"The log folder {folder} cannot be used: {error.strerror}.", advice="Set log_dir to another."
        ) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("vo_photoz").setLevel(logging.DEBUG if debug else logging.INFO)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells every request
    logging.captureWarnings(True)


def _greeting(service: Service, page: str) -> str:
    if service.hub is None:
        samp = "No SAMP (--hub none)."
    elif service.hub.own_hub_runs:
        samp = "Registered with our own SAMP hub as vo_photoz."
    elif service.hub.is_registered:
        samp = "Registered with the running SAMP hub as vo_photoz."
    else:
        samp = "There is no SAMP hub yet."
    return f"{samp}\nThe page is {page}\nSend a table to vo_photoz. Ctrl-C stops the service."


def _news(job: Job) -> str:
    about = f"{job.name} ({job.n_rows} rows) from {job.sender or 'nobody'}"
    if job.error:
        return f"{about}: {job.error}"
    if job.state == "waiting":
        return f"{about} is large and waits for your word on {job.page or 'its page'}"
    return f"{about}: {job.state}"

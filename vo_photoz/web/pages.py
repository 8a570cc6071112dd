"""HTML pages from the templates in pages/; every value is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.resources import files as resources

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from vo_photoz.pipeline.service.job import Job, State
from vo_photoz.web.job_files import JobFiles

ROWS_A_PAGE = 100
REFRESH_SECONDS = 3
CLICK_SECONDS = 1
"""The page of the clicked row looks so often for another click."""

MOVING = (State.RECEIVED, State.QUEUED, State.RUNNING)
"""States that change by themselves: pages load anew."""


class Pages:
    """The pages of one service.

    Parameters
    ----------
    token : str
        First part of every path.
    """

    def __init__(self, token: str) -> None:
        self.base = f"/{token}"
        self.home = f"{self.base}/"
        loader = PackageLoader("vo_photoz.web", "pages")
        self._templates = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters |= {"redshift": _redshift, "when": _when}
        self._templates.globals |= {"base": self.base, "WAITING": State.WAITING}

    def jobs(self, jobs: Sequence[Job]) -> HTMLResponse:
        """All jobs; loads itself again while one is on its way."""
        refresh = REFRESH_SECONDS if any(job.state in MOVING for job in jobs) else None
        return self._page("jobs.html", jobs=jobs, refresh=refresh)

    def job(self, job: Job, files: JobFiles | None, page: int) -> HTMLResponse:
        """A job and, when it is done, a page of its rows."""
        pages = max(1, -(-len(files) // ROWS_A_PAGE)) if files else 1
        page = min(max(page, 1), pages)
        start = (page - 1) * ROWS_A_PAGE
        rows = files.rows(start, start + ROWS_A_PAGE) if files else []
        refresh = REFRESH_SECONDS if job.state in MOVING else None
        return self._page("job.html", job=job, rows=rows, page=page, pages=pages, refresh=refresh)

    def row(self, job: Job, files: JobFiles, index: int, *, follows_clicks: bool = False) -> HTMLResponse:
        """One row: picture, numbers, flags in words; with ``follows_clicks`` it looks for the next click."""
        return self._page(
            "row.html",
            job=job,
            row=files.row(index),
            modes=files.modes(index),
            n_rows=len(files),
            refresh=CLICK_SECONDS if follows_clicks else None,
        )

    def nothing_clicked(self) -> HTMLResponse:
        """What the page of the clicked row says before the first click."""
        return self._page("clicked.html", refresh=CLICK_SECONDS)

    def problem(self, status: int, sentence: str, *, linked: bool = True) -> HTMLResponse:
        """One sentence on what went wrong; without links for whoever does not know the token."""
        title = HTTPStatus(status).phrase
        return self._page(
            "problem.html", status, title=title, sentence=sentence, base=self.base if linked else ""
        )

    def asset(self, name: str, media_type: str) -> Response:
        """A file that pages load."""
        content = resources("vo_photoz.web").joinpath("pages", name).read_bytes()
        return Response(content, media_type=media_type)

    def _page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        text = self._templates.get_template(template).render(**{"refresh": None, **values})
        return HTMLResponse(text, status_code=status)


def _when(moment: datetime) -> str:
    """A moment in UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _redshift(value: float | None) -> str:
    """A redshift with three decimals; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"

"""Every address of the local page; all lie below the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from vo_photoz.errors import JobError
from vo_photoz.pipeline.service.job import Job, State
from vo_photoz.pipeline.service.store import JobStore
from vo_photoz.web.job_files import JobFiles, open_files
from vo_photoz.web.pages import Pages
from vo_photoz.web.pictures import png
from vo_photoz.web.security import require_our_page, same_token

JOBS_SHOWN = 200
READ = ["GET", "HEAD"]
VOTABLE = "application/x-votable+xml"


@dataclass(frozen=True)
class Site:
    """What all addresses share; kept in ``app.state.site``.

    Parameters
    ----------
    store : JobStore
        The jobs.
    pages : Pages
        Makes HTML.
    token : str
        First part of every path.
    """

    store: JobStore
    pages: Pages
    token: str


def find_site(request: Request, token: str) -> Site:
    """The site, for whoever knows the token; 404 is raised for everybody else."""
    site: Site = request.app.state.site
    if not same_token(token, site.token):
        raise HTTPException(404)
    return site


def find_job(site: Annotated[Site, Depends(find_site)], job_id: str) -> Job:
    """The job of the path."""
    return site.store.get(job_id)


def find_files(job: Annotated[Job, Depends(find_job)]) -> JobFiles:
    """The files of the job of the path; 409 is raised until it is done."""
    _require_done(job)
    return open_files(job.folder)


TheSite = Annotated[Site, Depends(find_site)]
TheJob = Annotated[Job, Depends(find_job)]
TheFiles = Annotated[JobFiles, Depends(find_files)]

router = APIRouter(prefix="/{token}")


@router.api_route("/", methods=READ)
def show_jobs(site: TheSite) -> HTMLResponse:
    """Show all jobs."""
    return site.pages.jobs(site.store.list(JOBS_SHOWN))


@router.api_route("/style.css", methods=READ)
def style(site: TheSite) -> Response:
    """Give the style sheet."""
    return site.pages.asset("style.css", "text/css")


@router.api_route("/icon.svg", methods=READ)
def icon(site: TheSite) -> Response:
    """Give the icon of the browser's tab."""
    return site.pages.asset("icon.svg", "image/svg+xml")


@router.api_route("/clicked", methods=READ)
def show_clicked(site: TheSite) -> HTMLResponse:
    """Show the row that was clicked last in TOPCAT or Aladin, and follow the clicks."""
    if site.store.shown is None:
        return site.pages.nothing_clicked()
    job_id, row = site.store.shown
    job = site.store.get(job_id)
    files = find_files(job)
    return site.pages.row(job, files, row, follows_clicks=True)


@router.api_route("/jobs/{job_id}", methods=READ)
def show_job(site: TheSite, job: TheJob, page: str = "1") -> HTMLResponse:
    """Show a job and a page of its rows."""
    files = open_files(job.folder) if job.state == State.DONE else None
    return site.pages.job(job, files, int(page) if page.isdecimal() and len(page) < 10 else 1)


@router.post("/jobs/{job_id}/confirm", dependencies=[Depends(require_our_page)])
def confirm(site: TheSite, job: TheJob) -> RedirectResponse:
    """Let a waiting job run, when our own page says so."""
    site.store.confirm(job.id)
    return RedirectResponse(site.pages.home, status_code=303)


@router.api_route("/jobs/{job_id}/result.vot", methods=READ)
def result(job: TheJob) -> FileResponse:
    """Give the whole result, never a part of one."""
    _require_result(job)
    return FileResponse(job.result, media_type=VOTABLE)


@router.api_route("/jobs/{job_id}/result-binary2.vot", methods=READ)
def compact(job: TheJob) -> FileResponse:
    """Give the same in BINARY2, for clients that read its nulls."""
    _require_result(job)
    from vo_photoz.pipeline.service.run import compact_result  # noqa: PLC0415 - needs numpy and more

    return FileResponse(compact_result(job), media_type=VOTABLE)


@router.api_route("/jobs/{job_id}/rows/{row:int}.png", methods=READ)
def row_picture(row: int, files: TheFiles) -> Response:
    """Draw a row."""
    return _picture(files, row)


@router.api_route("/jobs/{job_id}/rows/{row:int}", methods=READ)
def show_row(site: TheSite, row: int, job: TheJob, files: TheFiles) -> HTMLResponse:
    """Show a row."""
    return site.pages.row(job, files, row)


@router.api_route("/jobs/{job_id}/pz", methods=READ)
def density(request: Request, site: TheSite, job: TheJob, files: TheFiles) -> Response:
    """Draw or show a row, for the service descriptor of the result; names are case-insensitive (DALI 1.1)."""
    given = {name.lower(): value for name, value in request.query_params.items()}
    row = _row_number(given.get("row", ""))
    if given.get("format", "png").lower() == "html":
        return site.pages.row(job, files, row)
    return _picture(files, row)


def _picture(files: JobFiles, row: int) -> Response:
    return Response(png(files.picture(row)), media_type="image/png")


def _require_result(job: Job) -> None:
    _require_done(job)
    if not job.result.is_file():
        raise JobError("The result of this job is no longer here.", advice="Send the table again.")


def _require_done(job: Job) -> None:
    """Raise 409 until the job is done: its files are not complete."""
    if job.state != State.DONE:
        raise HTTPException(409, f"This job is {job.state}: there is no result yet.")


def _row_number(text: str) -> int:
    """A number, or the address of the row's page: clients fill the parameter in from the column pz_url."""
    text = text.rpartition("/rows/")[2]
    if not text.isdecimal() or len(text) > 12:
        raise HTTPException(400, "The parameter row must be a number, counted from 0: pz?row=7.")
    return int(text)

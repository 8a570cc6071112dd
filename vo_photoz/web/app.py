"""The local page: jobs, their rows, pictures of densities, and the results that other programs fetch."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from vo_photoz.errors import JobError, PhotozError
from vo_photoz.pipeline.service.store import JobStore
from vo_photoz.web.pages import Pages
from vo_photoz.web.routes import Site, router
from vo_photoz.web.security import HEADERS, HOSTS, SecurityHeaders, same_token

SENTENCES = {404: "There is no such page.", 405: "This address cannot be used that way."}


def create_app(store: JobStore, token: str) -> FastAPI:
    """Build the page of the service.

    Parameters
    ----------
    store : JobStore
        Where jobs and the folders of their files are known.
    token : str
        First part of every path; whoever does not know it gets 404. The store keeps one.

    Returns
    -------
    fastapi.FastAPI
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="vo_photoz")
    app.state.site = Site(store, Pages(token), token)
    app.include_router(router)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    app.add_middleware(SecurityHeaders)
    app.exception_handler(AnyHTTPException)(_http_error)
    app.exception_handler(PhotozError)(_our_error)
    app.exception_handler(Exception)(_unexpected)
    return app


def _http_error(request: Request, error: AnyHTTPException) -> HTMLResponse:
    ours = isinstance(error, HTTPException) and error.status_code not in SENTENCES
    return _tell(
        request, error.status_code, error.detail if ours else SENTENCES.get(error.status_code, error.detail)
    )


def _our_error(request: Request, error: PhotozError) -> HTMLResponse:
    return _tell(request, 404 if isinstance(error, JobError) else 500, str(error))


def _unexpected(request: Request, error: Exception) -> HTMLResponse:
    answer = _tell(
        request, 500, f"The page failed ({type(error).__name__}). The log of the service says more."
    )
    answer.headers.update(HEADERS)  # this one is made outside the middleware
    return answer


def _tell(request: Request, status: int, sentence: str) -> HTMLResponse:
    """A page of one sentence; whoever does not know the token learns nothing."""
    site: Site = request.app.state.site
    given = request.url.path.lstrip("/").split("/", maxsplit=1)[0]
    if not same_token(given, site.token):
        return site.pages.problem(404, SENTENCES[404], linked=False)
    return site.pages.problem(status, sentence)

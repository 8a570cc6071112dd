"""What stands on a desktop in one test: a hub, the service, a recorder, and the clients."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

from tests.clients.aladin import Aladin
from tests.clients.cells import Document
from tests.clients.desktop import Desktop, until
from tests.clients.hubs import Hub
from tests.clients.recorder import Recorder
from tests.clients.service import NAME, Service
from tests.clients.topcat import Topcat


class Scene:
    """A hub with a recorder; service and clients are started by the fixtures and tests.

    Parameters
    ----------
    desktop : Desktop
        Where all of it is.
    sky : Path
        Folder of the sandbox.
    hub : {"pyvo", "jsamp", "ours", "topcat"}
        Whose hub: the latter are those that our service and TOPCAT start themselves, which run from then on.
    """

    def __init__(self, desktop: Desktop, sky: Path, hub: str) -> None:
        self.desktop, self.sky = desktop, sky
        self.hub = Hub(desktop, hub)
        self.service = Service(desktop, sky, Path(mkdtemp(prefix="data-", dir=desktop.folder)))
        if hub == "ours":
            self.service.launch()
        elif hub == "topcat":
            desktop.start(Topcat.name, ["topcat", "-samp", "-memory", "-hub"])
        else:
            self.hub.start()
        self.recorder = Recorder(desktop.lockfile, after_topcat=hub == "topcat")
        self.topcat = Topcat(desktop, self.recorder)
        self.aladin = Aladin(desktop, self.recorder)

    def close(self) -> None:
        """End all of it; the desktop stays."""
        for one in (self.topcat, self.aladin, self.service):
            one.stop()
        self.recorder.leave()
        self.hub.stop()

    def topcat_sends(self) -> Document:
        """TOPCAT broadcasts its current table; what it holds as the answer."""
        before = self.topcat.n_tables()
        table_id = self.topcat.broadcast().params["table-id"]
        self.service.wait_job(table_id, "done")
        return self.topcat.wait_held(before + 1)

    def aladin_sends(self, plane: str) -> Document:
        """Aladin broadcasts a plane; what it holds as the answer."""
        before = set(self.aladin.planes())
        table_id = self.aladin.broadcast(plane).params["table-id"]
        self.service.wait_job(table_id, "done")
        new = until(lambda: set(self.aladin.planes()) - before, 120, "a new plane in Aladin")
        return self.aladin.wait_held(new.pop())

    def hub_restarts(self, *, suddenly: bool) -> None:
        """The hub ends, in the orderly way or as in a crash, and another of its kind starts."""
        if suddenly:
            self.hub.kill()
        else:
            self.hub.stop()
        self.hub.start()
        self.recorder.join(after_topcat=not suddenly)
        self.recorder.wait_client(NAME)

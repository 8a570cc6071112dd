"""pyvo's SAMP hub in the foreground, loopback only, at the lockfile that SAMP_HUB names; ends on SIGTERM."""

import signal
import threading

from pyvo import samp

# Without this the hub looks for a public web host and binds to the full host name.
samp.conf.use_internet = False

ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
hub = samp.SAMPHubServer(addr="127.0.0.1", web_profile=False, label="pyvo's hub of the client tests")
hub.start()
ended.wait()
hub.stop()

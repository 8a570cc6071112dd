"""``python -m vo_photoz`` is the command ``vo-photoz``."""

from vo_photoz.cli.main import main

main()

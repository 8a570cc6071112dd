"""The command vo-photoz, one file a command group."""

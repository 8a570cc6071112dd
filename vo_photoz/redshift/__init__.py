"""The network and its mixtures: the only room that knows keras."""

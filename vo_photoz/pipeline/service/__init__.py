"""Jobs of the service: what came in, the durable store, the process that works on them."""

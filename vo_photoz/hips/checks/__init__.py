"""Whether the pixels of a survey can be trusted: what it serves, what its tiles hold, photometry of stars."""

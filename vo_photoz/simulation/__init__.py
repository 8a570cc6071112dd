"""A physical sky: spectra, filters, populations, stamps."""

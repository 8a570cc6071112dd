"""Spectra of quasars: components, what differs between quasars, exact spectra, fast band fluxes."""

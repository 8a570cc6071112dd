"""Tables that are no VOTable: FITS, Parquet, text, and ensembles of qp."""

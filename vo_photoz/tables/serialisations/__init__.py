"""Rows of a VOTable as TABLEDATA, BINARY and BINARY2."""

"""Queries: files with a header and ADQL, their parameters, their places for positions, and their check."""

from vo_photoz.tap.queries.files import is_query, list_queries, load_query, own_folders, shipped_folder
from vo_photoz.tap.queries.query import Parameter, Query
from vo_photoz.tap.queries.text import parse_query

__all__ = [
    "Parameter",
    "Query",
    "is_query",
    "list_queries",
    "load_query",
    "own_folders",
    "parse_query",
    "shipped_folder",
]

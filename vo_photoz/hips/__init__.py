"""Surveys as a file system of pixels (HiPS): definitions, tiles, stamps."""

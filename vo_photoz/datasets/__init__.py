"""Training sets at rest: images in Zarr, rows in Parquet, splits and augmentation."""

"""One file per kind of value. Importing this package fills the registry `MODALITIES`."""

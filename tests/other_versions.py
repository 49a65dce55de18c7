"""What a dask worker loads at its start to be as if it had another NumPy."""

from repro.records import provenance

versions = {**provenance.versions(), "numpy": "0.1"}
provenance.versions = lambda: versions  # type: ignore[assignment]

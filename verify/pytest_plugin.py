"""The checks of a submission as pytest items: `pytest --grade PATH`."""

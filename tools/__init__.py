"""The commands: `tfl-depth NAME` is `NAME.py`."""

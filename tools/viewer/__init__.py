"""The page of `tfl-depth view`: its server, its data, and in static/ its files."""

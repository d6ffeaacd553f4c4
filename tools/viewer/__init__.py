"""The page of `tfl-depth view`: what computes, what serves, and in static/ what is shown."""

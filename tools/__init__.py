"""The commands, `tfl-depth NAME`, and what they share."""

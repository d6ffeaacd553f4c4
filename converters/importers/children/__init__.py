"""What runs in other environments, where tfl_depth is not installed."""

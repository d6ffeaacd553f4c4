"""The quality of depth: metrics, confidence intervals, MACs and charts."""

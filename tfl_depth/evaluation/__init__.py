"""The quality of depth: metrics, confidence intervals, MACs and a chart of reliability."""

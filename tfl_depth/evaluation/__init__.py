"""How good depth is: metrics, intervals, computation, and charts of them."""

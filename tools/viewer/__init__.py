"""tools/view's page: what computes, what serves, and in static/ what the browser runs."""

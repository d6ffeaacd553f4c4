"""What is done to weights before they are quantised: each a step on a `Workpiece`."""

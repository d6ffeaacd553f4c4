"""Engines: what runs a network, in this process, in another or on an NPU."""

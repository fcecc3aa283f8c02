"""Benchmarks: how fast the parts are on the machine at hand. Run them with ``python -m bench.core``."""

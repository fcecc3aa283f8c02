"""Benchmarks of the extender: its answers alone (``python -m bench.extender.answers``), and kube-scheduler with it."""

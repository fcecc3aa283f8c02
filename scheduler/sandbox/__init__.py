"""A cluster in this process: what the demo runs on, and what the fast tests run against.

Owns an API server, an OCI registry and kubelets that speak the real protocols over loopback, so that the scheduler
under them is the one that runs anywhere else. `api_server` and `registry` are the two ways in; nothing but the demo,
the tests and the benchmarks imports this package.
"""

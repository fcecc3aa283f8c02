"""Thin asynchronous drivers: what comes in from watches and registries. They decide nothing."""

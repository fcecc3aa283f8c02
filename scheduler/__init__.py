"""A Kubernetes scheduler that places pods on nodes their images were built for.

The packages stand in layers, and imports run one way only, downwards:

    cli -> app | commands -> loops | sandbox -> kube | oci | telemetry -> config
        -> plugins -> framework -> queue | cluster -> images -> api

Everything from ``plugins`` down is pure: no await, no clock, no randomness, no logging, no client.
"""

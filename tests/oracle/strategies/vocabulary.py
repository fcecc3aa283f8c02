"""The few names and values that everything is built from, so that pods and nodes meet."""

from __future__ import annotations

from tests.oracle.recordings import Object

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"
RACK = "rack"

ZONES = ("za", "zb", "zc")

PLACES: tuple[dict[str, str], ...] = (
    {ZONE: "za", REGION: "r1"},
    {ZONE: "za", REGION: "r1", RACK: "k1"},
    {ZONE: "zb", REGION: "r1"},
    {ZONE: "zb", REGION: "r1", RACK: "k2"},
    {ZONE: "zc", REGION: "r2", RACK: "k1"},
    {RACK: "k2"},
    {},
)
"""Where nodes are; some know it only in part."""

NAMESPACES: dict[str, dict[str, str]] = {
    "default": {},
    "team-a": {"team": "a", "env": "prod"},
    "team-b": {"team": "b", "env": "dev"},
}

POD_LABELS: tuple[dict[str, str], ...] = (
    {"app": "web", "version": "v1"},
    {"app": "web", "version": "v2"},
    {"app": "web"},
    {"app": "db"},
    {"app": "db", "track": "canary"},
    {"app": "cache", "version": "v1", "track": "canary"},
    {},
)

NODE_SIZES: tuple[Object, ...] = (
    {"cpu": "4", "memory": "8Gi", "pods": "110"},
    {"cpu": "8", "memory": "16Gi", "pods": "110"},
    {"cpu": "7910m", "memory": "15500Mi", "pods": "110"},
    {"cpu": "2", "memory": "4Gi", "pods": "8"},
)

REQUESTS: tuple[Object, ...] = (
    {},
    {"cpu": "100m"},
    {"memory": "200Mi"},
    {"cpu": "500m", "memory": "1Gi"},
    {"cpu": "1", "memory": "512Mi"},
)

NOW = "2026-03-01T00:00:00Z"

PRIORITY_CLASSES: dict[str, Object] = {
    "low": {"value": -10},
    "high": {"value": 100},
    "urgent": {"value": 1000},
    "patient": {"value": 1000, "preemptionPolicy": "Never"},
}

"""What the process serves to probes, Prometheus and people: health, metrics, its configuration, its last decisions."""

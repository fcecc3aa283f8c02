"""What kube-scheduler and an extender say to each other (``extender/v1``), as bytes and as structs. Pure."""

"""The extender: image platforms for the kube-scheduler that a cluster runs already. Start at ``cli``, then ``app``."""

"""The picture of the cluster in columns: what nodes are, what is placed on them. Start at ``cache``."""

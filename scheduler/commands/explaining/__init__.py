"""``explain pod``: why one pod of a live cluster is where it is, or nowhere."""

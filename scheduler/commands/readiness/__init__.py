"""``report``: on which platforms the workloads of a cluster could run today, and which images keep them from it."""

"""The plugins, one file each, named as kube-scheduler names them. Which of them run, and in which order: catalogue."""

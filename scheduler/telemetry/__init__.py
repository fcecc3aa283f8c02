"""What the scheduler tells its operators: metrics, logs, health. It observes and never decides."""

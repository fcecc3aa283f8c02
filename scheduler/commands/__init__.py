"""What the commands do, apart from running the scheduler. ``scheduler.cli`` parses their words and calls them."""

"""What an operator can set, and the strict reading of it. Start at ``settings``."""

"""Storage as scheduling sees it: what exists, what is attached and in use where. Start at ``volumes``."""

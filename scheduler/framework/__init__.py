"""The scheduling framework: extension points, profiles, and the cycle that decides. Start at ``cycle``."""

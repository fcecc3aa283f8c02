"""What is peculiar to a kind: what is written for its creator, what is refused, what acts on it."""

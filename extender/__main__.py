"""``python -m extender``."""

from extender.cli import main

main(prog_name="multiarch-extender")

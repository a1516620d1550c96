"""``python -m careseal.cli``."""

from careseal.cli import main

main()

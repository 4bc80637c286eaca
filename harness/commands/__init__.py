"""The commands of `python -m harness`, one module a command: JSON Lines in, JSON Lines out."""

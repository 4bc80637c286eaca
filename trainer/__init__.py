"""The trainer: makes the candidates that the harness measures. Run it with `python -m trainer`."""

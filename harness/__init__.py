"""Measures whether a small function-calling model makes the right calls, and says why when it does not."""

"""Benchmarks: what decoding, reading and judging cost."""

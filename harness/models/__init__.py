"""Models under test: the matrix of cells, candidates on disk, loading and exact decoding."""

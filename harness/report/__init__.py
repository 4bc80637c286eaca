"""Records of runs: rows, statistics, and the tables a terminal shows of them."""

"""The same tokens however they are computed: engine and `generate`, adapter and merged, a batch and a prompt alone."""

"""A run: cases measured in cells, lazily and a batch at a time, without knowing who asks or where the models are."""

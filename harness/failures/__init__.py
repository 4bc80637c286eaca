"""Known failures: what each is called, what causes it, and the detectors that tell it from the evidence."""

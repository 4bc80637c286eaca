"""Function sets, the call syntax, prompts and the judge: all that is known about calls without running a model."""

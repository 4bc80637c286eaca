"""Every known failure that training and saving can cause: made for real, caught by its code, and seen with own eyes."""

"""Every operation, once: a definition on arrays and a gradient rule for each input."""

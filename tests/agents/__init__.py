"""Real agents, installed from the npm registry, against a collector and a scripted model."""

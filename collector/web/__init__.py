"""HTTP for people and programs: SQL endpoint, health, metrics."""

"""Adapters: one small file an agent."""

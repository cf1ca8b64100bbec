"""Plugins: named changes to how an agent is set up, applied per run."""

from .apply import behavior_mode, secrets
from .plugin import Plugin, PluginError, find, load, shipped

__all__ = ["Plugin", "PluginError", "behavior_mode", "find", "load", "secrets", "shipped"]

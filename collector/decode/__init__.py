"""OTLP requests to rows of the base tables and back: batch.py, write_back.py, from_json.py.

Nothing is imported here: the receiver needs from_json.py alone, without Arrow.
"""

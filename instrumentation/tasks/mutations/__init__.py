"""Mutation tasks: one token of a library is changed so that its own tests fail."""

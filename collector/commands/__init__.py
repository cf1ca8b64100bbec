"""What the commands do, one module each; cli.py reads their arguments."""

"""SQL that turns spans into runs, calls, time, failures and scores."""

from greeting import greet

assert greet("Ada") == "Hello, Ada!"

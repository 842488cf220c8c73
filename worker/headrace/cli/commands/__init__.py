"""The commands: each parses its flags, makes a call and prints the answer."""

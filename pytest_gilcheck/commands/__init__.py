"""The verbs of the ``gilcheck`` command, a module each, whose ``main(arguments)`` returns the exit status."""

"""Events of long work, and the callback that they go to; who shows them stands in pytest_plugin/ and commands/."""

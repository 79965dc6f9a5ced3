"""Events of long work, and the callback that receives them. pytest_plugin/ and commands/ display them."""

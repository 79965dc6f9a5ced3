"""The census: whether functions that people use every day release the GIL, and from which size on."""

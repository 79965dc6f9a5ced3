"""How often is the wall-clock verdict wrong, undecided, dear?"""

"""How fast is the reference counter beside the usual ways of counting a word, and how near to what the machine gives?"""

"""Does the gate fail each regression and pass each unchanged project? How do large documents and workers behave?"""

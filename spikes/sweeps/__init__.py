"""One study of many problems, in one file that a killed run resumes."""

"""Digests of modules that are not of this package, by the first part of their names.

A kernel's name tells what it closes over, and the folder that it is kept in the source of this package. Of a module
from elsewhere the name has to tell the source too (`jit`); whoever loads one puts it here.
"""

DIGESTS: dict[str, str] = {}

"""Mail sites of all four agents on loopback: what deploy/quickstart shows and what tests/system tests.

Standard library only. Everything a set of sites writes is below one directory.
"""

"""What egress review is about, free of any framework: states, who may do what, counting of votes, refusals.

Used by the use cases in `application/`; the tables here also feed the pages and the tests.
"""

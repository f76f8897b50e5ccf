"""Cases that recorded runs are made of are no tests of their own."""

collect_ignore = ["data"]

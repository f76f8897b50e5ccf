"""What is known without running anything: the committed tables of results, and what they say of a function."""

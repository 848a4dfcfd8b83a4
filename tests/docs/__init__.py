"""What the pages show is what the code does."""

"""What is to be run: the configurations, and what a user picks of them."""

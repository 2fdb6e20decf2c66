"""What lies behind an address: requests, and files that are read here and there."""

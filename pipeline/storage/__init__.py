"""Where results lie: a disk or a bucket."""

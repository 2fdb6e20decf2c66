"""Many videos: what is next, who does it, and how the run stands."""

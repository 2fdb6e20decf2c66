"""The one loop of the system, for files and cameras alike; it knows neither files nor jobs."""

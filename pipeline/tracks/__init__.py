"""From the faces of each frame to people over time: finished rows."""

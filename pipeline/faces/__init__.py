"""From frames to what is known of the faces in them."""

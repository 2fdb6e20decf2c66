"""Networks of our own: EmoFAN and the face detector, their data, training, evaluation and export."""

"""Video files and pictures, in and out. PyAV is imported only here."""

import av

av.logging.set_level(None)  # what matters of libav's messages is in the rows and in the errors

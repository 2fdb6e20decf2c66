"""How good a network is: figures, intervals, calibration, agreement with annotators, pictures. Needs no torch."""

"""Does the paper hold on open data? Its tables 5 and 6 in small."""

"""Statistics that training and studies share: figures of agreement and how sure they are. numpy only."""

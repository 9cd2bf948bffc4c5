"""Building and sending mail, over plain values."""

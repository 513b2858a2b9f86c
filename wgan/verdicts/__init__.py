"""What measured values mean, in words: thresholds and sentences, each a function of the values on show."""

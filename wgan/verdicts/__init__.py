"""Verdicts: thresholds and sentences that explain measured values. All are functions of these values."""

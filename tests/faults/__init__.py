"""What happens when things go wrong, with real processes. ``make faults``; see docs/faults.md."""

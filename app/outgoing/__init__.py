"""Requests of ours to addresses that people gave: public ones only, bounded, and signed."""

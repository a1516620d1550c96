"""The relay: stores and forwards sealed bytes, and cannot open them."""

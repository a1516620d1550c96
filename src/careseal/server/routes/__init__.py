"""One file for each resource of docs/protocol.md §8."""

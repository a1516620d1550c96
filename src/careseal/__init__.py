"""End-to-end-encrypted telemedicine sessions: the client SDK, the server and what both build on."""

__version__ = "0.1.0"

"""The SDK: asynchronous I/O around the end-to-end-encrypted session."""

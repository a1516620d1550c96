"""A call peer: WebRTC media sealed for the participants of a session."""

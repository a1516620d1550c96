"""docs/protocol.md in code, without I/O: bytes in, events out.

A session's life: `joining.found`, or `invite.Link.parse` → `invite.Invite.derive` →
`joining.open_door` → `joining.join`; then `following.follow` for each entry of the log in order,
`sending.seal_chat` and `sending.make_commit` to write, `sending.door_now` and `sending.check_door`
to keep the door right. All of them take a `state.SessionState` and return the next one. Beside the
log stand `signal` and `frame` for calls, `file` for files, `past` for histories.

Everything raised is an `errors.SealError`; the tree of them is drawn there.
"""

/** Signals that each open session has for itself: what one visit asks or shows must not stand in another. */
import { signal, type Signal } from "@preact/signals"
import { type Session } from "../../lib/session/types"

/** A signal for each session that begins with `first`, and goes with the session. */
export function ofSession<T>(first: T): (session: Session) => Signal<T> {
  const all = new WeakMap<Session, Signal<T>>()
  return (session) => {
    const known = all.get(session)
    if (known) return known
    const made = signal(first)
    all.set(session, made)
    return made
  }
}

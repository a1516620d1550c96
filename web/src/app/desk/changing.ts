/** Changes of a session that is not open on this page: it is opened for as long as they take. */
import { SessionFailure, type Session, type Sessions } from "../../lib/session/types"

/** How long a session may take to connect, ms. */
const patience = 10_000

/** Runs a verb of the session once it is connected. */
export async function change(sessions: Sessions, id: string, verb: (session: Session) => Promise<void>): Promise<void> {
  const session = await sessions.open(id)
  if (!session) return
  try {
    await connected(session)
    await verb(session)
  } finally {
    session.close()
  }
}

function connected(session: Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SessionFailure("offline")), patience)
    const stop = session.connection.subscribe((connection) => {
      if (connection !== "online") return
      clearTimeout(timer)
      resolve()
      queueMicrotask(() => stop())
    })
  })
}

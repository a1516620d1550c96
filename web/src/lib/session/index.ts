/** Sessions of this device. `sessions` is what the rest of the client uses. */
import { browserSessions } from "./sessions.ts"
import { type Sessions } from "./types.ts"

export const sessions: Sessions = browserSessions()
export * from "./types.ts"

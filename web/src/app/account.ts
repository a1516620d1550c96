/** The clinician's account at the server (docs/protocol.md §8); patients have none. */
export interface Me {
  id: string
  name: string
}

/** What the server tells of a session that the account made. */
export interface AccountSession {
  id: string
  /** Number of the log's last entry. */
  head: number
  /** Times in ms. */
  createdAt: number
  expiresAt: number
  lastActivityAt: number
  ended: boolean
  /** Ids of the members that are connected. */
  present: readonly string[]
}

export type SignedIn = "yes" | "refused" | "unreachable"

export interface Account {
  /** Undefined when nobody is signed in. Rejects when the server cannot be reached. */
  me: () => Promise<Me | undefined>
  signIn: (code: string) => Promise<SignedIn>
  signOut: () => Promise<void>
  /** Undefined when nobody is signed in. Rejects when the server cannot be reached. */
  sessions: () => Promise<readonly AccountSession[] | undefined>
  /** Deletes a session that the account made, with all that the server has of it. */
  deleteSession: (id: string) => Promise<void>
}

const post = (path: string, body: unknown): Promise<Response> =>
  fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })

function isMe(value: unknown): value is Me {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    typeof value.id === "string" &&
    "name" in value &&
    typeof value.name === "string"
  )
}

const isList = (value: unknown): value is { sessions: unknown[] } =>
  typeof value === "object" && value !== null && "sessions" in value && Array.isArray(value.sessions)

function isAccountSession(value: unknown): value is AccountSession {
  const row = value as Readonly<Record<string, unknown>> | null
  return (
    typeof row === "object" &&
    row !== null &&
    typeof row["id"] === "string" &&
    ["head", "createdAt", "expiresAt", "lastActivityAt"].every((name) => Number.isSafeInteger(row[name])) &&
    typeof row["ended"] === "boolean" &&
    Array.isArray(row["present"]) &&
    row["present"].every((member) => typeof member === "string")
  )
}

export const account: Account = {
  async me() {
    const response = await fetch("/api/accounts/me")
    if (response.status === 401) return undefined
    const body: unknown = response.ok ? await response.json() : undefined
    if (!isMe(body)) throw new Error("the server did not tell who is signed in")
    return body
  },

  async signIn(code) {
    try {
      const response = await post("/api/accounts/sign-in", { code })
      if (response.ok) return "yes"
      return response.status >= 500 ? "unreachable" : "refused"
    } catch {
      return "unreachable"
    }
  },

  async signOut() {
    const response = await fetch("/api/accounts/sign-out", { method: "POST" })
    if (!response.ok) throw new Error("sign-out was refused")
  },

  async sessions() {
    const response = await fetch("/api/telemedicine/sessions")
    if (response.status === 401) return undefined
    const body: unknown = response.ok ? await response.json() : undefined
    if (!isList(body)) throw new Error("the server did not tell the sessions")
    return body.sessions.filter(isAccountSession)
  },

  async deleteSession(id) {
    const response = await fetch(`/api/telemedicine/sessions/${id}`, { method: "DELETE" })
    if (!response.ok) throw new Error("the session was not deleted")
  },
}

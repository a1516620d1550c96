/** The clinic's name as the server gives it (`GET /api/server`); nothing when it gives none. */
import { clinicName } from "../../components/clinic"

export { clinicName }

let asked: Promise<void> | undefined

/** Asked once; resolves when it is known, or will not be. */
export const askClinicName = (): Promise<void> => (asked ??= ask())

async function ask(): Promise<void> {
  try {
    const response = await fetch("/api/server")
    const body: unknown = response.ok ? await response.json() : undefined
    if (typeof body === "object" && body !== null && "name" in body && typeof body.name === "string")
      clinicName.value = body.name
  } catch {
    // The name is an ornament; what matters of being unreachable is said elsewhere.
  }
}

/** The clinic's name as the server gives it (`GET /api/server`); nothing when it gives none. */
import { signal } from "@preact/signals"

export const clinicName = signal("")

export async function askClinicName(): Promise<void> {
  try {
    const response = await fetch("/api/server")
    const body: unknown = response.ok ? await response.json() : undefined
    if (typeof body === "object" && body !== null && "name" in body && typeof body.name === "string")
      clinicName.value = body.name
  } catch {
    // The name is an ornament; what matters of being unreachable is said elsewhere.
  }
}

/** Being rid of sessions: on this device, and at the server. */
import { type Services } from "../services"

/** Keys, messages and notes go from this device; the server and the others keep what they have. */
export async function forgetHere({ sessions }: Services, id: string): Promise<void> {
  const session = await (await sessions()).open(id)
  await session?.deleteFromDevice()
}

/** The server forgets it for everybody; then this device does. */
export async function forgetEverywhere(services: Services, id: string): Promise<void> {
  await services.account.deleteSession(id)
  await forgetHere(services, id)
}

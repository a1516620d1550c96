import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { type PrivateNotes } from "../lib/session/types"
import { useServices } from "./services"

/** The private notes of this device, once the sessions are loaded. */
export function useNotes(): PrivateNotes | undefined {
  const { sessions } = useServices()
  const notes = useSignal<PrivateNotes | undefined>(undefined)
  useEffect(() => {
    sessions().then(
      (loaded) => (notes.value = loaded.notes),
      () => undefined,
    )
  }, [])
  return notes.value
}

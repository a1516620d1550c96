/** Keys of headsets and buttons that the browser shows for a call outside of the page. */
import { effect } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { type Calls } from "../../lib/call/types"

/** Newer than the types that come with TypeScript; what a browser does not know, it refuses. */
type Action = "togglemicrophone" | "togglecamera" | "hangup"
interface CallMediaSession {
  setActionHandler(action: Action, handler: (() => void) | null): void
  setMicrophoneActive?(on: boolean): unknown
  setCameraActive?(on: boolean): unknown
}

export function useMediaKeys(calls: Calls): void {
  useEffect(() => {
    const session = (navigator as unknown as { mediaSession?: CallMediaSession }).mediaSession
    if (!session) return
    const actions: Record<Action, () => void> = {
      togglemicrophone: () => void calls.setMuted(!calls.muted.peek()),
      togglecamera: () => void calls.setCameraOff(!calls.cameraOff.peek()),
      hangup: () => calls.hangUp(),
    }
    const names = Object.keys(actions) as Action[]
    for (const name of names) handle(session, name, actions[name])
    const following = effect(() => {
      session.setMicrophoneActive?.(!calls.muted.value)
      session.setCameraActive?.(!calls.cameraOff.value)
    })
    return () => {
      following()
      for (const name of names) handle(session, name, null)
    }
  }, [calls])
}

function handle(session: CallMediaSession, action: Action, handler: (() => void) | null): void {
  try {
    session.setActionHandler(action, handler)
  } catch {
    // Not known to this browser.
  }
}

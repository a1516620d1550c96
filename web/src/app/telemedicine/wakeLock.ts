import { useEffect } from "preact/hooks"

/** Keeps the screen on while `on`; browsers let go of it when the page is hidden, so it is taken again. */
export function useWakeLock(on: boolean): void {
  useEffect(() => {
    if (!on || !("wakeLock" in navigator)) return
    let held: WakeLockSentinel | undefined
    let done = false
    const take = async (): Promise<void> => {
      if (document.visibilityState !== "visible") return
      try {
        held = await navigator.wakeLock.request("screen")
        if (done) await held.release()
      } catch {
        // A low battery forbids it; the call goes on.
      }
    }
    const again = (): void => void take()
    again()
    document.addEventListener("visibilitychange", again)
    return () => {
      done = true
      document.removeEventListener("visibilitychange", again)
      void held?.release()
    }
  }, [on])
}

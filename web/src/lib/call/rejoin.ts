/** Which call this tab was in and what it sent there, over a reload: a random id and two switches, gone with the tab and with the call. */
import { type MediaChoice } from "./types.ts"

const KEY = "careseal.call"

export function rememberCall(call: string, { audio, video }: MediaChoice): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ call, audio, video }))
  } catch {
    // Storage may be forbidden; then a reload asks before it joins again.
  }
}

/** What this tab sent in this call when it was last in it; undefined where it was in none or in another. */
export function leftIn(call: string): MediaChoice | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as { call?: string } & Partial<MediaChoice>
    return kept.call === call ? { audio: kept.audio === true, video: kept.video === true } : undefined
  } catch {
    return undefined
  }
}

export function forgetCall(): void {
  try {
    sessionStorage.removeItem(KEY)
  } catch {
    // Nothing was kept.
  }
}

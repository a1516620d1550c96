/** Which call this tab was in, over a reload: a random id, gone with the tab and with the call. */
const KEY = "careseal.call"

export function rememberCall(call: string): void {
  try {
    sessionStorage.setItem(KEY, call)
  } catch {
    // Storage may be forbidden; then a reload asks before it joins again.
  }
}

export function rememberedCall(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined
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

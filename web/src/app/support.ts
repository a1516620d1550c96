/** Whether this browser has what sealing needs; asked before anything else of a visit. */
async function canMake(name: "Ed25519" | "X25519"): Promise<boolean> {
  const usages: KeyUsage[] = name === "Ed25519" ? ["sign", "verify"] : ["deriveBits"]
  try {
    await crypto.subtle.generateKey({ name }, false, usages)
    return true
  } catch {
    return false
  }
}

export async function supported(): Promise<boolean> {
  const there =
    isSecureContext &&
    "subtle" in crypto &&
    typeof Worker === "function" &&
    typeof WebSocket === "function" &&
    "indexedDB" in globalThis &&
    "locks" in navigator
  if (!there) return false
  return (await Promise.all([canMake("Ed25519"), canMake("X25519")])).every(Boolean)
}

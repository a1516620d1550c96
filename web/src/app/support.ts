/** Whether this browser has what sealing needs; asked before anything else of a visit. */
import { insideApp } from "../components/browserKind"

/** Why a visit cannot be opened here, whatever the link. */
export type Obstacle = "insecure-page" | "in-app-browser" | "unsupported-browser"

async function canMake(name: "Ed25519" | "X25519"): Promise<boolean> {
  const usages: KeyUsage[] = name === "Ed25519" ? ["sign", "verify"] : ["deriveBits"]
  try {
    await crypto.subtle.generateKey({ name }, false, usages)
    return true
  } catch {
    return false
  }
}

async function canSeal(): Promise<boolean> {
  const there =
    "subtle" in crypto &&
    typeof Worker === "function" &&
    typeof WebSocket === "function" &&
    "indexedDB" in globalThis &&
    "locks" in navigator
  if (!there) return false
  return (await Promise.all([canMake("Ed25519"), canMake("X25519")])).every(Boolean)
}

/** Found out by trying; what the browser calls itself only chooses the words. */
export async function obstacle(): Promise<Obstacle | undefined> {
  if (!isSecureContext) return "insecure-page"
  if (await canSeal()) return undefined
  return insideApp() ? "in-app-browser" : "unsupported-browser"
}

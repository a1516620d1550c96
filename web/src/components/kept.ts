/** Choices that stay on this device. */
import { effect, signal, type Signal } from "@preact/signals"

/** A signal that is kept over reloads; without storage the question comes again next time. */
export function kept(key: string): Signal<string | undefined> {
  const value = signal<string | undefined>(undefined)
  try {
    value.value = localStorage.getItem(key) ?? undefined
    effect(() => {
      if (value.value === undefined) localStorage.removeItem(key)
      else localStorage.setItem(key, value.value)
    })
  } catch {
    // Storage is forbidden.
  }
  return value
}

import { signal } from "@preact/signals"

/** The clinic's name as the server gives it; empty when it gives none. */
export const clinicName = signal("")

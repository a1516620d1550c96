import { SessionFailure, type FailureReason } from "../../lib/session/types"

/** The page to show for a rejection; those that have no page of their own are internal. */
export function failureOf(error: unknown): FailureReason {
  if (!(error instanceof SessionFailure)) return "internal"
  const { reason } = error
  if (reason === "offline") return "server-unreachable"
  if (reason === "stopped" || reason === "too-large" || reason === "rate-limited" || reason === "not-allowed")
    return "internal"
  return reason
}

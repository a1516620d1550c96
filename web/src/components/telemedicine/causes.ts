/** Why something in the log was refused, in words. */
import { t } from "../../i18n/index"

const links = new Set(["invite-unknown", "invite-closed", "invite-full"])
const proofs = new Set(["identity", "join-missing", "join-signature", "key-in-use", "resync-mismatch", "leaf-changed"])

/** From the names of lib/encryption; one that is not known here is a matter of shape. */
export function causeWords(cause: string): string {
  if (cause === "not-a-host" || cause === "position" || cause === "too-large" || cause === "not-allowed")
    return t(`cause.${cause}`)
  if (links.has(cause)) return t("cause.link")
  return t(proofs.has(cause) ? "cause.who" : "cause.shape")
}

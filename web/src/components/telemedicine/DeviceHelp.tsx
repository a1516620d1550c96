import { t } from "../../i18n/index"
import { type CallError } from "../../lib/call/types"
import { browserKind } from "../browserKind"
import { Icon } from "../Icon"
import { AskingPicture } from "./AskingPicture"

/** What went wrong with a device and what to do, in the words of this browser. */
export function DeviceHelp({ error, onAgain }: { error: CallError; onAgain: () => void }) {
  const kept = error.error === "permission-denied"
  const hopeless = error.error === "insecure" || error.error === "unsupported"
  return (
    <div class="notice bad" role="alert" data-device-error={error.error}>
      <Icon name="alarm" />
      <div class="stack tight">
        <p>{kept ? t(`device.blocked.${error.about === "microphone" ? "microphone" : "camera"}`) : errorWords(error)}</p>
        {kept && <p>{t(`device.help.${browserKind()}`)}</p>}
        {(kept || error.error === "permission-dismissed") && <AskingPicture blocked={kept} />}
        {!hopeless && (
          <button type="button" class="button" onClick={onAgain}>
            {t("action.tryAgain")}
          </button>
        )}
      </div>
    </div>
  )
}

/** What went wrong with the devices, in sentences. */
export function DeviceErrors({ errors }: { errors: readonly CallError[] }) {
  return (
    <>
      {errors.map((error) => (
        <p key={`${error.about} ${error.error}`} class="notice bad" role="alert">
          <Icon name="alarm" />
          {errorWords(error)}
        </p>
      ))}
    </>
  )
}

export function errorWords({ about, error }: CallError): string {
  if (about === "screen") return t(error === "system-denied" ? "call.shareSystemDenied" : "call.shareFailed")
  if (about === "call") return t(error === "call-full" ? "call.full" : "call.failed")
  switch (error) {
    case "permission-denied":
    case "permission-dismissed":
    case "system-denied":
    case "no-device":
    case "busy-device":
    case "device-lost":
      return t(`device.error.${about}.${error}`)
    case "insecure":
    case "unsupported":
      return t(`device.error.${error}`)
    case "call-full":
    case "line-failed":
    case "failed":
      return t(`device.error.${about}.failed`)
  }
}

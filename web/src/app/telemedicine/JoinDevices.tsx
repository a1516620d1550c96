import { useEffect, useState } from "preact/hooks"
import DeviceCheck from "../../components/telemedicine/DeviceCheck"
import { Icon } from "../../components/Icon"
import { PartMissing } from "../../components/later"
import { t } from "../../i18n/index"
import { canSeal } from "../../lib/call/sealing"
import { type DeviceDesk } from "../../lib/call/types"
import { wantCamera } from "../preferences"
import { useServices } from "../services"

/** The device check before joining; what is found and chosen holds for the visit. */
export default function JoinDevices({ onDone }: { onDone: () => void }) {
  const { devices } = useServices()
  const [desk, setDesk] = useState<DeviceDesk>()
  const [failed, setFailed] = useState(false)
  useEffect(() => void devices().then(setDesk, () => setFailed(true)), [devices])
  // Who joins with the picture on wants it.
  useEffect(
    () => () => {
      if (desk?.preview.peek()) wantCamera(true)
    },
    [desk],
  )
  if (!canSeal())
    return (
      <p class="notice" role="status">
        <Icon name="phone" />
        {t("call.unsupported")}
      </p>
    )
  if (failed) return <PartMissing words={t("app.partMissing")} />
  if (!desk) return null
  return (
    <DeviceCheck
      desk={desk}
      asked
      onDone={(camera) => {
        wantCamera(camera)
        onDone()
      }}
    />
  )
}

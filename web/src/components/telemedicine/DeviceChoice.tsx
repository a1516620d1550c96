import { t } from "../../i18n/index"
import { type Device, type DeviceDesk, type DeviceKind } from "../../lib/call/types"

export const optionsOf = (desk: DeviceDesk, kind: DeviceKind): readonly Device[] =>
  desk.devices.value.filter((device) => device.kind === kind && device.id !== "")

/** Which camera, microphone or loudspeaker; only where there is something to choose. */
export function DeviceSelect({ desk, kind }: { desk: DeviceDesk; kind: DeviceKind }) {
  const some = optionsOf(desk, kind)
  if (some.length < (kind === "speaker" ? 2 : 1)) return null
  const used = desk.inUse.value[kind]
  return (
    <label class="field">
      <span class="label">{t(`device.${kind}`)}</span>
      <select
        class="input"
        value={some.some(({ id }) => id === used) ? used : some[0]?.id}
        onChange={(event) => void desk.chooseDevice(kind, event.currentTarget.value)}
      >
        {some.map(({ id, label }, i) => (
          <option key={id} value={id}>
            {label || t("device.numbered", { count: i + 1 })}
          </option>
        ))}
      </select>
    </label>
  )
}

/** Camera and microphone to be tried without a visit, before joining. */
import { computed } from "@preact/signals"
import { openDevices } from "./devices.ts"
import { type DeviceDesk } from "./types.ts"

/** To be ended with `endCheck`; it can be used again after that. */
export function openDeviceDesk(): DeviceDesk {
  const devices = openDevices()
  void devices.refresh()
  return {
    preview: computed(() => devices.camera.value && new MediaStream([devices.camera.value])),
    microphoneLevel: devices.level,
    devices: devices.list,
    chosen: devices.chosen,
    inUse: devices.inUse,
    errors: devices.errors,
    chooseDevice: (kind, id) => devices.choose(kind, id),
    checkDevices: ({ audio, video }) => {
      const kinds = [audio && ("microphone" as const), video && ("camera" as const)]
      return devices.open(kinds.filter((kind) => kind !== false), true)
    },
    endCheck: () => devices.closeAll(),
  }
}

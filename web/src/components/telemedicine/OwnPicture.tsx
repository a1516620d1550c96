import { useSignal } from "@preact/signals"
import { useRef } from "preact/hooks"
import { rightToLeft, t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { Icon } from "../Icon"
import { isMirrored } from "./mirror"
import { StreamPicture } from "./StreamPicture"
import { Faceless, MutedMark } from "./Tile"

/** Where the own picture lies, as parts of the free room from the left and the top. */
interface Place {
  x: number
  y: number
}

const stepPart = 0.1
const keys: Record<string, readonly [number, number]> = {
  ArrowLeft: [-stepPart, 0],
  ArrowRight: [stepPart, 0],
  ArrowUp: [0, -stepPart],
  ArrowDown: [0, stepPart],
}

const within = (part: number): number => Math.min(1, Math.max(0, part))

/** The own camera, small; the pointer or the arrow keys move it out of the way. */
export function OwnPicture({ calls, stream }: { calls: Calls; stream: MediaStream }) {
  const box = useRef<HTMLDivElement>(null)
  const place = useSignal<Place>({ x: rightToLeft() ? 0 : 1, y: 1 })
  const grip = useRef<Place | undefined>(undefined)

  const move = (event: PointerEvent): void => {
    const own = box.current
    const room = own?.parentElement
    if (!grip.current || !own || !room) return
    const inside = room.getBoundingClientRect()
    place.value = {
      x: within((event.clientX - grip.current.x - inside.left) / Math.max(1, inside.width - own.offsetWidth)),
      y: within((event.clientY - grip.current.y - inside.top) / Math.max(1, inside.height - own.offsetHeight)),
    }
  }
  const { x, y } = place.value
  return (
    <div class="own-room">
      <div
        ref={box}
        class="own-picture"
        style={{ left: `${x * 100}%`, top: `${y * 100}%`, transform: `translate(${-x * 100}%, ${-y * 100}%)` }}
      >
        <div
          class="grip"
          role="group"
          tabIndex={0}
          aria-label={t("call.ownPicture")}
          onPointerDown={(event) => {
            const own = event.currentTarget.getBoundingClientRect()
            grip.current = { x: event.clientX - own.left, y: event.clientY - own.top }
            event.currentTarget.setPointerCapture(event.pointerId)
          }}
          onPointerMove={move}
          onPointerUp={() => void (grip.current = undefined)}
          onPointerCancel={() => void (grip.current = undefined)}
          onKeyDown={(event) => {
            const by = keys[event.key]
            if (!by) return
            event.preventDefault()
            place.value = { x: within(x + by[0]), y: within(y + by[1]) }
          }}
        >
          <StreamPicture stream={stream} label={t("call.you")} mirrored={isMirrored(calls)} />
        </div>
        {calls.muted.value && (
          <span class="own-muted">
            <MutedMark />
          </span>
        )}
        <Flip calls={calls} />
      </div>
    </div>
  )
}

/** The own camera in a row with the others. */
export function OwnTile({ calls }: { calls: Calls }) {
  const stream = calls.preview.value
  return (
    <figure class="tile own">
      <StreamPicture stream={stream} label={t("call.ownTile")} mirrored={isMirrored(calls)} />
      {!stream && <Faceless name={t("call.you")} />}
      <Flip calls={calls} />
      <figcaption>
        {calls.muted.value && <MutedMark />}
        <span class="name">{t("call.you")}</span>
      </figcaption>
    </figure>
  )
}

/** Telephones have a camera on each side. */
function Flip({ calls }: { calls: Calls }) {
  const cameras = calls.devices.value.filter(({ kind }) => kind === "camera")
  if (calls.facing.value === undefined || cameras.length < 2) return null
  return (
    <button
      type="button"
      class="on-picture flip"
      aria-label={t("call.flip")}
      title={t("call.flip")}
      onClick={() => void calls.flipCamera()}
    >
      <Icon name="flip" />
    </button>
  )
}

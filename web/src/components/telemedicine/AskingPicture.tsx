import { t } from "../../i18n/index"
import { browserKind, type BrowserKind } from "../browserKind"

/** Where the browser has its question, or the sign that something is blocked. */
const places: Record<BrowserKind, "start" | "middle" | "foot"> = {
  chromium: "start",
  firefox: "start",
  safari: "middle",
  ios: "middle",
  android: "foot",
  other: "middle",
}

/** A small drawing of a browser window with the place marked where it asks, or where a block is taken away. */
export function AskingPicture({ blocked = false }: { blocked?: boolean }) {
  const kind = browserKind()
  // The sign for "blocked" is in the address bar everywhere, at its beginning; on iOS the bar is at the foot.
  const place = blocked ? "sign" : places[kind]
  const bar = kind === "ios" ? 74 : 8
  return (
    <svg class="asking-picture" viewBox="0 0 160 100" role="img" aria-label={t(blocked ? "device.signPicture" : "device.askPicture")}>
      <rect class="frame" x="1" y="1" width="158" height="98" rx="8" />
      <rect class="bar" x="8" y={bar} width="144" height="16" rx="8" />
      <circle class={place === "sign" ? "mark" : "dot"} cx="18" cy={bar + 8} r={place === "sign" ? 6 : 4} />
      {place === "sign" && <path class="cross" d={`M15 ${bar + 5}l6 6M21 ${bar + 5}l-6 6`} />}
      {place === "sign" && <circle class="ring" cx="18" cy={bar + 8} r="11" />}
      {place !== "sign" && <Question place={place} />}
    </svg>
  )
}

const corners = { start: [10, 28], middle: [45, 34], foot: [10, 56] } as const

/** The browser's box with its two buttons; "Allow" is the filled one. */
function Question({ place }: { place: keyof typeof corners }) {
  const [x, y] = corners[place]
  const width = place === "foot" ? 140 : 70
  return (
    <>
      <rect class="box" x={x} y={y} width={width} height="38" rx="5" />
      <path class="line" d={`M${x + 8} ${y + 9}h${width - 30}M${x + 8} ${y + 16}h${width - 16}`} />
      <rect class="mark" x={x + width - 34} y={y + 22} width="28" height="11" rx="3" />
      <rect class="plain" x={x + width - 66} y={y + 22} width="28" height="11" rx="3" />
    </>
  )
}

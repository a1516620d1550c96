import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks"
import { bytes, timeOfDay } from "../../../i18n/format"
import { rightToLeft, t } from "../../../i18n/index"
import { type FileItem, type Session } from "../../../lib/session/types"
import { Icon, type IconName } from "../../Icon"
import { later } from "../../later"
import { useModal } from "../../modal"
import { SaveButton } from "../SaveButton"
import { useBlobUrl } from "./blobUrl"
import { openForShowing, type Opened, type Reason } from "./open"
import { viewable, viewed } from "./viewing"
import "./viewer.css"

const PdfPages = later(() => import("./PdfPages"), () => <Opening />)

const zooms = [1, 1.5, 2, 3, 4] as const

/** Fills the page with one file, opened in memory on this device; walks to the ones before and after it. */
export default function Viewer({ session }: { session: Session }) {
  const items = viewable(session.timeline.value)
  const at = items.findIndex(({ key }) => key === viewed(session).value)
  const item = items[at]
  const close = (): void => void (viewed(session).value = undefined)
  useEffect(() => {
    if (!item) close()
  }, [item === undefined])
  return item ? (
    <Overlay
      session={session}
      item={item}
      place={{ at, total: items.length }}
      onWalk={(step) => {
        const next = items[at + step]
        if (next) viewed(session).value = next.key
      }}
      onClose={close}
    />
  ) : null
}

interface OverlayProps {
  session: Session
  item: FileItem
  place: { at: number; total: number }
  onWalk: (step: 1 | -1) => void
  onClose: () => void
}

function Overlay({ session, item, place, onWalk, onClose }: OverlayProps) {
  const { file } = item
  const dialog = useModal()
  const heading = useId()
  const [zoom, setZoom] = useState(0)
  const { opened, done, again } = useOpened(session, item)
  useEffect(() => setZoom(0), [item.key])

  const zoomable = opened && "content" in opened && (opened.content.kind === "picture" || opened.content.kind === "pdf")
  const zoomBy = (step: 1 | -1): void => setZoom((now) => Math.min(zooms.length - 1, Math.max(0, now + step)))
  const keys = (event: KeyboardEvent): void => {
    // A player has arrow keys of its own, and so has what is larger than the page.
    const playing = event.target instanceof HTMLMediaElement
    const forwards = rightToLeft() ? "ArrowLeft" : "ArrowRight"
    const backwards = rightToLeft() ? "ArrowRight" : "ArrowLeft"
    if (event.key === forwards && !playing && zoom === 0) onWalk(1)
    else if (event.key === backwards && !playing && zoom === 0) onWalk(-1)
    else if (zoomable && (event.key === "+" || event.key === "=")) zoomBy(1)
    else if (zoomable && event.key === "-") zoomBy(-1)
    else if (zoomable && event.key === "0") setZoom(0)
    else return
    event.preventDefault()
  }
  return (
    <dialog
      ref={dialog}
      class="viewer"
      aria-labelledby={heading}
      onKeyDown={keys}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <div class="viewer-head">
        <div class="viewer-name">
          <h2 id={heading} tabIndex={-1} autofocus>
            <bdi>{file.name}</bdi>
          </h2>
          <p class="small quiet">
            <bdi>{item.sender?.self ? t("call.you") : (item.sender?.name ?? t("somebody"))}</bdi>
            {" · "}
            {timeOfDay(item.at)} · {bytes(file.size)}
          </p>
        </div>
        {zoomable && (
          <div class="viewer-zoom">
            <Tool icon="zoomOut" label={t("preview.smaller")} disabled={zoom === 0} onClick={() => zoomBy(-1)} />
            <Tool icon="zoomIn" label={t("preview.larger")} disabled={zoom === zooms.length - 1} onClick={() => zoomBy(1)} />
          </div>
        )}
        <SaveButton file={file} session={session} class="button bare" />
        <Tool icon="close" label={t("action.close")} onClick={onClose} />
      </div>
      <div class="viewer-body">
        {opened === undefined ? (
          <Opening done={done} size={file.size} />
        ) : "not" in opened ? (
          <NotShown why={opened.not} item={item} session={session} onAgain={again} />
        ) : (
          <Shown
            key={item.key}
            opened={opened}
            item={item}
            session={session}
            zoom={zooms[zoom] ?? 1}
            onZoom={() => setZoom(zoom === 0 ? 2 : 0)}
            onAgain={again}
          />
        )}
      </div>
      {place.total > 1 && (
        <div class="viewer-foot">
          <Tool icon="backwards" label={t("preview.before")} disabled={place.at === 0} onClick={() => onWalk(-1)} />
          <p role="status">{t("preview.place", { at: String(place.at + 1), total: String(place.total) })}</p>
          <Tool icon="forwards" label={t("preview.after")} disabled={place.at === place.total - 1} onClick={() => onWalk(1)} />
        </div>
      )}
    </dialog>
  )
}

interface ToolProps {
  icon: IconName
  label: string
  disabled?: boolean
  onClick: () => void
}

function Tool({ icon, label, disabled = false, onClick }: ToolProps) {
  return (
    // Stays where it is and keeps the focus at the first and the last.
    <button
      type="button"
      class="button bare square"
      aria-label={label}
      title={label}
      aria-disabled={disabled}
      onClick={() => {
        if (!disabled) onClick()
      }}
    >
      <Icon name={icon} />
    </button>
  )
}

/** Opens the file that is looked at; one that is left is fetched no further. */
function useOpened(session: Session, item: FileItem): { opened: Opened | undefined; done: number; again: () => void } {
  const [round, setRound] = useState(0)
  const [state, setState] = useState<{ key: string; opened?: Opened; done: number }>({ key: item.key, done: 0 })
  useEffect(() => {
    const stop = new AbortController()
    setState({ key: item.key, done: 0 })
    openForShowing(session.transfers, item.file, (done) => setState({ key: item.key, done }), stop.signal).then(
      (opened) => {
        if (!stop.signal.aborted) setState({ key: item.key, opened, done: item.file.size })
      },
      () => undefined,
    )
    return () => stop.abort(new DOMException("left", "AbortError"))
  }, [item.key, round])
  const again = (): void => setRound(round + 1)
  return state.key === item.key ? { opened: state.opened, done: state.done, again } : { opened: undefined, done: 0, again }
}

function Opening({ done = 0, size = 0 }: { done?: number; size?: number }) {
  return (
    <div class="viewer-words">
      <p role="status">{t("preview.opening")}</p>
      {done > 0 && done < size && <progress max={size} value={done} aria-label={t("preview.opening")} />}
    </div>
  )
}

interface NotShownProps {
  why: Reason | "unplayable"
  item: FileItem
  session: Session
  onAgain: () => void
}

function NotShown({ why, item, session, onAgain }: NotShownProps) {
  return (
    <div class="viewer-words">
      <Icon name={why === "markup" || why === "program" ? "alarm" : "file"} />
      <p role="alert">{t(`preview.not.${why}`)}</p>
      {why === "failed" && (
        <button type="button" class="button primary" onClick={onAgain}>
          {t("action.tryAgain")}
        </button>
      )}
      <SaveButton file={item.file} session={session} />
    </div>
  )
}

interface ShownProps {
  opened: Extract<Opened, { blob: Blob }>
  item: FileItem
  session: Session
  zoom: number
  onZoom: () => void
  onAgain: () => void
}

function Shown({ opened: { content, blob }, item, session, zoom, onZoom, onAgain }: ShownProps) {
  const url = useBlobUrl(blob)
  const [failed, setFailed] = useState(false)
  const { name } = item.file
  const broken = (): void => setFailed(true)
  if (failed) {
    const why = content.kind === "audio" || content.kind === "video" ? "unplayable" : "failed"
    return <NotShown why={why} item={item} session={session} onAgain={onAgain} />
  }
  if (!url) return null
  switch (content.kind) {
    case "picture":
      return <Picture url={url} name={name} zoom={zoom} onZoom={onZoom} onError={broken} />
    case "pdf":
      return <PdfPages blob={blob} name={name} zoom={zoom} onFailed={broken} />
    case "audio":
      return <audio class="viewer-sound" src={url} controls autoplay aria-label={name} onError={broken} />
    case "video":
      return <video class="viewer-film" src={url} controls playsInline disableRemotePlayback aria-label={name} onError={broken} />
  }
}

interface PictureProps {
  url: string
  name: string
  zoom: number
  onZoom: () => void
  onError: () => void
}

/** An `img` runs nothing, whatever is in it; its bytes were seen to be a raster picture of bearable size. */
function Picture({ url, name, zoom, onZoom, onError }: PictureProps) {
  const box = useRef<HTMLDivElement>(null)
  const picture = useRef<HTMLImageElement>(null)
  useLayoutEffect(() => {
    const [outer, inner] = [box.current, picture.current]
    if (!outer || !inner) return
    const middle = { x: outer.scrollLeft + outer.clientWidth / 2, y: outer.scrollTop + outer.clientHeight / 2 }
    const before = { x: outer.scrollWidth, y: outer.scrollHeight }
    inner.style.inlineSize = inner.style.blockSize = `${zoom * 100}%`
    outer.scrollLeft = (middle.x / before.x) * outer.scrollWidth - outer.clientWidth / 2
    outer.scrollTop = (middle.y / before.y) * outer.scrollHeight - outer.clientHeight / 2
  }, [zoom])
  return (
    <div ref={box} class="viewer-picture" tabIndex={zoom > 1 ? 0 : -1} data-zoomed={zoom > 1} role="group" aria-label={name}>
      <img ref={picture} src={url} alt={name} draggable={false} onDblClick={onZoom} onError={onError} />
    </div>
  )
}

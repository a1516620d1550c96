import { useMemo } from "preact/hooks"
import { bytes } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type FileItem, type Session } from "../../lib/session/types"
import { Icon, type IconName } from "../Icon"
import { SaveButton } from "./SaveButton"
import { VoicePlayer } from "./VoicePlayer"
import { useBlobUrl } from "./preview/blobUrl"
import { openForShowing, thumbOf } from "./preview/open"
import { claimedKind, isOffered, viewed } from "./preview/viewing"

/** A file in the timeline: its name and size, a picture of it where there is one, and ways to look at it and to save it. */
export function FileMessage({ item, session }: { item: FileItem; session: Session }) {
  const { file } = item
  if (file.voice !== undefined && item.seq !== undefined) return <VoiceMessage item={item} seconds={file.voice} session={session} />
  return <AnyFile item={item} session={session} />
}

function AnyFile({ item, session }: { item: FileItem; session: Session }) {
  const { file } = item
  const thumb = useBlobUrl(useMemo(() => file.thumb && thumbOf(file.thumb), [file.thumb]))
  return (
    <div class="file-message">
      {isOffered(file) && item.seq !== undefined ? (
        <button
          type="button"
          class={thumb ? "thumb" : "thumb none"}
          aria-label={t("file.show", { name: file.name })}
          aria-haspopup="dialog"
          onClick={() => void (viewed(session).value = item.key)}
        >
          {thumb ? <img src={thumb} alt="" /> : <Icon name={icons[claimedKind(file) ?? "pdf"]} />}
        </button>
      ) : thumb ? (
        <div class="thumb">
          <img src={thumb} alt="" />
        </div>
      ) : (
        <Icon name="file" />
      )}
      <p class="file-name">
        <bdi>{file.name}</bdi> <span class="quiet small">{bytes(file.size)}</span>
      </p>
      <SaveButton file={file} session={session} />
    </div>
  )
}

/** A spoken message, played where it stands. */
function VoiceMessage({ item, seconds, session }: { item: FileItem; seconds: number; session: Session }) {
  const { file } = item
  const load = async (): Promise<Blob | undefined> => {
    const opened = await openForShowing(session.transfers, file, () => undefined, new AbortController().signal)
    if ("not" in opened && opened.not === "failed") throw new Error("not to be had now")
    return "blob" in opened && opened.content.kind !== "picture" ? opened.blob : undefined
  }
  return (
    <div class="file-message">
      <VoicePlayer load={load} seconds={seconds} name={t("voice.name")} />
      <SaveButton file={file} session={session} class="button bare" />
    </div>
  )
}

const icons: Record<NonNullable<ReturnType<typeof claimedKind>>, IconName> = {
  picture: "picture",
  pdf: "file",
  audio: "play",
  video: "play",
}

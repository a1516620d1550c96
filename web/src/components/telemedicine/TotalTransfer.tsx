import { useEffect, useRef } from "preact/hooks"
import { bytes, length } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type Transfer } from "../../lib/session/types"
import { announce } from "../notices"

/** How far several files are together, and one button for all. */
export function TotalTransfer({ all, moving }: { all: readonly Transfer[]; moving: readonly Transfer[] }) {
  const batch = useBatch(all, moving)
  if (moving.length < 2) return null
  const size = sum(batch, (one) => one.size)
  const done = sum(batch, (one) => one.done.value)
  const rate = sum(moving, (one) => one.rate.value)
  const resumable = moving.filter(({ state, needsFile }) => state.value === "paused" && !needsFile.value)
  const pausable = moving.filter(({ state }) => ["queued", "running", "waiting"].includes(state.value))
  return (
    <div class="transfer total">
      <p class="file-name">{t("file.total", { count: moving.length })}</p>
      <progress max={Math.max(1, size)} value={done} aria-label={t("file.totalProgress")} />
      <p class="small quiet">
        <span>{t("file.progress", { done: bytes(done), size: bytes(size) })}</span>
        {rate > 0 && <span class="transfer-rate">{t("file.rate", { rate: bytes(rate) })}</span>}
        {rate > 0 && <span>{t("file.left", { time: length((size - done) / rate) })}</span>}
      </p>
      <div class="row transfer-all">
        {pausable.length > 0 ? (
          <button type="button" class="button bare" onClick={() => pausable.forEach((one) => one.pause())}>
            {t("file.pauseAll")}
          </button>
        ) : (
          resumable.length > 0 && (
            <button type="button" class="button bare" onClick={() => resumable.forEach((one) => one.resume())}>
              {t("file.resumeAll")}
            </button>
          )
        )}
        <button type="button" class="button bare" onClick={() => moving.forEach((one) => one.cancel())}>
          {t("file.cancelAll")}
        </button>
      </div>
    </div>
  )
}

/** What began since nothing was on its way; says when all of it is there, and nothing in between. */
function useBatch(all: readonly Transfer[], moving: readonly Transfer[]): readonly Transfer[] {
  const before = useRef<ReadonlySet<string>>(new Set())
  const count = useRef(0)
  const batch = all.filter(({ id, state }) => !before.current.has(id) && state.value !== "cancelled")
  const failed = moving.filter(({ state }) => state.value === "failed").length
  useEffect(() => {
    if (moving.length === 0 && count.current > 0) {
      if (batch.length > 0) announce(t("file.allDone", { count: batch.length }))
      before.current = new Set(all.map(({ id }) => id))
    }
    count.current = moving.length
  }, [moving.length])
  useEffect(() => {
    if (failed > 0) announce(t("file.someFailed", { count: failed }))
  }, [failed])
  return batch
}

const sum = (transfers: readonly Transfer[], of: (one: Transfer) => number): number =>
  transfers.reduce((total, one) => total + of(one), 0)

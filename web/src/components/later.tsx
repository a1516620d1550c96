import { type ComponentType } from "preact"
import { useEffect, useState } from "preact/hooks"
import { t } from "../i18n/index"

export type Later<P extends object> = ComponentType<P> & {
  /** Loads it before it is shown. */
  ahead(): void
}

/** In place of what could not be loaded. */
export function PartMissing({ words }: { words: string }) {
  return (
    <p class="notice bad" role="alert">
      {words}{" "}
      <button type="button" class="button" onClick={() => location.reload()}>
        {t("app.reload")}
      </button>
    </p>
  )
}

/**
 * A component that is loaded when it is first shown, or ahead of that. Where that fails the network is away, or the server was upgraded and
 * has other parts now; the browser remembers the failure, so only loading the page again helps.
 */
export function later<P extends object>(
  load: () => Promise<{ default: ComponentType<P> }>,
  Waiting: ComponentType = () => null,
): Later<P> {
  let loaded: ComponentType<P> | undefined
  let loading: Promise<unknown> | undefined
  const fetched = (): Promise<unknown> => (loading ??= load().then((module) => (loaded = module.default)))
  return Object.assign(Later, { ahead: () => void fetched().catch(() => undefined) })

  function Later(props: P) {
    const [, redraw] = useState(0)
    const [failed, setFailed] = useState(false)
    useEffect(() => {
      if (loaded) return
      let shown = true
      fetched().then(
        () => shown && redraw((n) => n + 1),
        () => shown && setFailed(true),
      )
      return () => void (shown = false)
    }, [])
    if (failed) return <PartMissing words={t("app.partMissing")} />
    const Component = loaded
    return Component ? <Component {...props} /> : <Waiting />
  }
}

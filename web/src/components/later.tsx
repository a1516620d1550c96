import { type ComponentType } from "preact"
import { useEffect, useState } from "preact/hooks"
import { t } from "../i18n/index"

/**
 * A component that is loaded when it is first shown. Where that fails the network is away, or the server was upgraded and
 * has other parts now; the browser remembers the failure, so only loading the page again helps.
 */
export function later<P extends object>(
  load: () => Promise<{ default: ComponentType<P> }>,
  Waiting: ComponentType = () => null,
): ComponentType<P> {
  let loaded: ComponentType<P> | undefined
  return function Later(props: P) {
    const [, redraw] = useState(0)
    const [failed, setFailed] = useState(false)
    useEffect(() => {
      if (loaded) return
      let shown = true
      load()
        .then((module) => (loaded = module.default))
        .then(
          () => shown && redraw((n) => n + 1),
          () => shown && setFailed(true),
        )
      return () => void (shown = false)
    }, [])
    if (failed)
      return (
        <p class="notice bad">
          {t("app.partMissing")}{" "}
          <button type="button" class="button" onClick={() => location.reload()}>
            {t("app.reload")}
          </button>
        </p>
      )
    const Component = loaded
    return Component ? <Component {...props} /> : <Waiting />
  }
}

import { type ComponentType } from "preact"
import { useEffect, useState } from "preact/hooks"
import { t } from "../i18n/index"

/** A component that is loaded when it is first shown; says so if that fails. */
export function later<P extends object>(
  load: () => Promise<{ default: ComponentType<P> }>,
  Waiting: ComponentType = () => null,
): ComponentType<P> {
  let loaded: ComponentType<P> | undefined
  return function Later(props: P) {
    const [, redraw] = useState(0)
    const [failed, setFailed] = useState(false)
    useEffect(() => {
      if (loaded || failed) return
      let shown = true
      load()
        .then((module) => (loaded = module.default))
        .then(
          () => shown && redraw((n) => n + 1),
          () => shown && setFailed(true),
        )
      return () => void (shown = false)
    }, [failed])
    if (failed)
      return (
        <p class="notice bad">
          {t("failure.server-unreachable.text")}{" "}
          <button type="button" class="button" onClick={() => setFailed(false)}>
            {t("action.tryAgain")}
          </button>
        </p>
      )
    const Component = loaded
    return Component ? <Component {...props} /> : <Waiting />
  }
}

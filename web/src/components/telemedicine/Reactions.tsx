import { number, t } from "../../i18n/index"
import { names as listed } from "../../i18n/format"
import { type Reaction } from "../../lib/session/types"

interface Props {
  reactions: readonly Reaction[]
  focusable: boolean
  /** Undefined where nothing can be sent any more. */
  onReact: ((emoji: string) => void) | undefined
}

/** Reactions under a message; a press joins in, or takes the own one back. */
export function Reactions({ reactions, focusable, onReact }: Props) {
  return (
    <ul class="reactions" aria-label={t("chat.reactions")}>
      {reactions.map(({ emoji, names, own }) => {
        const people = listed(own ? [...names, t("call.you")] : names)
        return (
          <li key={emoji}>
            <button
              type="button"
              class="reaction"
              aria-pressed={own}
              title={people}
              disabled={onReact === undefined}
              tabIndex={focusable ? 0 : -1}
              onClick={() => onReact?.(own ? "" : emoji)}
            >
              <span aria-hidden="true">{emoji}</span>
              {names.length + (own ? 1 : 0) > 1 && <span aria-hidden="true">{number(names.length + (own ? 1 : 0))}</span>}
              <span class="unseen">{t("chat.reactedBy", { emoji, names: people })}</span>
            </button>
          </li>
        )
      })}
    </ul>
  )
}
